import KCacheCore
import KCacheSystem
import Synchronization
import SystemPackage
import Testing

@testable import KCacheKbuild

/// What ssh-keygen is asked, and what is made of its answers.
@Suite struct SshKeygenTests {
    /// Answers by what stands behind `-Y`, and keeps the calls.
    private final class Recorder: Sendable {
        private let calls = Mutex<[ToolCall]>([])
        private let answers: @Sendable (ToolCall) -> ToolAnswer

        init(_ answers: @escaping @Sendable (ToolCall) -> ToolAnswer) { self.answers = answers }

        var keygen: SshKeygen {
            SshKeygen(
                environment: ["SSH_AUTH_SOCK": "/agent"],
                runner: ToolRunner { (call) throws(SystemError) in
                    self.calls.withLock { $0.append(call) }
                    return self.answers(call)
                })
        }

        var made: [ToolCall] { calls.withLock { $0 } }
    }

    private let id = SnapshotID(Digest.of([1]))

    /// A signature's form.
    private func signature(_ namespace: String = "kcache") throws -> SshSignature {
        func string(_ bytes: [UInt8]) -> [UInt8] { [0, 0, 0, UInt8(bytes.count)] + bytes }
        let key = string(Array("ssh-ed25519".utf8)) + string([UInt8](repeating: 7, count: 32))
        return try SshSignature(
            blob: Array("SSHSIG".utf8) + [0, 0, 0, 1] + string(key) + string(Array(namespace.utf8))
                + string([])
                + string(Array("sha512".utf8)) + string([1]))
    }

    @Test func asksForWhoAndThenWhether() throws {
        let signature = try signature()
        let recorder = Recorder { call in
            switch call.arguments[2] {
            case "find-principals": ToolAnswer(status: 0, output: Array("a@x\nb@x\n".utf8))
            case "verify": ToolAnswer(status: call.arguments.contains("b@x") ? 0 : 255)
            default: ToolAnswer(status: 255)
            }
        }
        let judgement = try recorder.keygen.judge(signature, of: id, allowed: "/allowed")
        #expect(
            judgement == .signed(SnapshotSigner(principal: "b@x", key: signature.keyDescription)))
        let file = ["-f", "/allowed", "-s", "/dev/fd/3"]
        let verify = ["ssh-keygen", "-Y", "verify", "-I"]
        #expect(
            recorder.made.map(\.arguments) == [
                ["ssh-keygen", "-Y", "find-principals"] + file, verify + ["a@x", "-n", "kcache"] + file,
                verify + ["b@x", "-n", "kcache"] + file,
            ])
        let statement = SnapshotSignatures.statement(id)
        #expect(recorder.made.map(\.input) == [[], statement, statement])
        #expect(recorder.made.allSatisfy { $0.attachment == signature.armored })
        #expect(recorder.made.allSatisfy { $0.environment == ["SSH_AUTH_SOCK": "/agent"] })
    }

    /// A principal that was found is none yet, and status 0 alone is a yes.
    @Test func whatIsNoYesIsANo() throws {
        for status in [1, 2, 137, 255] as [Int32] {
            let recorder = Recorder { call in
                ToolAnswer(
                    status: call.arguments[2] == "find-principals" ? 0 : status,
                    output: Array("a@x\nGood \"kcache\" signature for a@x\n".utf8))
            }
            #expect(try !recorder.keygen.judge(signature(), of: id, allowed: "/f").isGood)
        }
        // Nobody: an answer without a principal.
        let silent = Recorder { _ in ToolAnswer(status: 0) }
        #expect(try !silent.keygen.judge(signature(), of: id, allowed: "/f").isGood)
        // Of another use: nobody is asked.
        let never = Recorder { _ in ToolAnswer(status: 0, output: Array("a@x\n".utf8)) }
        #expect(try !never.keygen.judge(signature("git"), of: id, allowed: "/f").isGood)
        #expect(never.made.isEmpty)
    }

    @Test func whatItSignsMustBeASignature() throws {
        let good = try signature()
        let recorder = Recorder { _ in
            ToolAnswer(
                status: 0, output: good.armored, errors: Array("Signing data on standard input\n".utf8))
        }
        #expect(try recorder.keygen.sign(id, key: "/key") == good)
        #expect(recorder.made[0].arguments == ["ssh-keygen", "-Y", "sign", "-n", "kcache", "-f", "/key"])
        #expect(recorder.made[0].input == SnapshotSignatures.statement(id))
        let git = try signature("git").armored
        for answer in [
            ToolAnswer(status: 0), ToolAnswer(status: 1, output: good.armored),
            ToolAnswer(status: 0, output: Array("hello\n".utf8)), ToolAnswer(status: 0, output: git),
        ] {
            let error = #expect(throws: KbuildError.self) {
                try Recorder { _ in answer }.keygen.sign(id, key: "/key")
            }
            #expect(error?.code == .untrusted && error?.message.contains("\n") == false)
        }
    }
}
