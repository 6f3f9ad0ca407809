import CZstd
import KCacheCore

/// Compresses frames with one zstd context.
///
/// Unchecked Sendable: a `WorkerPool` lends it to one thread at a time.
final class FrameCompressor: @unchecked Sendable {
    private let context: OpaquePointer
    private let output = ByteBuffer()
    /// Where a caller puts together what it wants compressed.
    let input = ByteBuffer()

    init() throws(StoreError) {
        guard let context = ZSTD_createCCtx() else {
            throw StoreError(.system, "cannot set up zstd: out of memory", subject: "zstd")
        }
        self.context = context
        for (parameter, value) in Self.parameters {
            let result = ZSTD_CCtx_setParameter(context, parameter, value)
            if ZSTD_isError(result) != 0 { throw zstdError("set up zstd", result) }
        }
    }

    deinit { _ = ZSTD_freeCCtx(context) }

    /// Level 3 is near the speed of a disk. The window holds a whole frame. The checksum finds a flipped bit
    /// before any digest is computed. Long-distance matching was measured and left out: within one frame of a
    /// kernel's `.o` files it saves 0.7 % for 30 % more time.
    private static let parameters: [(ZSTD_cParameter, Int32)] = [
        (ZSTD_c_compressionLevel, 3),
        (ZSTD_c_windowLog, 23),
        (ZSTD_c_contentSizeFlag, 1),
        (ZSTD_c_checksumFlag, 1),
    ]

    /// The compressed frame, valid until the next call.
    func compress(_ raw: UnsafeRawBufferPointer) throws(StoreError) -> UnsafeRawBufferPointer {
        let space = output.reserve(ZSTD_compressBound(raw.count))
        let result = ZSTD_compress2(context, space.baseAddress, space.count, raw.baseAddress, raw.count)
        if ZSTD_isError(result) != 0 { throw zstdError("compress", result) }
        return UnsafeRawBufferPointer(rebasing: space[..<result])
    }
}

func zstdError(_ what: String, _ code: Int) -> StoreError {
    StoreError(
        .system, "cannot \(what): zstd says \(String(cString: ZSTD_getErrorName(code)))", subject: "zstd")
}
