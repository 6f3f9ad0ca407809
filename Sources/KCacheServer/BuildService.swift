package import KCacheStore
import KCacheSystem
import Synchronization

/// Builds what clients order.
package protocol BuildService: Sendable {
    /// Builds, and says meanwhile what the client should see. Called on a thread of its own; ends soon after
    /// `talk` is cut off.
    ///
    /// - Throws: `StoreError`, or anything that has a description for the client.
    func build(_ order: WireBuildOrder, in store: Store, _ talk: BuildTalk) throws -> WireBuildResult
}

/// The way back to the client during a build.
package final class BuildTalk: Sendable {
    private struct State {
        var isCut = false
        var onCut: (@Sendable () -> Void)?
    }

    private let send: @Sendable (WireReply) throws -> Void
    private let state = Mutex(State())

    package init(_ send: @escaping @Sendable (WireReply) throws -> Void) { self.send = send }

    /// Shows bytes to the client; what is longer than a message goes in several.
    ///
    /// - Throws: if the client is gone.
    package func say(_ voice: WireBuildVoice, _ bytes: [UInt8]) throws {
        for start in stride(from: 0, to: bytes.count, by: WireFormat.longestData) {
            let end = min(start + WireFormat.longestData, bytes.count)
            try send(.said(voice, Array(bytes[start..<end])))
        }
    }

    /// One line of the far kcache's own.
    package func note(_ line: String) throws { try say(.note, Array(line.utf8)) }

    /// Tells that the build still goes on, so that silence can be told from a lost connection.
    package func stillRunning() throws { try send(.waiting) }

    /// True once the client has gone.
    package var isCut: Bool { state.withLock { $0.isCut } }

    /// Runs when the client goes; at once if it has gone already. One at a time; nil for none.
    package func onCut(_ body: (@Sendable () -> Void)?) {
        let isCut = state.withLock { state in
            state.onCut = body
            return state.isCut
        }
        if isCut { body?() }
    }

    func cut() {
        let body = state.withLock { state -> (@Sendable () -> Void)? in
            state.isCut = true
            return state.onCut
        }
        body?()
    }
}
