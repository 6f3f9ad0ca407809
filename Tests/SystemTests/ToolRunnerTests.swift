import KCacheSystem
import SystemPackage
import Testing

@Suite struct ToolRunnerTests {
    private func run(_ script: String, input: String = "", attachment: [UInt8] = []) throws -> ToolAnswer {
        try ToolRunner.system.run(
            ToolCall(
                ["sh", "-c", script], environment: ["PATH": "/usr/bin:/bin"], input: Array(input.utf8),
                attachment: attachment))
    }

    @Test func readsBothAndAnswersOnBoth() throws {
        let answer = try run(
            "cat; cat \(ToolCall.attachmentPath) >&2; exit 7", input: "in", attachment: Array("more".utf8))
        #expect(answer.status == 7)
        #expect(answer.output == Array("in".utf8) && answer.errors == Array("more".utf8))
        #expect(try run("kill -9 $$").status == 137)
    }

    /// More than a pipe holds, on all of them, read by nobody and written without end: nobody waits.
    @Test func nobodyWaits() throws {
        let much = String(repeating: "x", count: 300_000)
        let ignored = try run("exit 0", input: much, attachment: Array(much.utf8))
        #expect(ignored.status == 0 && ignored.output.isEmpty)
        let echoed = try run(
            "cat >&2; cat \(ToolCall.attachmentPath)", input: much, attachment: Array(much.utf8))
        #expect(echoed.output.count == 300_000 && echoed.errors.count == 300_000)
    }

    @Test func whatIsNotThere() {
        let call = ToolCall(["ssh-keygen"], environment: ["PATH": "/nonexistent"])
        let error = #expect(throws: SystemError.self) { try ToolRunner.system.run(call) }
        #expect(error?.errno == .noSuchFileOrDirectory)
    }
}
