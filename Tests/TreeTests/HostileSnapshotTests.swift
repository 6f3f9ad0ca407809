import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage
import TestKernel
import Testing

/// Manifests and snapshots as an attacker would make them.
@Suite struct HostileSnapshotTests {
    let folder: TemporaryFolder
    let machine: TestMachine

    init() throws {
        folder = try TemporaryFolder()
        machine = TestMachine(
            store: try Store.open(at: folder.path.appending("store"), mode: .createIfMissing))
    }

    private func entry(
        _ path: String, role: Role = .output, text: String = "x", link: String? = nil
    ) -> SnapshotEntry {
        let kind: SnapshotEntry.Kind =
            if let link { .link(Array(link.utf8)) } else {
                .file(ContentCutter.content(of: Array(text.utf8)), executable: false)
            }
        return SnapshotEntry(path: TreePath(literal: Array(path.utf8)), role: role, kind: kind, order: 1)
    }

    /// Decodes what the entries encode to; the error's line, checked to be one line; nil if it is taken.
    private func refusal(_ entries: [SnapshotEntry], bytes: [UInt8]? = nil) -> String? {
        do {
            _ = try SnapshotCodec.decodeManifest(bytes ?? SnapshotCodec.encode(entries))
            return nil
        } catch {
            let line = "\(error)"
            #expect(!line.contains("\n") && line.hasPrefix("manifest: ") && line.count < 600, "\(line)")
            return line
        }
    }

    @Test(arguments: [
        "/etc/passwd", "../x", "a/../x", "a/..", "..", ".", "a/./b", "./a", "a//b", "a/", "", "a\u{0}b",
        String(repeating: "n", count: 256), String(repeating: "d/", count: 2048) + "f",
    ])
    func pathsThatCouldLeaveTheTree(path: String) {
        #expect(refusal([entry(path)])?.contains("illegal path") == true)
    }

    @Test(arguments: [
        ".git/hooks/post-checkout", ".git/config", "sub/.git/config", ".GIT/hooks/pre-commit", ".Git", ".git",
        ".hg/hgrc", ".svn/entries", ".jj/repo", "CVS/Entries", ".kcache-tmp-pull", "a/.kcache-tmp-1/x.o",
    ])
    func namesThatNoSnapshotMayHold(path: String) throws {
        for role in [Role.output, .source] {
            let line = try #require(refusal([entry(path, role: role)]))
            #expect(line.contains(path) && line.contains("no snapshot may write to"), "\(line)")
        }
        #expect(refusal([entry(path, link: "x")]) != nil)
    }

    @Test(arguments: [
        ".gitignore", "scripts/.gitignore", ".gitattributes", "a.git/x", "x/cvs/y", ".github/z",
    ])
    func namesThatAreLikeThose(path: String) { #expect(refusal([entry(path, role: .source)]) == nil) }

    @Test func aPushLeavesReservedNamesOut() throws {
        let there = try folder.folder("there")
        try there.put("a.c", "int a;", at: 1)
        try there.put(".GIT/config", "[core]", at: 1)
        try there.put("d/.kcache-tmp-9/x.o", "x", at: 2)
        let id = try machine.push(there)
        #expect(try machine.store.begin().snapshot(id).entries.map(\.path) == ["a.c"])
    }

    @Test(arguments: [
        "/etc/passwd", "../out", "..", "b/../../out", "a/../b", "../../../../etc/passwd", "",
    ])
    func linksOutOfTheTree(target: String) throws {
        let line = try #require(refusal([entry("link", link: target)]))
        #expect(line.contains("link link leads out of the tree"), "\(line)")
        #expect(refusal([entry("deep/link", link: "../../\(target)")]) != nil)
    }

    @Test func aRelocatableLinkThatIsNone() {
        for target in ["../out", "/etc", ""] {
            var bad = entry("link", link: target)
            bad.holdsTreePath = true
            #expect(refusal([bad]) != nil)
            bad.kind = .link(PathPlaceholder.token + Array("/..".utf8))
            #expect(refusal([bad]) != nil)
            bad.kind = .link(PathPlaceholder.token + Array("x".utf8))
            #expect(refusal([bad]) != nil)
        }
    }

    @Test func anythingBelowALinkOrAFile() throws {
        let below = try #require(refusal([entry("dir", link: "elsewhere"), entry("dir/passwd")]))
        #expect(below.contains("dir/passwd lies below dir"))
        #expect(refusal([entry("dir"), entry("dir.c"), entry("dir/sub/x")]) != nil)
        // Far apart in the order, and not the first parent that is looked at.
        #expect(refusal([entry("d"), entry("d-1/a"), entry("d/e/f")]) != nil)
        #expect(refusal([entry("d/e"), entry("d/e-1/a"), entry("d/e/f/g/h")]) != nil)
    }

    @Test func duplicateAndUnsortedEntries() throws {
        #expect(refusal([entry("a"), entry("a")])?.contains("out of order at a") == true)
        #expect(refusal([entry("b"), entry("a")])?.contains("out of order at a") == true)
        #expect(refusal([entry("a", role: .source), entry("a", role: .output)]) != nil)
    }

    /// The format has no owner, no mode but one execute bit, and no kind but file and link: a set-id bit or a
    /// device can't be said. What is left of the flags must be zero.
    @Test func noOtherKindsOrFlags() throws {
        let bytes = SnapshotCodec.encode([entry("a")])
        let at = try #require(bytes.firstIndex(of: UInt8(ascii: "a"))) + 1
        for flags in UInt8.min ... .max {
            var changed = bytes
            changed[at] = flags
            let isKnown = flags & 0b1110_0000 == 0 && flags & 0b11 != 3
            // Link and executable at once, and what would be read as a link's target or as a configuration.
            let isFile = flags & 0b1000 == 0
            if !isKnown || flags & 0b1100 == 0b1100 || flags & 0b11 == 2 {
                #expect(refusal([], bytes: changed) != nil, "\(flags)")
            } else if isFile {
                #expect(refusal([], bytes: changed) == nil, "\(flags)")
            }
        }
        #expect(refusal([entry("GNUmakefile", role: .configuration)])?.contains("configuration") == true)
        #expect(refusal([entry(".config", role: .configuration)]) == nil)
    }

    /// A restored file has the mode that the umask gives, whatever stood there.
    @Test func noSetIdBitsAppear() throws {
        let there = try folder.folder("there")
        try there.put("a.o", "a", at: 1)
        _ = there.path.appending("a.o").withPlatformString { chmodForTest($0, 0o6777) }
        let id = try machine.push(there)
        let here = try folder.folder("here")
        try machine.pull(id, into: here, mode: .whole)
        #expect(try #require(try here.status("a.o")).permissions & 0o7000 == 0)
    }

    @Test func chunkLengthsOutOfRange() throws {
        func manifest(_ length: UInt64) -> [UInt8] {
            var writer = ByteWriter()
            writer.raw(Array("KCMF".utf8))
            writer.u8(1)
            writer.counted(Array("a.o".utf8))
            writer.u8(1)
            writer.signed(5)
            writer.varint(1)
            writer.varint(length)
            writer.digest(Digest.of([1]))
            return writer.bytes
        }
        #expect(refusal([], bytes: manifest(1)) == nil)
        for length in [0, UInt64(Chunking.maximum) + 1, 1 << 32, 1 << 63, .max] {
            #expect(refusal([], bytes: manifest(length)) != nil, "\(length)")
        }
    }

    /// A derivation names a known compressor, paths in the tree, and an output; there is no place for a command.
    @Test func derivationsOutsideOfTheRules() throws {
        let manifest = SnapshotCodec.encode([
            entry("a.o"), entry("b.c", role: .source), entry("l", link: "a.o"),
        ])
        func derivation(
            of path: String, kind: UInt8 = 2, compressor: UInt8 = 1, inputs: [String] = ["b.c"]
        ) -> [UInt8] {
            var writer = ByteWriter()
            writer.text(path)
            writer.u8(kind)
            writer.u8(compressor)
            writer.varint(UInt64(inputs.count))
            for input in inputs { writer.text(input) }
            return writer.bytes
        }
        let good = derivation(of: "a.o")
        #expect(refusal([], bytes: manifest + good) == nil)
        for kind in UInt8.min ... .max where kind != 2 {
            #expect(refusal([], bytes: manifest + derivation(of: "a.o", kind: kind)) != nil, "\(kind)")
        }
        for compressor in UInt8.min ... .max where compressor != 1 {
            let bytes = manifest + derivation(of: "a.o", compressor: compressor)
            #expect(refusal([], bytes: bytes)?.contains("unknown compressor") == true, "\(compressor)")
        }
        for input in ["/etc/passwd", "../b.c", "dir/../../b.c", "", ".", "a//b", "b\0c", "/dev/zero"] {
            let bytes = manifest + derivation(of: "a.o", inputs: ["b.c", input])
            #expect(refusal([], bytes: bytes)?.contains("illegal path") == true, "\(input)")
        }
        for output in ["b.c", "l", "nowhere.o", "../a.o", ""] {
            #expect(refusal([], bytes: manifest + derivation(of: output)) != nil, "\(output)")
        }
        #expect(refusal([], bytes: manifest + good + good) != nil)
        for count in 1..<good.count {
            #expect(refusal([], bytes: manifest + Array(good[..<count])) != nil, "\(count)")
        }
        var placed = entry("a.o")
        placed.holdsTreePath = true
        #expect(refusal([], bytes: SnapshotCodec.encode([placed]) + good) != nil)
    }

    /// A manifest has no checksum of its own (its chunks have): a flipped bit is refused, or means something
    /// that is within the rules.
    @Test func cutsAndFlippedBits() throws {
        var entries = [
            entry(".config", role: .configuration, text: "CONFIG_A=y"), entry("a.c", role: .source),
            entry("a.o", text: String(repeating: "long ", count: 40_000)), entry("dir/l", link: "../a.o"),
            entry("dir/t.o", text: "y"),
        ]
        entries[2].holdsTreePath = true
        let bytes = SnapshotCodec.encode(entries)
        let whole = try SnapshotCodec.decodeManifest(bytes)
        #expect(whole == entries)
        var starts = Set<[UInt8]>()
        for count in 0...entries.count { starts.insert(SnapshotCodec.encode(Array(entries[..<count]))) }
        for i in bytes.indices {
            let part = Array(bytes[..<i])
            // A cut between two entries is a shorter manifest; the chunk's digest tells it from the real one.
            if !starts.contains(part) { #expect(refusal([], bytes: part) != nil, "cut at \(i)") }
            for bit in 0..<8 {
                var flipped = bytes
                flipped[i] ^= 1 << UInt8(bit)
                do {
                    let taken = try SnapshotCodec.decodeManifest(flipped)
                    #expect(taken.allSatisfy { TreePath($0.path.bytes) != nil })
                    #expect(zip(taken, taken.dropFirst()).allSatisfy { $0.path < $1.path })
                } catch {}
            }
        }
        var random = SplitMix(seed: 11)
        for _ in 0..<3000 {
            var changed = bytes
            for _ in 0...Int.random(in: 0..<6, using: &random) {
                changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(
                    in: .min ... .max, using: &random)
            }
            _ = refusal([], bytes: changed)
        }
    }

    // MARK: Restoring

    /// Stores the entries and contents as they are, past every check of a push.
    private func forge(
        _ entries: [SnapshotEntry], contents: [String],
        header change: (inout SnapshotHeader) -> Void = { _ in }
    ) throws -> SnapshotID {
        let session = try machine.store.begin()
        let writer = session.makeWriter()
        for text in contents {
            let bytes = Array(text.utf8)
            let content = ContentCutter.content(of: bytes)
            try bytes.withUnsafeBytes {
                try writer.add(FrameInput(chunks: content.chunks, bytes: $0), kind: .outputs)
            }
        }
        let manifest = SnapshotCodec.encode(entries)
        let content = ContentCutter.content(of: manifest)
        try manifest.withUnsafeBytes {
            try writer.add(FrameInput(chunks: content.chunks, bytes: $0), kind: .manifests)
        }
        _ = try writer.finish()
        var snapshot = Snapshot(header: SnapshotHeader(), entries: entries)
        snapshot.seal()
        change(&snapshot.header)
        return try session.commit(SnapshotRecord(header: snapshot.header, manifest: content))
    }

    /// Everything below a directory: paths, contents, times.
    private func picture(_ root: Directory) throws -> [String] {
        try TreeScanner().scan(root).files.map { file in
            let bytes =
                file.status.kind == .link ? try root.readLink(file.path) : try root.readFile(file.path) ?? []
            return "\(file.path) \(Digest.of(bytes)) \(file.status.mtime)"
        }
    }

    private func expectRefused(
        _ id: SnapshotID, into here: Directory, naming subject: String, mode: RestorePlan.Mode = .checkout
    ) throws {
        let before = try picture(here)
        do {
            try machine.pull(id, into: here, mode: mode)
            Issue.record("taken")
        } catch {
            #expect("\(error)".contains(subject) && !"\(error)".contains("\n"), "\(error)")
        }
        #expect(try picture(here) == before)
    }

    private func checkout() throws -> Directory {
        let here = try folder.folder("here")
        try here.put("Makefile", "all:", at: 1000)
        try here.put("a.c", "int a;", at: 1000)
        try here.put("old.o", "old", at: 2000)
        return here
    }

    @Test func chunkLengthsThatLie() throws {
        let bytes = Array("the object".utf8)
        let lie = Content([Chunk(digest: Digest.of(bytes), length: 4)])
        let here = try checkout()
        for contents in [lie, Content(lie.chunks + lie.chunks)] {
            let bad = SnapshotEntry(
                path: "b.o", role: .output, kind: .file(contents, executable: false), order: 5)
            try expectRefused(try forge([bad], contents: ["the object"]), into: here, naming: "b.o")
            var relocatable = bad
            relocatable.holdsTreePath = true
            try expectRefused(try forge([relocatable], contents: ["the object"]), into: here, naming: "b.o")
        }
        let two = [
            SnapshotEntry(
                path: "b.o", role: .output,
                kind: .file(ContentCutter.content(of: bytes), executable: false), order: 5),
            SnapshotEntry(path: "c.o", role: .output, kind: .file(lie, executable: false), order: 6),
        ]
        try expectRefused(try forge(two, contents: ["the object"]), into: here, naming: ".o")
    }

    @Test func missingContentIsNoticedBeforeAnythingIsTouched() throws {
        let here = try checkout()
        let id = try forge(
            [entry("b.o", text: "not stored"), entry("old.o", text: "new")], contents: ["new"])
        try expectRefused(id, into: here, naming: "missing")
    }

    @Test func countsThatLie() throws {
        let here = try checkout()
        let changes: [(inout SnapshotHeader) -> Void] = [
            { $0.outputBytes = ByteCount(1) }, { $0.outputCount = 0 }, { $0.sourceCount = 9 },
            { $0.sourceBytes = ByteCount(UInt64.max) },
        ]
        for change in changes {
            let id = try forge([entry("b.o", text: "body")], contents: ["body"], header: change)
            try expectRefused(id, into: here, naming: id.short)
        }
    }

    /// One stored chunk named so often that it fills a disk: its text with the tree's path is refused, and
    /// the size that is shown beforehand is the true one.
    @Test func aBombOfRelocatableText() throws {
        let text = String(repeating: "a", count: 60_000)
        let chunk = ContentCutter.content(of: Array(text.utf8)).chunks[0]
        var bad = SnapshotEntry(
            path: "b.cmd", role: .output,
            kind: .file(Content(Array(repeating: chunk, count: 1000)), executable: false), order: 1)
        bad.holdsTreePath = true
        try expectRefused(try forge([bad], contents: [text]), into: try checkout(), naming: "b.cmd")
    }

    @Test func whatIsTheUsersStaysWhateverTheSnapshotCallsIt() throws {
        let here = try checkout()
        try here.put(".config", "CONFIG_MINE=y", at: 1000)
        try here.put("certs/signing_key.pem", "my key", at: 1000)
        try here.put(".git/config", "[core]", at: 1000)
        let id = try forge(
            [
                entry(".config", text: "CONFIG_THEIRS=y"), entry("Makefile", text: "all: evil"),
                entry("a.c", text: "int a;"), entry("b.o", text: "b"),
                entry("certs/signing_key.pem", text: "their key"),
            ], contents: ["CONFIG_THEIRS=y", "all: evil", "int a;", "their key", "b"])
        var options = TreeRestorer.Options()
        // Even if it were thought stale, or to be computed.
        options.invalidated = { [".config", "Makefile", "a.c", "certs/signing_key.pem", "nowhere"] }
        options.computed = ["a.c": { Array("computed".utf8) }]
        let (plan, summary) = try machine.pull(id, into: here, options: options)
        #expect(plan.conflicts.map(\.path) == [".config", "Makefile", "certs/signing_key.pem"])
        #expect(summary.removed.isEmpty)
        #expect(try here.text(".config") == "CONFIG_MINE=y")
        #expect(try here.text("Makefile") == "all:")
        #expect(try here.text("a.c") == "int a;")
        #expect(try here.text("certs/signing_key.pem") == "my key")
        #expect(try here.text(".git/config") == "[core]")
        #expect(try here.text("b.o") == "b")
        // make must take them for edited after the build.
        for path: TreePath in [".config", "Makefile", "certs/signing_key.pem"] {
            #expect(try here.mtime(path) > here.mtime("b.o"))
        }
    }

    @Test func aLinkOfTheUsersIsNotFollowed() throws {
        let here = try checkout()
        let outside = try folder.folder("outside")
        try here.makeLink("dir", target: Array(outside.path.string.utf8))
        let id = try forge([entry("dir/passwd", text: "b")], contents: ["b"])
        try expectRefused(id, into: here, naming: "dir")
        try here.makeLink("file.o", target: Array("\(outside.path.string)/made".utf8))
        let other = try forge([entry("file.o", text: "b")], contents: ["b"])
        try machine.pull(other, into: here)
        #expect(try outside.entries().isEmpty)
        #expect(try here.text("file.o") == "b")
    }

    @Test func aPipeInTheWayStays() throws {
        let here = try checkout()
        _ = here.path.appending("b.o").withPlatformString { makePipeForTest($0) }
        try expectRefused(
            try forge([entry("b.o", text: "b")], contents: ["b"]), into: here, naming: "b.o is no file")
        #expect(try here.status("b.o")?.kind == .other)
    }

    @Test func timesBeyondEveryClock() throws {
        let here = try checkout()
        for (name, order) in [("x.o", Int64.max), ("y.o", Int64.min)] {
            var odd = entry(name, text: "b")
            odd.order = order
            let id = try forge([odd], contents: ["b"])
            try machine.pull(id, into: here)
            #expect(try here.mtime(TreePath(literal: Array(name.utf8))) <= WallClock.system.now())
        }
        try here.setModificationTime("a.c", .max)
        try here.setModificationTime("Makefile", .min)
        let id = try machine.push(here)
        try machine.pull(id, into: here)
        #expect(try here.mtime("a.c") <= WallClock.system.now())
    }
}
