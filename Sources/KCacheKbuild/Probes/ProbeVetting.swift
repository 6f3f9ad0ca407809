/// Decides which answers may be kept: only those that follow from the probe's text and the known tools alone.
package struct ProbeVetting: Sendable {
    /// The words that call a tool whose content is in the cache's key.
    let programs: Set<String>

    package init(programs: Set<String>) { self.programs = programs }

    /// Nil if the answer may be kept; else why not.
    package func obstacle(_ note: ProbeNote) -> String? {
        guard note.answer.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else {
            return "the answer is no plain text"
        }
        switch note.kind {
        case .tryRun: return tryRun(note)
        case .shell: return shell(note)
        }
    }

    private func tryRun(_ note: ProbeNote) -> String? {
        guard note.arguments.count == 3 else { return "not three arguments" }
        // What the shell echoes is what stands in the arguments: anything else was changed on the way.
        guard note.answer == note.arguments[1] || note.answer == note.arguments[2] else {
            return "the answer is none of the two that it could be"
        }
        for word in note.answer.split(separator: " ") where word.contains("/") {
            guard word.hasPrefix("-") else { return "the answer names a path" }
        }
        return commands(note.arguments[0])
    }

    private func shell(_ note: ProbeNote) -> String? {
        guard note.arguments.count == 2 else { return "not a command" }
        guard !note.answer.contains("/") else { return "the answer names a path" }
        guard note.answer.utf8.count <= 1000 else { return "the answer is long" }
        return commands(note.arguments[1], scripts: note.arguments[0] != "-")
    }

    private func commands(_ text: String, scripts: Bool = false) -> String? {
        guard let commands = ShellCommand.parse(text) else { return "not a plain command: \(text)" }
        for command in commands {
            for (operation, target) in command.redirections {
                let isHarmless =
                    target.text == "/dev/null" || operation == ">&" && ["1", "2"].contains(target.text)
                    || operation == ">" && CompilerCall.isScratch(target.text)
                guard isHarmless else { return "it opens \(target.text)" }
            }
            for assignment in command.assignments {
                let parts = assignment.text.split(separator: "=", maxSplits: 1).map { String($0) }
                let isKnown =
                    assignment.text == "LC_ALL=C"
                    || parts.count == 2 && parts[0] == "PAHOLE" && programs.contains(parts[1])
                guard isKnown else { return "it sets \(assignment.text)" }
            }
            if let reason = obstacle(command.words, scripts: scripts) { return reason }
        }
        return nil
    }

    private func obstacle(_ words: [ShellCommand.Word], scripts: Bool) -> String? {
        guard let program = words.first?.text else { return "nothing is run" }
        let arguments = Array(words.dropFirst())
        if let reason = TextTool.obstacle(program, arguments) {
            if reason != TextTool.unknown { return reason }
        } else {
            return nil
        }
        if scripts {
            let path =
                ["sh", "/bin/sh", "bash", "/bin/bash"].contains(program)
                ? arguments.first?.text ?? "" : program
            let name = path.split(separator: "/").last.map { String($0) } ?? ""
            if KbuildProbes.knownScripts.contains(name),
                path.contains("/scripts/") || path.hasPrefix("scripts/")
            {
                let rest = path == program ? arguments : Array(arguments.dropFirst())
                return rest.allSatisfy { programs.contains($0.text) || isOption($0.text) }
                    ? nil : "not known: \(name)"
            }
        }
        guard programs.contains(program) else { return "\(program) is no tool of this toolchain" }
        // A compiler cache's arguments begin with the compiler; its own options are not looked at.
        var rest = arguments
        if program.split(separator: "/").last == "ccache" {
            guard let inner = rest.first?.text, programs.contains(inner) else {
                return "ccache runs something else"
            }
            rest.removeFirst()
            return CompilerCall.obstacle(rest, program: inner).map { "it may read a file: \($0)" }
        }
        if program == "getconf" {
            return rest.allSatisfy { isName($0.text) } ? nil : "not understood: getconf"
        }
        return CompilerCall.obstacle(rest, program: program).map { "it may read a file: \($0)" }
    }

    private func isName(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    }

    private func isOption(_ text: String) -> Bool {
        text.hasPrefix("-") && !text.contains("/") && !text.contains("@")
    }
}
