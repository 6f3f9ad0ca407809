/// Memory that is used again and again and grows where needed; for one thread at a time.
final class ByteBuffer {
    private(set) var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    deinit { bytes.deallocate() }

    /// At least one byte, `count` of them; what was in it is lost.
    func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if bytes.count < max(1, count) {
            bytes.deallocate()
            bytes = .allocate(byteCount: max(1, count), alignment: 16)
        }
        return UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
    }
}
