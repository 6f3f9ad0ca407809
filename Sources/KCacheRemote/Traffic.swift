package import KCacheCore

/// Bytes that went over a connection, headers included.
package struct Traffic: Hashable, Sendable {
    package var sent = ByteCount.zero
    package var received = ByteCount.zero

    package init(sent: ByteCount = .zero, received: ByteCount = .zero) {
        (self.sent, self.received) = (sent, received)
    }

    package static func + (a: Traffic, b: Traffic) -> Traffic {
        Traffic(sent: a.sent + b.sent, received: a.received + b.received)
    }
}
