import CKCacheLinux

/// Finds bytes in bytes, quickly (memmem).
package enum ByteSearch {
    /// The offset of the first occurrence; nil if there is none.
    package static func first(_ needle: [UInt8], in bytes: UnsafeRawBufferPointer) -> Int? {
        let at = needle.withUnsafeBytes {
            kcache_find(bytes.baseAddress, bytes.count, $0.baseAddress, $0.count)
        }
        return at < 0 ? nil : Int(at)
    }

    package static func contains(_ bytes: ArraySlice<UInt8>, _ needle: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { first(needle, in: $0) != nil }
    }
}
