import KCacheCore
import KCacheStore
import KCacheSystem

/// Cuts a channel's bytes into frames.
struct FrameReader {
    private let channel: ByteChannel
    private var buffer: [UInt8] = []
    private var start = 0

    init(_ channel: ByteChannel) { self.channel = channel }

    /// The next bytes, exactly so many; nil if the channel ends before the first of them.
    mutating func bytes(_ count: Int) throws -> [UInt8]? {
        while buffer.count - start < count {
            if start > 0 {
                buffer.removeFirst(start)
                start = 0
            }
            var part = [UInt8](repeating: 0, count: 64 << 10)
            let n = try part.withUnsafeMutableBytes { (raw) throws(SystemError) in
                try channel.read(into: raw) ?? 0
            }
            if n == 0 {
                if buffer.isEmpty { return nil }
                throw FormatError("frame", "cut short")
            }
            buffer += part[..<n]
        }
        defer { start += count }
        return Array(buffer[start..<start + count])
    }

    mutating func frame() throws -> WireFrame? {
        guard let prefix = try bytes(4) else { return nil }
        guard let rest = try bytes(try WireFrame.length(prefix)) else {
            throw FormatError("frame", "cut short")
        }
        return try WireFrame(rest)
    }
}
