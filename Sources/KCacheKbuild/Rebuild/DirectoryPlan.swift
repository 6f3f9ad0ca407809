import KCacheCore

/// What a directory's Makefile asks for under a configuration, worked out as scripts/Makefile.lib does.
///
/// Each part is nil where the Makefile uses what only make can tell.
struct DirectoryPlan {
    let makefile: TreePath
    /// Members of `built-in.a`: objects, with composite ones replaced by their parts, and subdirectories'.
    var builtin: [TreePath]?
    /// Members of `lib.a`; empty if there is none.
    var library: [TreePath]?
    /// What `modules.order` is made from: module objects and the lists of subdirectories.
    var order: [TreePath]?
    /// Modules of this directory, by object, with the objects that each is linked from.
    var modules: [TreePath: [TreePath]] = [:]
    /// For each object that is part of a composite: the composite's name (KBUILD_MODNAME).
    var partOf: [TreePath: [UInt8]] = [:]
    /// Explicit rules: a target and what it is made from.
    var rules: [(target: TreePath, prerequisites: [TreePath])] = []
    /// Flags that subdirectories inherit (subdir-ccflags-y), and the directory's own.
    var inherited: [[UInt8]]?
    var ownFlags: [[UInt8]]?
    /// CFLAGS_x.o of each object that has some; nil if one can't be told.
    var unitFlags: [TreePath: [[UInt8]]]?
    let directory: TreePath?

    init(directory: TreePath?, makefile: TreePath, reader: MakefileReader) {
        (self.directory, self.makefile) = (directory, makefile)
        var reader = reader
        let resolver = PathResolver(root: [])
        func path(_ word: [UInt8]) -> TreePath? { resolver.resolve(word, in: directory) }

        let objY = reader.words("obj-y")
        let objM = reader.words("obj-m")
        let libY = reader.words("lib-y")
        let libM = reader.words("lib-m")
        var memo: [[UInt8]: [[UInt8]]?] = [:]
        /// The parts of a composite: `foo-objs`, `foo-y`, and for modules `foo-m`; empty for a plain object.
        func parts(_ object: [UInt8], _ suffixes: [String]) -> [[UInt8]]? {
            guard object.hasSuffix(".o") else { return [] }
            let stem = String(decoding: object.dropLast(2), as: UTF8.self)
            var found: [[UInt8]] = []
            for suffix in suffixes {
                let name = stem + suffix
                let key = Array(name.utf8)
                if memo[key] == nil { memo[key] = .some(reader.words(name)) }
                guard let words = memo[key] ?? nil else { return nil }
                found += words
            }
            return found
        }
        func isDirectory(_ word: [UInt8]) -> Bool { word.last == UInt8(ascii: "/") }
        func inside(_ word: [UInt8], _ file: String) -> [UInt8] { word + Array(file.utf8) }
        func note(_ part: [UInt8], of object: [UInt8]) {
            guard let at = path(part) else { return }
            let name = Array(object.dropLast(2))
            partOf[at] =
                partOf[at].map { [$0, name].sorted { $0.lexicographicallyPrecedes($1) } }
                .map { Array($0.joined(separator: [UInt8(ascii: ":")])) } ?? name
        }

        if let objY {
            var members: [[UInt8]]? = []
            for word in objY {
                if isDirectory(word) {
                    members?.append(inside(word, "built-in.a"))
                } else if let found = parts(word, ["-objs", "-y"]), let hidden = parts(word, ["-"]) {
                    let isComposite = !found.isEmpty || !hidden.isEmpty
                    members? += isComposite ? found : [word]
                    for part in found { note(part, of: word) }
                } else {
                    members = nil
                }
            }
            builtin = members.map { Self.unique($0.compactMap(path)) }
        }
        if let objY, let libY, let libM {
            library = Array(Set((libY + libM).filter { !objY.contains($0) }.compactMap(path)))
                .sorted { $0 < $1 }
        }
        if let objY, let objM {
            let own = objM.filter { !objY.contains($0) }
            // Makefile.lib: directories of obj-y first, then obj-m in its order.
            let list = objY.filter(isDirectory) + own
            order = Self.unique(
                list.compactMap { path(isDirectory($0) ? inside($0, "modules.order") : $0) })
            for word in own where !isDirectory(word) {
                guard let object = path(word), let found = parts(word, ["-objs", "-y", "-m"]) else {
                    order = nil
                    continue
                }
                modules[object] = found.isEmpty ? [object] : Self.unique(found.compactMap(path))
                for part in found { note(part, of: word) }
            }
        }
        readFlags(&reader)
        for rule in reader.rules where !rule.isDoubtful {
            let inputs = rule.prerequisites.filter { !$0.elementsEqual("FORCE".utf8) }
                .compactMap { resolver.resolve($0) }
            for word in rule.targets where !word.contains(UInt8(ascii: "%")) {
                if let target = resolver.resolve(word), !inputs.isEmpty { rules.append((target, inputs)) }
            }
        }
    }

    private mutating func readFlags(_ reader: inout MakefileReader) {
        inherited = reader.words("subdir-ccflags-y")
        let removed = reader.words("ccflags-remove-y")
        let base = Set(["KBUILD_CFLAGS", "KBUILD_CPPFLAGS", "EXTRA_CFLAGS"].map { Array($0.utf8) })
        // Who changes the kernel's own flags, or takes some away, is not followed.
        guard base.isDisjoint(with: reader.variables.keys), removed?.isEmpty == true else { return }
        ownFlags = reader.words("ccflags-y")
        var flags: [TreePath: [[UInt8]]]? = [:]
        for name in reader.variables.keys where name.starts(with: "CFLAGS_".utf8) && name.hasSuffix(".o") {
            if name.starts(with: "CFLAGS_REMOVE_".utf8) {
                flags = nil
                continue
            }
            let words = reader.words(String(decoding: name, as: UTF8.self))
            guard let words, let unit = PathResolver(root: []).resolve(name.dropFirst(7), in: directory)
            else {
                flags = nil
                continue
            }
            flags?[unit] = words
        }
        unitFlags = flags
    }

    static func unique(_ paths: [TreePath]) -> [TreePath] {
        var seen: Set<TreePath> = []
        return paths.filter { seen.insert($0).inserted }
    }
}
