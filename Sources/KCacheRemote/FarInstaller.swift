package import KCacheCore
import KCacheStore
package import KCacheSystem

/// Puts this program where a far store has none.
package struct FarInstaller {
    /// What came of it.
    package enum Outcome: Hashable, Sendable {
        /// There is one, which was left alone.
        case present(path: String, version: String)
        case installed(path: String, version: String, ByteCount)
    }

    private let transport: SSHTransport
    /// `uname -m` here.
    private let machine: String
    private let copying: (ByteCount) -> Void

    /// - Parameter copying: hears how much is going to be copied.
    package init(
        _ transport: SSHTransport, machine: String, copying: @escaping (ByteCount) -> Void = { _ in }
    ) { (self.transport, self.machine, self.copying) = (transport, machine, copying) }

    /// Looks for a kcache at the far end, and copies the program there if there is none.
    ///
    /// Under a temporary name first, and in place once it has run there; what is there already is never replaced.
    ///
    /// - Throws: `StoreError`, one line that says why it can't be.
    package func install(_ program: borrowing Descriptor) throws -> Outcome {
        let survey = try survey()
        if !survey.program.isEmpty {
            guard !survey.version.isEmpty else {
                throw refusal(
                    "\(survey.program) at \(host) does not run as a kcache: remove it, or name another place "
                        + "with --program")
            }
            return .present(path: survey.program, version: survey.version)
        }
        guard survey.system == "Linux" else {
            throw refusal("nothing was copied: \(host) runs \(survey.system), and kcache runs on Linux")
        }
        guard survey.machine == machine else {
            throw refusal(
                "nothing was copied: \(host) is of another architecture (\(survey.machine) instead of "
                    + "\(machine)): build kcache there")
        }
        let path = try target(survey)
        let size = try program.status().size
        copying(ByteCount(size))
        try copy(program, size, to: path)
        // As every connection will look for it.
        let after = try self.survey()
        guard !after.version.isEmpty else {
            throw refusal(
                "kcache was copied to \(path) at \(host), and is not found there: say where it is (kcache store "
                    + "add --program)")
        }
        return .installed(path: after.program, version: after.version, ByteCount(size))
    }

    // MARK: Steps

    private struct Survey {
        var system = ""
        var machine = ""
        var home = ""
        var program = ""
        var version = ""
    }

    private func survey() throws -> Survey {
        let nonce = Self.nonce()
        let output = try transport.run(FarScript.survey, [nonce, transport.farProgram])
        guard let lines = FarScript.answer(output, nonce: nonce), lines.count == 5 else {
            let said =
                String(decoding: output.prefix(200), as: UTF8.self).split(whereSeparator: \.isNewline)
                .last.map { "; the far end said: \(quoteForPeople(Array($0.utf8)))" } ?? ""
            throw StoreError(
                .unreachable, "\(host) runs no commands for this key\(said)",
                subject: transport.address.description)
        }
        let said = lines.map { quoteForPeople(Array($0.utf8.prefix(300))) }
        return Survey(system: said[0], machine: said[1], home: lines[2], program: said[3], version: said[4])
    }

    private func target(_ survey: Survey) throws -> String {
        if transport.farProgram.isEmpty {
            guard survey.home.hasPrefix("/") else {
                throw refusal("nothing was copied: \(host) names no home directory: use --program")
            }
            return survey.home + "/.local/bin/kcache"
        }
        guard transport.farProgram.hasPrefix("/"), !transport.farProgram.hasSuffix("/") else {
            throw refusal(
                "nothing was copied: --program \(transport.farProgram) is no path from / on")
        }
        return transport.farProgram
    }

    private func copy(_ program: borrowing Descriptor, _ size: UInt64, to path: String) throws {
        let nonce = Self.nonce()
        let output = try transport.run(FarScript.install, [nonce, path, String(size)], input: program)
        let lines = FarScript.answer(output, nonce: nonce) ?? []
        guard lines.count == 3, let ending = FarScript.Ending(rawValue: lines[0]) else {
            throw StoreError(
                .unreachable,
                "the connection to \(host) broke while kcache was copied: nothing is in place there",
                subject: transport.address.description)
        }
        let said = quoteForPeople(Array(lines[1].utf8.prefix(300)))
        switch ending {
        case .done: return
        case .short: throw refusal("nothing was copied: not all of kcache came to \(host)")
        case .occupied:
            throw refusal(
                "nothing was copied: there is a \(path) at \(host) that does not run as a kcache: remove it, or "
                    + "name another place with --program")
        case .unwritable: throw refusal("nothing was copied to \(path) at \(host): \(said)")
        case .unfit:
            let missing = quoteForPeople(Array(lines[2].utf8.prefix(300))).split(separator: " ")
            let reason =
                missing.isEmpty
                ? said : "it has no \(missing.joined(separator: ", ")): install the packages that hold them"
            throw refusal("nothing was copied: this kcache does not run at \(host): \(reason)")
        }
    }

    // MARK: Helpers

    private var host: String { transport.address.destination }

    private func refusal(_ text: String) -> StoreError {
        StoreError(.refused, text, subject: transport.address.description)
    }

    private static func nonce() -> String {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        return bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
