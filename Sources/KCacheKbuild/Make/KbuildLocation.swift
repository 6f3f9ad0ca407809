import KCacheSystem
package import SystemPackage

/// Where a make works that Kbuild's top Makefile runs: the trees of sources and of outputs.
package struct KbuildLocation: Hashable, Sendable {
    package var source: FilePath
    /// The source tree itself, or what `O=` names. Need not exist yet.
    package var output: FilePath
    /// The directory of an external module (`M=`).
    package var module: FilePath?

    package init(source: FilePath, output: FilePath, module: FilePath? = nil) {
        (self.source, self.output, self.module) = (source, output, module)
    }

    package enum Finding: Hashable, Sendable {
        case tree(KbuildLocation)
        /// Not Kbuild's, or not surely so; with the reason.
        case none(String)
    }

    /// Finds the trees that a command line works on. Looks at a few files and changes nothing.
    package static func find(_ invocation: MakeInvocation) -> Finding {
        if let mistake = invocation.mistake { return .none(mistake) }
        if let doubt = invocation.doubts.first { return .none(doubt) }
        if !invocation.makefiles.isEmpty { return .none("-f names a makefile") }
        if !invocation.evals.isEmpty { return .none("--eval adds to the makefile") }
        if let name = insideKbuild.first(where: invocation.isSet) {
            return .none("Kbuild runs already: \(name) is set")
        }
        let directory = invocation.directory
        for name in ["GNUmakefile", "makefile"] where FileIdentity(directory.appending(name)) != nil {
            return .none("make would read \(name), not Kbuild's Makefile")
        }
        guard let makefile = HostFile.read(directory.appending("Makefile"), limit: 1 << 20) else {
            return .none("\(directory.string) has no Makefile")
        }
        guard let source = sourceTree(directory, makefile) else {
            return .none("\(directory.string) is no Kbuild tree")
        }
        var location = KbuildLocation(source: source, output: directory)
        switch folder(invocation, named: "O", else: "KBUILD_OUTPUT") {
        case .given(let path): location.output = path
        case .unclear(let name): return .none("only make knows what \(name) is")
        case .none: break
        }
        // `O=.` and the like are builds in the tree.
        if let a = FileIdentity(location.output), let b = FileIdentity(source), a == b {
            location.output = source
        }
        switch folder(invocation, named: "M", else: "KBUILD_EXTMOD", "SUBDIRS") {
        case .given(let path): location.module = path
        case .unclear(let name): return .none("only make knows what \(name) is")
        case .none: break
        }
        return .tree(location)
    }

    /// Variables that Kbuild exports to its own makes, and nobody else sets.
    private static let insideKbuild = ["sub_make_done", "KBUILD_SRC", "objtree", "KBUILD_BUILTIN"]

    private enum Folder {
        case none
        case given(FilePath)
        case unclear(String)
    }

    /// What Kbuild takes for a folder: the short name counts on the command line only, the long ones anywhere.
    private static func folder(_ invocation: MakeInvocation, named short: String, else long: String...)
        -> Folder
    {
        let values =
            [(short, invocation.commandLineValue(of: short))] + long.map { ($0, invocation.value(of: $0)) }
        for (name, value) in values where !value.isEmpty {
            // Kbuild hands it to a shell, unquoted.
            guard case .text(let text) = value, text.utf8.allSatisfy(isPlain) else { return .unclear(name) }
            return .given(invocation.directory.pushing(FilePath(text)))
        }
        return .none
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: Array("/._-+=,@%:".utf8).contains(byte)
        }
    }

    /// The tree whose Makefile this is, or which it only includes (an output tree, a package of headers).
    private static func sourceTree(_ directory: FilePath, _ makefile: [UInt8]) -> FilePath? {
        if isEngine(directory, makefile) { return directory }
        guard let target = includedTree(makefile).map({ directory.pushing($0) }),
            let text = HostFile.read(target.appending("Makefile"), limit: 1 << 20), isEngine(target, text)
        else { return nil }
        return target
    }

    private static func isEngine(_ directory: FilePath, _ makefile: [UInt8]) -> Bool {
        ByteSearch.contains(makefile[...], Array("scripts/Kbuild.include".utf8))
            && ["Kbuild.include", "Makefile.build"].allSatisfy {
                FileIdentity(directory.appending("scripts").appending($0)) != nil
            }
    }

    /// What a Makefile that Kbuild made in an output tree leads to: `include TREE/Makefile`, or up to 5.x
    /// `MAKEARGS := -C TREE`.
    static func includedTree(_ makefile: [UInt8]) -> FilePath? {
        guard makefile.count < 4096 else { return nil }
        var found: [FilePath] = []
        for line in makefile.split(separator: UInt8(ascii: "\n")) {
            let words = MakeWords.split(line)
            if words.count == 2, words[0] == "include" {
                let path = FilePath(words[1])
                guard path.lastComponent?.string == "Makefile" else { return nil }
                found.append(path.removingLastComponent())
            } else if words.count == 4, words[0] == "MAKEARGS", words[1] == ":=", words[2] == "-C" {
                found.append(FilePath(words[3]))
            }
        }
        guard found.count == 1, let tree = found.first, !tree.string.contains("$") else { return nil }
        return tree
    }
}
