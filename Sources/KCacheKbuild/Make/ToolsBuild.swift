package import KCacheCore
package import KCacheSystem

/// A build under `tools/` that the top makefile starts in every make, and which then asks compilers.
///
/// Such a build also compares copies of the kernel's headers with the originals, and warns where they differ.
package struct ToolsBuild: Hashable, Sendable {
    /// The target of the top makefile, which is also the directory.
    package let target: TreePath

    /// Those that `prepare` names in any kernel since 4.14.
    static let targets = ["tools/objtool", "tools/bpf/resolve_btfids"]

    /// Nil for a target that is not known to be one.
    package init?(_ target: String) {
        guard Self.targets.contains(target), let path = TreePath(target) else { return nil }
        self.target = path
    }

    /// True if nothing that the build does beyond making files matters here: the comparison of copies would find
    /// nothing to warn of, and no makefile tries out again what this machine has installed.
    ///
    /// - Throws: `SystemError` for a file that can't be read.
    package func mayBeLeftOut(from source: Directory) throws(SystemError) -> Bool {
        for path in [target.appending(Array("sync-check.sh".utf8)), target.appending(Array("Makefile".utf8))]
        {
            guard let path, let text = try source.readFile(path, limit: 1 << 20) else { continue }
            if path.hasSuffix(".sh"), !Self.warnsOnly(text) { return false }
            if Self.triesFeatures(text) { return false }
            guard try Self.copiesAgree(text, source) else { return false }
        }
        guard target.hasPrefix("tools/bpf/"), let text = try source.readFile(Self.library, limit: 1 << 20)
        else { return true }
        if Self.triesFeatures(text) { return false }
        return try Self.copiesAgree(text, source)
    }

    /// Programs of `tools/build/feature` that did not compile are tried in every make.
    private static func triesFeatures(_ makefile: [UInt8]) -> Bool {
        makefile.firstRange(of: Array("Makefile.feature".utf8)) != nil
    }

    private static let library = TreePath(literal: Array("tools/lib/bpf/Makefile".utf8))

    /// True if the script prints nothing but how two files differ, or that it was called in a wrong way.
    private static func warnsOnly(_ script: [UInt8]) -> Bool {
        String(decoding: script, as: UTF8.self).split(separator: "\n").allSatisfy { line in
            let words = line.split { " \t;&|{}".contains($0) }
            guard words.contains("echo") || words.contains("printf") else { return true }
            return ["differs from", "diff -u", "error: missing"].contains { line.contains($0) }
        }
    }

    /// Compares each file that the text names with its copy below `tools/`. A text that calls no `diff` may name
    /// other files too; else one without a copy there is compared with something else.
    private static func copiesAgree(_ text: [UInt8], _ source: Directory) throws(SystemError) -> Bool {
        let compares = text.firstRange(of: Array("diff".utf8)) != nil
        let words = String(decoding: text, as: UTF8.self).split {
            !($0.isLetter || $0.isNumber || "/._-+".contains($0))
        }
        for word in Set(words) where word.contains("/") && !word.hasPrefix("/") {
            var name = word
            while name.hasPrefix("../") || name.hasPrefix("./") {
                name = name.drop { $0 != "/" }.dropFirst()
            }
            if name.hasPrefix("tools/") { name = name.dropFirst(6) }
            guard let original = TreePath(String(name)), let copy = TreePath("tools/\(name)") else {
                continue
            }
            // What a link leads to may be anything.
            for path in [original, copy] where try source.status(path)?.kind == .link { return false }
            guard let first = try content(original, source) else { continue }
            guard let second = try content(copy, source) else {
                if compares { return false }
                continue
            }
            guard agree(first, second) else { return false }
        }
        return true
    }

    /// Nil for anything but a regular file.
    private static func content(_ path: TreePath, _ source: Directory) throws(SystemError) -> [UInt8]? {
        guard try source.status(path)?.kind == .file else { return nil }
        return try source.readFile(path)
    }

    /// True if `diff`, told to pass over marked lines, would surely say nothing.
    private static func agree(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        if a == b { return true }
        let newline = UInt8(ascii: "\n")
        let mark = Array("__ignore_sync_check__".utf8)
        let (one, other) = (
            a.split(separator: newline, omittingEmptySubsequences: false),
            b.split(separator: newline, omittingEmptySubsequences: false)
        )
        return one.count == other.count
            && zip(one, other).allSatisfy {
                $0 == $1 || $0.firstRange(of: mark) != nil && $1.firstRange(of: mark) != nil
            }
    }
}
