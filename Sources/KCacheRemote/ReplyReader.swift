import KCacheCore
import KCacheStore
import KCacheSystem

/// Cuts what a far end sends into frames, and finds its welcome behind what a shell may have printed.
struct ReplyReader: Sendable {
    private let channel: ByteChannel
    /// Milliseconds.
    private let patience: Int32
    private let count: @Sendable (Int) -> Void
    private var buffer: [UInt8] = []
    private var start = 0

    init(_ channel: ByteChannel, patience: Int32, count: @escaping @Sendable (Int) -> Void) {
        (self.channel, self.patience, self.count) = (
            channel, patience.multipliedReportingOverflow(by: 1000).partialValue, count
        )
    }

    /// The welcome's frame, behind a banner or the words of a shell's start-up files.
    mutating func welcome(nonce: [UInt8]) throws -> WireFrame {
        let mark = WireFormat.serverMagic + nonce
        while true {
            if let place = find(mark) {
                start = place + mark.count
                guard let frame = try frame(mayBeSilent: { false }) else { throw ended }
                return frame
            }
            guard buffer.count <= WireFormat.longestNoise else {
                throw FormatError("welcome", "the far end does not speak kcache's protocol: \(noise)")
            }
            guard try fill({ false }) else {
                throw FormatError(
                    "welcome",
                    buffer.isEmpty ? "the far end has closed the connection" : "the far end said: \(noise)")
            }
        }
    }

    /// The next frame; nil at the end.
    ///
    /// - Parameter mayBeSilent: whether nothing is owed at the moment.
    mutating func frame(mayBeSilent: () -> Bool) throws -> WireFrame? {
        guard let prefix = try bytes(4, mayBeSilent) else { return nil }
        guard let rest = try bytes(try WireFrame.length(prefix), { false }) else { throw ended }
        return try WireFrame(rest)
    }

    private var ended: FormatError { FormatError("frame", "cut short") }

    /// The last line of what came instead of a welcome.
    private var noise: String {
        let lines = buffer.split(separator: UInt8(ascii: "\n"))
        return quoteForPeople(Array((lines.last ?? []).prefix(200)))
    }

    private mutating func bytes(_ wanted: Int, _ mayBeSilent: () -> Bool) throws -> [UInt8]? {
        while buffer.count - start < wanted {
            guard try fill(mayBeSilent) else {
                if buffer.count == start { return nil }
                throw ended
            }
        }
        defer { start += wanted }
        return Array(buffer[start..<start + wanted])
    }

    /// Adds what there is to the buffer; false at the end.
    private mutating func fill(_ mayBeSilent: () -> Bool) throws -> Bool {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let got = try part.withUnsafeMutableBytes { (raw) throws(SystemError) in
                try channel.read(into: raw, timeout: patience)
            }
            guard let got else {
                if mayBeSilent() { continue }
                throw FormatError("connection", "the far end is silent for \(patience / 1000) s")
            }
            count(got)
            buffer += part[..<got]
            return got > 0
        }
    }

    private func find(_ mark: [UInt8]) -> Int? {
        guard buffer.count >= mark.count else { return nil }
        return (0...(buffer.count - mark.count)).first { at in
            buffer[at] == mark[0] && buffer[at..<at + mark.count].elementsEqual(mark)
        }
    }
}
