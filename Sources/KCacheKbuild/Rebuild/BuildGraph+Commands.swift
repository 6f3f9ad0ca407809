import KCacheCore

extension BuildGraph {
    /// Adds the prerequisites that only the saved commands tell.
    mutating func readCommands() {
        for record in index.records {
            guard let target = known(record.target) else { continue }
            var seen: Set<Node> = [target]
            edges[Int(target)] += prerequisites(record).filter { seen.insert($0).inserted }
        }
    }

    private mutating func prerequisites(_ record: CmdIndex.Record) -> [Node] {
        let path = record.target
        if record.hasRecordedDependencies { return [] }
        let command = MakeText.unescape(record.command)
        if path.hasSuffix(".a"), let members = members(ofArchive: record, command) {
            var nodes = members.map { node($0) }
            // vmlinux.a: the list of objects that come first (top Makefile).
            if command.contains(UInt8(ascii: "$")), let heads = existingWord("scripts/head-object-list.txt") {
                nodes.append(heads)
            }
            return nodes
        }
        if path.hasSuffix("modules.order") {
            return CommandText.moduleOrder(command).compactMap { index.resolver.resolve($0) }.map { node($0) }
        }
        if path.hasSuffix(".mod") { return [] }
        var found = words(command, of: path)
        if path.hasSuffix(".o"), let module = moduleList(of: path), found.contains(module) {
            // A module of several objects: `ld -r -o x.o @x.mod` (ld_multi_m, multi_depend).
            found += moduleMembers(listedIn: module)
        }
        return found
    }

    /// The archive's members as its saved command has them; nil for another shape.
    func members(ofArchive record: CmdIndex.Record, _ command: [UInt8]? = nil) -> [TreePath]? {
        let text = command ?? MakeText.unescape(record.command)
        if record.target.bytes.elementsEqual("vmlinux.a".utf8) {
            // `ar cDPrST vmlinux.a ./built-in.a lib/lib.a; ar mPiT $(ar t …) …`
            guard let semicolon = text.indices.dropFirst(20).first(where: { text[$0] == UInt8(ascii: ";") })
            else {
                return CommandText.archiveMembers(text, target: record.target.bytes[...])?
                    .compactMap { index.resolver.resolve($0) }
            }
            return CommandText.archiveMembers(Array(text[..<semicolon]), target: record.target.bytes[...])?
                .compactMap { index.resolver.resolve($0) }
        }
        let name = record.target.bytes
        // `./built-in.a` of the tree's root is written with its dot.
        let written = text.dropFirst(6).prefix(2).elementsEqual("./".utf8) ? Array("./".utf8) + name : name
        return CommandText.archiveMembers(text, target: written[...])?.compactMap {
            index.resolver.resolve($0)
        }
    }

    func moduleList(of object: TreePath) -> Node? {
        TreePath(object.bytes.dropLast(1) + Array("mod".utf8)).flatMap { known($0) }
    }

    mutating func moduleMembers(listedIn list: Node) -> [Node] {
        guard let record = record(list) else { return [] }
        let directory = record.target.parent
        return CommandText.moduleMembers(MakeText.unescape(record.command))
            .compactMap { index.resolver.resolve($0, in: directory) }.map { node($0) }
    }

    private mutating func existingWord(_ text: String) -> Node? { TreePath(text).flatMap { existing($0) } }

    /// Every word of the command that is a file of the tree or another target.
    private mutating func words(_ command: [UInt8], of target: TreePath) -> [Node] {
        var found: [Node] = []
        let written = KbuildKnowledge.alsoWritten(with: target)
        for word in CommandText.words(command) {
            var text = word
            if text.first == UInt8(ascii: "@") { text = text.dropFirst() }
            guard let path = index.resolver.resolve(text), path != target, !written.contains(path),
                !KbuildKnowledge.isNoPrerequisite(path), let node = existing(path)
            else { continue }
            found.append(node)
        }
        return found
    }
}
