import KCacheCore
package import KCacheSystem

/// Cuts a channel's bytes into frames.
package struct WireReader: Sendable {
    package struct Options: Sendable {
        /// Milliseconds of silence after which the other end is given up; -1: never.
        package var patience: Int32 = -1
        /// Gets the number of bytes that came.
        package var count: @Sendable (Int) -> Void = { _ in }
        package init() {}
    }

    private let channel: ByteChannel
    private let options: Options
    private var buffer: [UInt8] = []
    private var start = 0

    package init(_ channel: ByteChannel, options: Options = Options()) {
        (self.channel, self.options) = (channel, options)
    }

    /// The next bytes, exactly so many; nil if the channel ends before the first of them.
    ///
    /// - Parameter mayBeSilent: asked when the other end has said nothing for as long as it may.
    package mutating func bytes(_ count: Int, mayBeSilent: () -> Bool = { false }) throws -> [UInt8]? {
        while buffer.count - start < count {
            guard try fill(mayBeSilent) else {
                if buffer.count == start { return nil }
                throw Self.ended
            }
        }
        defer { start += count }
        return Array(buffer[start..<start + count])
    }

    /// The next frame; nil at the end.
    package mutating func frame(mayBeSilent: () -> Bool = { false }) throws -> WireFrame? {
        guard let prefix = try bytes(4, mayBeSilent: mayBeSilent) else { return nil }
        guard let rest = try bytes(try WireFrame.length(prefix)) else { throw Self.ended }
        return try WireFrame(rest)
    }

    /// The frame behind a mark, which may come after other bytes.
    ///
    /// - Returns: the frame, or what came in its place when `limit` bytes had come or the channel ended.
    package mutating func frame(behind mark: [UInt8], limit: Int) throws -> MarkedFrame {
        while true {
            if let place = find(mark) {
                start = place + mark.count
                guard let frame = try frame() else { throw Self.ended }
                return .found(frame)
            }
            if buffer.count > limit { return .missing(buffer, atEnd: false) }
            guard try fill({ false }) else { return .missing(buffer, atEnd: true) }
        }
    }

    package enum MarkedFrame {
        case found(WireFrame)
        case missing([UInt8], atEnd: Bool)
    }

    private static var ended: FormatError { FormatError("frame", "cut short") }

    /// Adds what there is to the buffer; false at the end.
    private mutating func fill(_ mayBeSilent: () -> Bool) throws -> Bool {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let got = try part.withUnsafeMutableBytes { (raw) throws(SystemError) in
                try channel.read(into: raw, timeout: options.patience)
            }
            guard let got else {
                if mayBeSilent() { continue }
                throw FormatError("connection", "the far end is silent for \(options.patience / 1000) s")
            }
            options.count(got)
            buffer += part[..<got]
            return got > 0
        }
    }

    private func find(_ mark: [UInt8]) -> Int? {
        guard let first = mark.first, buffer.count >= mark.count else { return nil }
        return (0...(buffer.count - mark.count)).first { at in
            buffer[at] == first && buffer[at..<at + mark.count].elementsEqual(mark)
        }
    }
}
