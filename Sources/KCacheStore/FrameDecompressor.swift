import CZstd
import KCacheCore

/// Decompresses frames with one zstd context and buffers that are used again.
///
/// Unchecked Sendable: a `WorkerPool` lends it to one thread at a time.
final class FrameDecompressor: @unchecked Sendable {
    private let context: OpaquePointer
    private let output = ByteBuffer()
    /// Where a caller reads a compressed frame into.
    let input = ByteBuffer()

    init() throws(StoreError) {
        guard let context = ZSTD_createDCtx() else {
            throw StoreError(.system, "cannot set up zstd: out of memory", subject: "zstd")
        }
        self.context = context
    }

    deinit { _ = ZSTD_freeDCtx(context) }

    /// The frame's bytes, valid until the next call.
    ///
    /// The frame must say itself that it holds `rawLength` bytes, which the caller has checked against
    /// `PackFormat.longestFrame`: so no frame makes this ask for more memory than that.
    func decompress(_ frame: UnsafeRawBufferPointer, rawLength: Int) throws(FormatError)
        -> UnsafeRawBufferPointer
    {
        guard rawLength <= PackFormat.longestFrame else { throw FormatError("frame", "too long") }
        guard ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count) == frame.count else {
            throw FormatError("frame", "is not one whole zstd frame")
        }
        guard ZSTD_getFrameContentSize(frame.baseAddress, frame.count) == UInt64(rawLength) else {
            throw FormatError("frame", "holds another number of bytes than the table says")
        }
        let space = output.reserve(rawLength)
        let result = ZSTD_decompressDCtx(
            context, space.baseAddress, space.count, frame.baseAddress, frame.count)
        guard ZSTD_isError(result) == 0 else {
            throw FormatError("frame", String(cString: ZSTD_getErrorName(result)))
        }
        guard result == rawLength else { throw FormatError("frame", "ends early") }
        return UnsafeRawBufferPointer(rebasing: space[..<rawLength])
    }
}
