import KCacheCore
package import KCacheStore
import KCacheSystem

/// Opens connections to one far store through the user's own ssh, with all that their configuration says.
package struct SSHTransport: Sendable {
    package struct Options: Sendable {
        /// The program and options in front of the host; the user's ssh where empty.
        package var command: [String] = []
        /// The kcache at the far end; looked up in PATH and in the usual folders where empty.
        package var farProgram = ""
        /// Bytes in a second, both ways together; nil for no limit.
        package var bytesPerSecond: Int?
        /// The far end builds as well; the store is then the one that it keeps for that.
        package var builds = false
        package var connection = WireConnection.Options()
        package init() {}
    }

    package let address: SSHAddress
    private let environment: [String: String]
    private let options: Options

    /// - Parameter environment: where ssh is looked up, and what it gets.
    package init(_ address: SSHAddress, environment: [String: String], options: Options = Options()) {
        (self.address, self.environment, self.options) = (address, environment, options)
    }

    /// For people, and the name of what is kept here of that store.
    var place: String { options.builds ? "\(address), its builds" : address.description }

    /// What the user lets go over the line.
    var bytesPerSecond: UInt64? { options.bytesPerSecond.map { UInt64(clamping: $0) } }

    /// Starts ssh and waits for the far kcache's welcome.
    ///
    /// - Parameter creating: makes the store there if there is none.
    package func connect(creating: Bool, meter: LineMeter? = nil) throws(StoreError) -> WireConnection {
        let child = try start(arguments(serving: address.path))
        var limits = options.connection
        limits.meter = meter
        limits.createsStore = creating
        limits.rate = options.bytesPerSecond.map { RateLimit(bytesPerSecond: $0) }
        do throws(StoreError) {
            return try WireConnection(
                input: child.output, output: child.input, place: place, options: limits, keeping: child)
        } catch {
            guard error.code == .unreachable else { throw error }
            throw explain(error, status: child.end(within: 5))
        }
    }

    /// Starts ssh.
    func start(_ arguments: [String]) throws(StoreError) -> PipedProcess {
        do throws(SystemError) { return try PipedProcess(arguments, environment: environment) } catch {
            throw StoreError(
                .unreachable, "cannot start ssh to reach \(place): install OpenSSH's client", subject: place,
                cause: error)
        }
    }

    /// ssh has said why, on its standard error.
    var unreached: StoreError {
        StoreError(
            .unreachable, "ssh could not reach \(address.destination)", subject: place)
    }

    private func explain(_ error: StoreError, status: Int32) -> StoreError {
        let message: String
        switch status {
        case Self.noProgram:
            let host = address.destination
            message =
                "there is no kcache at \(host): kcache store add --install copies this one there, and --program says "
                + "where it is"
        case 255: return unreached
        // Of its own parser: it does not know the words that it was given.
        case 2 where options.builds:
            message = "the kcache at \(address.destination) can't build: update it there"
        default: return error
        }
        return StoreError(.unreachable, message, subject: place)
    }

    // MARK: The command

    /// What a shell says of a program that isn't there (POSIX, 2.8.2 Exit Status for Commands).
    static let noProgram: Int32 = 127

    /// ssh's arguments up to the host, then the far command.
    func arguments(running command: String, compressed: Bool = false) -> [String] {
        var words = options.command.isEmpty ? ["ssh"] : options.command
        words += compressed ? ["-T", "-C"] : ["-T"]
        if let port = address.port { words += ["-p", String(port)] }
        return words + ["--", address.destination, command]
    }

    /// The words that run kcache at the far end with these of its own, on this process's input and output.
    package func command(running words: [String]) -> [String] { arguments(running: farCommand(words)) }

    private func arguments(serving path: String?) -> [String] {
        let words = ["serve", "--stdio"] + (options.builds ? ["--builds"] : path.map { ["--", $0] } ?? [])
        return arguments(running: farCommand(words))
    }

    /// A command line for whatever shell the far user has: it starts sh, which finds kcache where users and
    /// administrators put it, since shells that ssh starts seldom read what extends PATH.
    func farCommand(_ words: [String]) -> String {
        let find = options.farProgram.isEmpty ? "\(Self.search); p=kcache" : "p=$1"
        let script = "\(find); shift; command -v \"$p\" >/dev/null 2>&1 || exit 127; exec \"$p\" \"$@\""
        let arguments = ["sh", "-c", script, "sh", options.farProgram] + words
        return arguments.map(Self.quoted).joined(separator: " ")
    }

    /// Where else than in PATH.
    static let search = "PATH=$PATH:$HOME/.local/bin:$HOME/bin:/usr/local/bin; export PATH"

    /// The kcache at the far end, as the user names it; empty where it is looked up.
    var farProgram: String { options.farProgram }

    /// One word for sh, csh and fish.
    static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: ","):
                true
            default: false
            }
        }
        if plain, !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
            + "'"
    }
}
