package import KCacheCore

/// The numbers of the store protocol; `docs/protocol.md` has the byte tables.
package enum WireFormat {
    /// The oldest version that this program speaks, and the newest.
    package static let versions: ClosedRange<UInt8> = 1...2
    /// From which on the far end can build.
    package static let building: UInt8 = 2
    /// Starts what a client sends first.
    package static let clientMagic = Array("KCSP".utf8)
    /// Starts a server's answer. No text that a shell prints has NUL bytes.
    package static let serverMagic = [0] + Array("kcache serve".utf8) + [0]
    package static let nonceLength = 16
    /// What a far shell may print before the server's answer.
    package static let longestNoise = 64 << 10
    /// The most bytes of a frame after its length.
    package static let longestFrame = 1 << 20
    /// What one `data` or `append` message carries at most.
    package static let longestData = 256 << 10
    /// The most objects that a client lets itself be told of in one list.
    package static let mostListed = 1_000_000
    /// The most objects that one `delete` names.
    package static let mostNames = 10_000
}

/// What the far end lets a client do.
package enum WireAccess: UInt8, Sendable, CaseIterable {
    case readOnly, appendOnly, full
}

/// What a client sends before any frame.
package struct WireGreeting: Hashable, Sendable {
    package var versions: ClosedRange<UInt8>
    /// A store is made where there is none.
    package var createsStore: Bool
    /// Comes back, so that nothing else can be taken for the answer.
    package var nonce: [UInt8]

    package static let length = WireFormat.clientMagic.count + 3 + WireFormat.nonceLength

    package init(versions: ClosedRange<UInt8> = WireFormat.versions, createsStore: Bool, nonce: [UInt8]) {
        (self.versions, self.createsStore, self.nonce) = (versions, createsStore, nonce)
    }

    package func encode() -> [UInt8] {
        WireFormat.clientMagic + [versions.lowerBound, versions.upperBound, createsStore ? 1 : 0] + nonce
    }

    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> WireGreeting {
        let magic = WireFormat.clientMagic
        guard bytes.count == length, bytes.starts(with: magic) else {
            throw FormatError("greeting", "no kcache is at the other end")
        }
        let (oldest, newest) = (bytes[magic.count], bytes[magic.count + 1])
        guard oldest > 0, oldest <= newest else { throw FormatError("greeting", "impossible versions") }
        // Later versions may give the other bits a meaning.
        let createsStore = bytes[magic.count + 2] & 1 != 0
        return WireGreeting(
            versions: oldest...newest, createsStore: createsStore, nonce: Array(bytes[(magic.count + 3)...]))
    }
}
