import KCacheCore
package import KCacheStore
package import KCacheSystem

/// Serves one store to one client, until the client goes.
package final class StoreServer {
    package struct Options: Sendable {
        package var access = WireAccess.full
        /// What the client is told of this program.
        package var program = "kcache"
        /// Builds for the client; nil: this is a store and nothing else.
        package var builder: (any BuildService)?
        /// While a build goes on, so often the client is told; it gives up what is silent for a minute.
        package var pulse = Duration.seconds(5)
        package init() {}
    }

    private let open: (Store.OpenMode) throws -> Store
    private let options: Options
    private let output: ByteChannel
    private var frames: WireReader

    /// - Parameter open: gives the store; what it throws is said to the client.
    package init(
        input: ByteChannel, output: ByteChannel, options: Options = Options(),
        open: @escaping (Store.OpenMode) throws -> Store
    ) {
        (self.open, self.output, self.options) = (open, output, options)
        frames = WireReader(input)
    }

    /// - Throws: `FormatError` if the client does not speak the protocol, `SystemError` if it is gone.
    package func run() throws {
        guard let bytes = try frames.bytes(WireGreeting.length) else { return }
        let greeting = try WireGreeting.decode(bytes)
        let newest = min(greeting.versions.upperBound, WireFormat.versions.upperBound)
        let common = newest >= max(greeting.versions.lowerBound, WireFormat.versions.lowerBound)
        try output.write(WireFormat.serverMagic + greeting.nonce)
        var welcome = WireWelcome(
            version: common ? newest : 0, versions: WireFormat.versions, access: options.access,
            program: options.program)
        guard common else { return try output.write(welcome.frame()) }
        let store: Store
        do {
            let creates = greeting.createsStore && options.access != .readOnly
            store = try open(creates ? .createIfMissing : .existing)
        } catch {
            return try output.write(WireReply.failed(WireFailure(any: error)).frame(0))
        }
        welcome.place = store.place
        try output.write(welcome.frame())
        try StoreSitting(store, options, output).run(&frames)
    }
}

extension WireFailure: Error {}

extension WireFailure {
    init(_ error: StoreError) {
        let code: Code =
            switch error.code {
            case .damaged, .missing, .newerFormat: .damaged
            case .misuse, .refused: .misuse
            default: .system
            }
        self.init(code: code, message: error.description, subject: error.subject)
    }

    init(any error: any Error) {
        if let error = error as? StoreError {
            self.init(error)
        } else {
            self.init(code: .system, message: "\(error)", subject: "")
        }
    }
}
