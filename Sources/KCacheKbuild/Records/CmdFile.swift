/// What a `.NAME.cmd` file records of one target: its command line and its prerequisites.
///
/// Written by `cmd_and_savecmd` and by fixdep (scripts/Kbuild.include, scripts/basic/fixdep.c) as
/// `cmd_T := …` up to Linux 6.2 and `savedcmd_T := …` later; by tools/build (tools/build/Build.include) with
/// absolute paths, and with a plain rule where it had no fixdep yet. The value keeps the file's bytes, and
/// its parts are ranges of them, so that the thousands of a tree cost little.
package struct CmdFile: Sendable {
    package let bytes: [UInt8]
    private var targetRange = 0..<0
    private var commandRange = 0..<0
    private var sourceRange = 0..<0
    /// Bytes that hold prerequisites: whole lines of `deps_T`, and the right side of rules for T.
    private var lists: [List] = []

    private struct List {
        var range: Range<Int>
        var kind: PrerequisiteKind
    }

    /// Where a prerequisite stands in the file.
    package enum PrerequisiteKind: UInt8, Sendable {
        /// In `deps_T`: one that no longer exists makes the target stale.
        case recorded
        /// In a rule after it, as objtool's: `X.o: $(wildcard ./tools/objtool/objtool)`.
        case extra
    }

    /// - Throws: `CmdFileError` for a shape that no Kbuild writes.
    package init(parsing bytes: [UInt8]) throws(CmdFileError) {
        self.bytes = bytes
        var hasCommand = false
        let failure = bytes.withUnsafeBytes { raw -> CmdFileError? in
            var lines = LineReader(raw)
            while let line = lines.next() {
                let content = raw.trimmed(line)
                guard let first = content.first, raw[first] != UInt8(ascii: "#") else { continue }
                if let assignment = Assignment(in: raw, content) {
                    let more = lines.continuation(of: line)
                    switch assignment.variable {
                    case .command:
                        if hasCommand { return CmdFileError(.twoCommands, line: lines.number) }
                        hasCommand = true
                        targetRange = assignment.target
                        commandRange = raw.trimmed(
                            assignment.value.lowerBound..<(more?.upperBound ?? assignment.value.upperBound))
                    case .source: sourceRange = assignment.value
                    case .dependencies:
                        let end = more?.upperBound ?? assignment.value.upperBound
                        lists.append(List(range: assignment.value.lowerBound..<end, kind: .recorded))
                    }
                } else if let colon = raw.ruleColon(in: content) {
                    let more = lines.continuation(of: line)
                    let value = (colon + 1)..<(more?.upperBound ?? line.upperBound)
                    let list = raw.trimmed(value)
                    // `T: $(deps_T)` and `$(deps_T):` repeat what the variable says.
                    let repeats = raw.has("$(deps_", at: list.lowerBound)
                    if !list.isEmpty, !repeats { lists.append(List(range: list, kind: .extra)) }
                } else {
                    return CmdFileError(.unknownLine, line: lines.number)
                }
            }
            return nil
        }
        if let failure { throw failure }
        guard hasCommand, !targetRange.isEmpty else { throw CmdFileError(.noCommand, line: 0) }
    }

    /// The target as make knows it: relative to the directory where make ran, or absolute.
    package var target: ArraySlice<UInt8> { bytes[targetRange] }

    /// The command as saved: make's escapes (`$$`, `$(pound)`) still in it.
    package var savedCommand: ArraySlice<UInt8> { bytes[commandRange] }

    /// The command as the shell got it.
    package var command: [UInt8] { MakeText.unescape(savedCommand) }

    /// The file that was compiled; empty for a target without fixdep.
    package var source: ArraySlice<UInt8> { bytes[sourceRange] }

    /// True if fixdep listed the prerequisites; else they stand in the command only.
    package var hasRecordedDependencies: Bool { lists.contains { $0.kind == .recorded } || !source.isEmpty }

    /// Calls `body` for each prerequisite, in order; with `wildcard`, one that may be missing.
    package func forEachPrerequisite(
        _ body: (_ path: UnsafeRawBufferPointer, _ wildcard: Bool, _ kind: PrerequisiteKind) -> Void
    ) {
        bytes.withUnsafeBytes { raw in
            for list in lists {
                var words = WordReader(UnsafeRawBufferPointer(rebasing: raw[list.range]))
                while let word = words.next() {
                    body(word.path, word.isWildcard, list.kind)
                }
            }
        }
    }

    /// Calls `body` with the bytes of each list, for readers that go through thousands of files.
    func forEachList(_ body: (UnsafeRawBufferPointer, PrerequisiteKind) -> Void) {
        bytes.withUnsafeBytes { raw in
            for list in lists { body(UnsafeRawBufferPointer(rebasing: raw[list.range]), list.kind) }
        }
    }

    /// The prerequisites of `deps_T` that must exist.
    package var dependencies: [[UInt8]] { collect { !$1 && $2 == .recorded } }

    /// The `$(wildcard …)` ones of `deps_T`: `include/config/X`.
    package var wildcardDependencies: [[UInt8]] { collect { $1 && $2 == .recorded } }

    /// Those of the rules after `deps_T`.
    package var extraPrerequisites: [[UInt8]] { collect { $2 == .extra } }

    private func collect(
        _ wanted: (UnsafeRawBufferPointer, Bool, PrerequisiteKind) -> Bool
    ) -> [[UInt8]] {
        var found: [[UInt8]] = []
        forEachPrerequisite { path, wildcard, kind in
            if wanted(path, wildcard, kind) { found.append(Array(path)) }
        }
        return found
    }
}

/// Why a `.cmd` file could not be read.
package struct CmdFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: String, Sendable {
        case noCommand = "no saved command"
        case twoCommands = "two saved commands"
        case unknownLine = "a line of unknown shape"
    }

    package let reason: Reason
    /// From 1; 0 for the file as a whole.
    package let line: Int

    init(_ reason: Reason, line: Int) { (self.reason, self.line) = (reason, line) }

    package var description: String { line == 0 ? reason.rawValue : "line \(line): \(reason.rawValue)" }
}
