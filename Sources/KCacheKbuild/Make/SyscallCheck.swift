package import KCacheCore
package import KCacheSystem
package import SystemPackage

/// Leaves out Kbuild's check for missing system calls where it would find what it found before: nothing.
///
/// `scripts/checksyscalls.sh` preprocesses a list of system calls in every make, and warns. It is known to stay
/// silent while the command, the tools, the script, its tables and every header that it read are the same, and
/// no header stands where one would be found earlier. That is looked at when the recipe runs, since headers may
/// have been generated just before.
package struct SyscallCheck: Sendable {
    private let command: Digest
    private let witnesses: [FileWitness]

    /// The hidden command of this program: `make-syscalls known|note CACHE TOOLCHAIN COMMAND`.
    package static let verb = "make-syscalls"
    private static let folder = ["make", "syscalls"]
    private static let most = 64

    // MARK: In the middle of a make

    /// True if the check of this command in this directory is known to be silent now.
    package static func isKnown(_ command: [UInt8], toolchain: Digest, directory: FilePath, cache: FilePath)
        throws -> Bool
    {
        guard let store = try PrivateFolder.open(cache, folder),
            let bytes = store.read(name(directory), limit: 4 << 20)
        else { return false }
        let known = try decode(bytes)
        return try known.command == digest(command, toolchain)
            && known.witnesses.allSatisfy { try $0.holds() }
    }

    /// Keeps that the check has just run in this directory and said nothing.
    package static func note(
        _ command: [UInt8], toolchain: Digest, directory: FilePath, cache: FilePath, clock: WallClock
    )
        throws
    {
        let words = CommandText.words(command).map { String(decoding: $0, as: UTF8.self) }
        guard let paths = try inputs(words, directory), let store = try PrivateFolder.open(cache, folder)
        else { return }
        let witnesses = try paths.map {
            try FileWitness(directory.pushing(FilePath($0)), followingLinks: true)
        }
        // What changed a moment ago may have changed since it was read.
        guard witnesses.allSatisfy({ $0.isSettled(at: clock.now()) }) else { return }
        let check = SyscallCheck(command: digest(command, toolchain), witnesses: witnesses)
        try store.write(check.encode(), to: name(directory))
        for entry in store.entries().sorted(by: { $0.status.mtime > $1.status.mtime }).dropFirst(most) {
            store.remove(TreePath(literal: entry.name))
        }
    }

    /// All that the check reads, and where headers would be found earlier; nil if that can't be told.
    private static func inputs(_ words: [String], _ directory: FilePath) throws -> Set<String>? {
        let prefix = "-Wp,-MMD,"
        guard let script = words.first(where: { $0.hasSuffix("checksyscalls.sh") }),
            let list = words.first(where: { $0.hasPrefix(prefix) })?.dropFirst(prefix.count),
            let rule = HostFile.read(directory.pushing(FilePath(String(list))), limit: 1 << 20),
            let text = HostFile.read(directory.pushing(FilePath(script)), limit: 1 << 16)
        else { return nil }
        let home = FilePath(script).removingLastComponent()
        let tables = String(decoding: text, as: UTF8.self).split { " \t\n\"'()".contains($0) }
            .filter { $0.hasSuffix(".tbl") }
            .map { home.appending($0.drop { $0 == "/" }.description).lexicallyNormalized().string }
        guard !tables.isEmpty else { return nil }
        var paths = Set(tables + [script])
        let headers = String(decoding: rule, as: UTF8.self).split { " \t\n\\".contains($0) }
            .filter { !$0.hasSuffix(":") && $0 != "-" }.map { String($0) }
        let folders = words.filter { $0.hasPrefix("-I") && $0.count > 2 }.map { "\($0.dropFirst(2))/" }
        for header in headers {
            paths.insert(header)
            for folder in folders where header.hasPrefix(folder) {
                let rest = header.dropFirst(folder.count)
                for earlier in folders.prefix(while: { $0 != folder }) { paths.insert("\(earlier)\(rest)") }
            }
        }
        return paths
    }

    private static func digest(_ command: [UInt8], _ toolchain: Digest) -> Digest {
        var hash = DigestBuilder()
        hash.update("syscalls 1\u{0}")
        hash.update(toolchain)
        hash.update(command)
        return hash.finish()
    }

    private static func name(_ directory: FilePath) -> TreePath {
        TreePath(literal: Array(Digest.of(Array(directory.string.utf8)).hex.prefix(32).utf8))
    }

    // MARK: File

    private static let format = SealedFormat("syscalls", magic: "KCSY", version: 1)

    func encode() -> [UInt8] {
        Self.format.encode(capacity: witnesses.count * 100) { writer in
            writer.digest(command)
            writer.varint(UInt64(witnesses.count))
            for witness in witnesses { witness.write(to: &writer) }
        }
    }

    /// - Throws: `FormatError` for anything but what `encode` makes.
    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> SyscallCheck {
        try format.decode(bytes) { (reader) throws(FormatError) in
            let command = try reader.digest()
            var witnesses: [FileWitness] = []
            for _ in 0..<(try reader.count(of: 2)) { witnesses.append(try FileWitness.read(from: &reader)) }
            return SyscallCheck(command: command, witnesses: witnesses)
        }
    }
}

extension SyscallCheck {
    /// What makes of the output tree read.
    struct Injection: Sendable {
        private let call: @Sendable (String) -> String
        /// `cmd_syscalls` as the tree defines it.
        private let definition: String

        /// Nil where the tree's check is not the usual one, or nothing may be kept of the tools.
        init?(_ build: MakeBuild, _ toolchain: ToolchainStamps.Answer, cache: FilePath, program: FilePath?) {
            guard build.options.probeCache, build.mayBeRecorded, let program,
                let digest = toolchain.identity?.digest,
                ProbeText.isPlainPath(program.string), ProbeText.isPlainPath(cache.string),
                let kbuild = HostFile.read(build.location.source.appending("Kbuild"), limit: 1 << 20),
                let definition = MakeDefinitions(parsing: kbuild).only("cmd_syscalls"),
                definition.assignment == "="
            else { return nil }
            let text = MakeReferences.joined(definition.text)
            guard text.contains("$(CC) $(c_flags)"), !text.contains("#"), !text.contains(";") else {
                return nil
            }
            self.definition = text
            call = {
                "\(program.string) \(SyscallCheck.verb) \($0) \(cache.string) \(digest.hex) '$(subst ','\\'',$(1))'"
            }
        }

        /// A run that has to be made is judged by what it writes to standard error, which is passed on. The shell
        /// holds that text: no disk that is full, and no folder that is gone, can lose it or fail the recipe.
        func makefile(_ folder: FilePath) -> String {
            let run = "kcache=$$( { $(1) ; } 2>&1 >&9 9>&- )"
            let tell = "printf '%s\\n' \"$$kcache\" >&2"
            return """
                ifneq ($(call kcache-free,cmd_syscalls),)
                kcache-cmd-syscalls = \(definition)
                kcache-syscalls = $(if $(shell \(call("known")) 2>/dev/null),:,if { \(run) ; } 9>&1; then if [ -n "$$kcache" ]; then \(tell); else \(call("note")) 2>/dev/null || :; fi; else set -- $$?; [ -z "$$kcache" ] || \(tell); exit $$1; fi)
                override cmd_syscalls = $(if $(filter missing-syscalls,$@),$(call kcache-syscalls,$(kcache-cmd-syscalls)),$(kcache-cmd-syscalls))
                endif

                """
        }
    }
}
