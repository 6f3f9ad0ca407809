import KCacheCore
package import KCacheSystem

/// The probes and other costly definitions of one tree, as far as they are understood.
package struct KbuildProbes: Sendable {
    /// A variable whose value comes from one `$(shell …)`.
    struct ShellVariable: Hashable, Sendable {
        let name: String
        let before: String
        let command: String
        let after: String
        /// Over the scripts of the tree that the command runs; `-` where it runs none.
        let scripts: String
    }

    /// The text of `try-run`; nil if it isn't overridden.
    private(set) var tryRun: String?
    /// The text of `cmd`; nil if it isn't overridden.
    private(set) var cmd: String?
    private(set) var shellVariables: [ShellVariable] = []
    /// Over all the definitions that decide what an answer means.
    private(set) var digest: Digest = .zero
    /// What is left to plain make, and why: a line each.
    package private(set) var explanation: [String] = []

    /// Makefiles in which nothing of this may be defined a second time.
    private static let files = [
        "scripts/Kbuild.include", "scripts/Makefile.compiler", "Makefile", "scripts/Makefile.build",
        "scripts/Makefile.lib", "scripts/Makefile.extrawarn", "scripts/Makefile.clang", "Kbuild",
        "scripts/Makefile.host", "scripts/Makefile.cc-version", "scripts/Makefile.btf",
    ]

    /// Variables of any kernel since 4.14 that start a program or a shell to be known.
    private static let shellNames = [
        "CC_VERSION_TEXT", "PAHOLE_FLAGS", "cc-version", "cc-fullversion", "cc-name", "ld-version", "ld-name",
        "gcc-min-version",
        "clang-min-version",
    ]

    /// Reads the definitions of a source tree.
    package init(reading source: Directory) throws(SystemError) {
        var makefiles: [MakeDefinitions] = []
        for file in Self.files {
            guard let name = TreePath(file), let bytes = try source.readFile(name, limit: 1 << 20) else {
                continue
            }
            makefiles.append(MakeDefinitions(parsing: bytes))
        }
        func only(_ name: String) -> MakeDefinitions.Definition? {
            guard makefiles.reduce(0, { $0 + $1.count(name) }) == 1 else { return nil }
            return makefiles.lazy.compactMap { $0.only(name) }.first
        }
        var hash = DigestBuilder()
        if let text = only("try-run"), text.assignment == "=", Self.isTryRun(text.text) {
            tryRun = text.text
            hash.update(MakeReferences.joined(text.text))
            hash.update(only("TMPOUT").map { MakeReferences.joined($0.text) } ?? "")
        } else {
            explanation.append("try-run is of a form that is not understood: its probes are not cached")
        }
        if let text = only("cmd"), text.assignment == "=", Self.isCmd(text.text) {
            cmd = text.text
        } else if makefiles.allSatisfy({ $0.count("cmd") == 0 }) {
            explanation.append("cmd is not defined in the usual place")
        }
        for name in Self.shellNames where makefiles.contains(where: { $0.count(name) > 0 }) {
            guard let text = only(name), let variable = try Self.shellVariable(name, text, source) else {
                explanation.append("\(name) is of a form that is not understood: it is left to make")
                continue
            }
            shellVariables.append(variable)
        }
        digest = hash.finish()
    }

    // MARK: Shapes

    /// True for the text of a definition that would be overridden.
    package static func understands(_ text: String) -> Bool { isTryRun(text) || isCmd(text) }

    /// True for one shell call that runs its first argument and echoes the second or the third.
    static func isTryRun(_ text: String) -> Bool {
        let whole = MakeReferences.joined(text)
        guard whole.hasPrefix("$(shell "), whole.hasSuffix(")"), !whole.contains("#"),
            let call = MakeReferences.shellCall(whole), call.before.isEmpty, call.after.isEmpty,
            let heads = MakeReferences.heads(whole)
        else { return false }
        let known: Set = [
            "shell", "1", "2", "3", "TMPOUT", "objtree", "KBUILD_EXTMOD", "if", "firstword", "dir",
        ]
        guard heads.allSatisfy(known.contains), heads.count(where: { $0 == "1" }) == 1 else { return false }
        let squeezed = call.command.split { $0 == " " || $0 == "\t" }.joined(separator: " ")
        return squeezed.contains("if ($(1)) >/dev/null 2>&1; then echo \"$(2)\"; else echo \"$(3)\"; fi")
    }

    /// True if nothing is left to do when `$(cmd_$(1))` and its message are empty.
    static func isCmd(_ text: String) -> Bool {
        let whole = MakeReferences.joined(text)
        guard whole.hasPrefix("@"), whole.hasSuffix("$(cmd_$(1))"), !whole.contains("#"),
            let heads = MakeReferences.heads(whole)
        else { return false }
        let known: Set = [
            "echo-cmd", "quiet", "$(quiet)redirect", "delete-on-interrupt", "cmd_$(1)", "1",
        ]
        guard heads.allSatisfy(known.contains) else { return false }
        // Only `set -e` stands there besides the references.
        var plain = whole.dropFirst()
        for reference in ["$($(quiet)redirect)", "$(echo-cmd)", "$(delete-on-interrupt)", "$(cmd_$(1))"] {
            plain = Substring(plain.replacing(reference, with: " "))
        }
        let words = plain.split(separator: " ").joined(separator: " ")
        return words.isEmpty || words == "set -e;"
    }

    private static func shellVariable(
        _ name: String, _ definition: MakeDefinitions.Definition, _ source: Directory
    ) throws(SystemError) -> ShellVariable? {
        let whole = MakeReferences.joined(definition.text)
        // make evaluates the text of `:=` before it sees that an override holds.
        guard definition.assignment == "=", !whole.contains("#"), let call = MakeReferences.shellCall(whole),
            MakeReferences.heads(whole) != nil, let scripts = try Self.scripts(call.command, source)
        else { return nil }
        return ShellVariable(
            name: name, before: call.before, command: call.command,
            after: call.after, scripts: scripts)
    }

    /// Scripts that only ask a compiler or pahole what they are.
    static let knownScripts: Set<String> = [
        "gcc-version.sh", "clang-version.sh", "cc-version.sh", "ld-version.sh", "lld-version.sh",
        "as-version.sh", "pahole-flags.sh", "pahole-version.sh",
    ]

    /// Digest of the scripts that a command names, and of those that these name; nil if one isn't known.
    private static func scripts(_ command: String, _ source: Directory) throws(SystemError) -> String? {
        var hash = DigestBuilder()
        var pending = scriptNames(command)
        guard !pending.isEmpty else { return "-" }
        var done: Set<String> = []
        while let name = pending.popLast() {
            guard done.insert(name).inserted else { continue }
            guard knownScripts.contains(name),
                let bytes = try source.readFile(
                    TreePath(literal: Array("scripts/\(name)".utf8)), limit: 1 << 16)
            else { return nil }
            hash.update("\(name)\u{0}")
            hash.update(Digest.of(bytes))
            pending += scriptNames(String(decoding: bytes, as: UTF8.self)).filter(knownScripts.contains)
        }
        return hash.finish().short
    }

    /// Words that end in `.sh`, without their folder.
    private static func scriptNames(_ text: String) -> [String] {
        let words = text.split { !($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        return Set(words.filter { $0.hasSuffix(".sh") && $0.count > 3 }.map { String($0) }).sorted()
    }
}
