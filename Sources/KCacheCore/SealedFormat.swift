/// The frame of a small file that this program writes for itself: magic, version, content, and at the end the
/// SHA-256 of all of it.
package struct SealedFormat: Sendable {
    /// For error lines.
    package let what: String
    private let start: [UInt8]

    /// - Parameter magic: four letters.
    package init(_ what: String, magic: StaticString, version: UInt8) {
        self.what = what
        start = Array("\(magic)".utf8) + [version]
    }

    package func encode(capacity: Int = 0, _ write: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter(capacity: capacity + start.count + Digest.byteCount)
        writer.raw(start)
        write(&writer)
        writer.digest(Digest.of(writer.bytes))
        return writer.bytes
    }

    /// Reads the content to its last byte.
    ///
    /// - Throws: `FormatError` for anything but what `encode` makes.
    package func decode<T>(
        _ bytes: [UInt8], _ read: (inout ByteReader) throws(FormatError) -> T
    ) throws(FormatError) -> T {
        let result = bytes.withUnsafeBytes { raw -> Result<T, FormatError> in
            do throws(FormatError) { return .success(try decode(raw, read)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func decode<T>(
        _ raw: UnsafeRawBufferPointer, _ read: (inout ByteReader) throws(FormatError) -> T
    ) throws(FormatError) -> T {
        let end = raw.count - Digest.byteCount
        guard end >= start.count else { throw FormatError(what, "cut short", at: raw.count) }
        let body = UnsafeRawBufferPointer(rebasing: raw[..<end])
        guard Digest.of(body) == Digest(UnsafeRawBufferPointer(rebasing: raw[end...])) else {
            throw FormatError(what, "the checksum differs", at: end)
        }
        guard body.starts(with: start) else { throw FormatError(what, "not of this kind") }
        var reader = ByteReader(body, what: what)
        _ = try reader.bytes(start.count)
        let value = try read(&reader)
        guard reader.isAtEnd else { throw reader.error("bytes after the end") }
        return value
    }
}
