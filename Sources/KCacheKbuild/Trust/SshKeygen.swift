package import KCacheCore
package import KCacheSystem
package import SystemPackage

/// Makes and checks signatures with the user's own `ssh-keygen` (OpenSSH 8.9 or newer): kcache knows no key.
package struct SshKeygen: Sendable {
    /// With PATH, HOME and SSH_AUTH_SOCK.
    private let environment: [String: String]
    private let runner: ToolRunner

    package init(environment: [String: String], runner: ToolRunner = .system) {
        (self.environment, self.runner) = (environment, runner)
    }

    private static let program = "ssh-keygen"

    // MARK: Signing

    /// Signs for a snapshot. With a public key's file the agent is asked, or the private key beside it.
    package func sign(_ id: SnapshotID, key: FilePath) throws -> SshSignature {
        let answer = try run(
            ["-Y", "sign", "-n", SshSignature.namespace, "-f", key.string],
            input: SnapshotSignatures.statement(id), attachment: [])
        var text = answer.output[...]
        do throws(FormatError) {
            guard answer.status == 0 else {
                throw FormatError(Self.program, "status \(answer.status)")
            }
            let signature = try SshSignature(armored: &text)
            guard signature.namespace == SshSignature.namespace else {
                throw FormatError(Self.program, "another namespace")
            }
            return signature
        } catch {
            throw KbuildError(
                .untrusted,
                "cannot sign with \(key.string): ssh-keygen says \(Self.words(answer) ?? error.problem): is the "
                    + "key in the agent, or its private file beside it?")
        }
    }

    // MARK: Checking

    /// Whether a signature is one of this snapshot, by somebody whom the file knows, and valid now.
    ///
    /// The time that counts is that of this machine's clock: when a snapshot was signed, only its signer says.
    func judge(_ signature: SshSignature, of id: SnapshotID, allowed: FilePath) throws -> SignatureJudgement {
        guard signature.namespace == SshSignature.namespace else {
            return .refused("is signed for \"\(signature.namespace)\", not for kcache")
        }
        let file = ["-f", allowed.string, "-s", ToolCall.attachmentPath]
        let statement = SnapshotSignatures.statement(id)
        let known = try run(
            ["-Y", "find-principals"] + file, input: [], attachment: signature.armored)
        var last = known
        if known.status == 0 {
            for principal in Self.lines(known.output) {
                last = try run(
                    ["-Y", "verify", "-I", principal, "-n", SshSignature.namespace] + file, input: statement,
                    attachment: signature.armored)
                if last.status == 0 {
                    return .signed(SnapshotSigner(principal: principal, key: signature.keyDescription))
                }
            }
        }
        let form = try run(
            ["-Y", "check-novalidate", "-n", SshSignature.namespace, "-s", ToolCall.attachmentPath],
            input: statement, attachment: signature.armored)
        if form.status != 0 {
            return .refused("has a signature by \(signature.keyDescription) that is of other bytes")
        }
        let words = Self.words(last).map { ": ssh-keygen says \($0)" } ?? ""
        return .refused(
            "is signed by \(signature.keyDescription), which \(allowed.string) does not allow now\(words)")
    }

    // MARK: Helpers

    private func run(_ arguments: [String], input: [UInt8], attachment: [UInt8]) throws -> ToolAnswer {
        do throws(SystemError) {
            return try runner.run(
                ToolCall(
                    [Self.program] + arguments, environment: environment, input: input, attachment: attachment
                ))
        } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
            throw KbuildError(
                .untrusted,
                "signatures need ssh-keygen, which is not in PATH: install OpenSSH's client (openssh-client)")
        }
    }

    /// Its first complaint, in quotes; nil for none.
    private static func words(_ answer: ToolAnswer) -> String? {
        let first = lines(answer.errors).first { !$0.hasPrefix("Signing data") }
        return first.map { "\"\(quoteForPeople(Array($0.utf8.prefix(200))))\"" }
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        bytes.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
