import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheTree

/// A parser of outside bytes, and what has to hold for whatever it takes.
///
/// `Fuzz/` gives these to libFuzzer (`make fuzz`); the normal tests run a few thousand seeded mutations.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case snapshot, manifest, delta, catalog, pack
    case packIndex = "pack-index"
    case statIndex = "stat-index"
    case buildRecord = "build-record"
    case cmd
    case autoConf = "auto-conf"
    case makefile, relocation
    case probeDefinitions = "probe-definitions"
    case probeNotes = "probe-notes"
    case probeAnswers = "probe-answers"
    case probeCommand = "probe-command"
    case toolchain, syscalls
    case wrapper
    case makefileReach = "makefile-reach"
    case toml
    case pushMark = "push-mark"
    case signatures, seen
    case stepLines = "step-lines"
    case stepRecord = "step-record"
    case wireRequest = "wire-request"
    case wireReply = "wire-reply"
    case wireServer = "wire-server"
    case wireClient = "wire-client"
    case hostProgram = "host-program"
    case moduleInputs = "module-inputs"

    /// Gives the bytes to the parser. Traps if it takes what it can't hold to; errors are answers.
    package func run(_ bytes: [UInt8]) {
        switch self {
        case .snapshot:
            guard let record = attempt({ try SnapshotCodec.decodeRecord(bytes) }) else { return }
            check(attempt { try SnapshotCodec.decodeRecord(SnapshotCodec.encode(record)) } == record)
        case .manifest: manifest(bytes)
        case .delta: delta(bytes)
        case .catalog:
            _ = attempt { try CatalogCodec.decode(bytes) }
            let summed = bytes + Digest.of(bytes).bytes
            guard let header = attempt({ try CatalogCodec.decode(summed) }) else { return }
            check(attempt { try CatalogCodec.decode(CatalogCodec.encode(header)) } == header)
            _ = (header.sourceBytes + header.outputBytes).description
            _ = header.environment.toolchainDigest
        case .pack:
            PackTrial.run(bytes)
            PackTrial.run(PackTrial.mended(bytes))
        case .packIndex: packIndex(bytes)
        case .wireRequest: WireTrial.request(bytes)
        case .wireReply: WireTrial.reply(bytes)
        case .wireServer: WireTrial.server(bytes)
        case .wireClient: WireTrial.client(bytes)
        case .statIndex:
            _ = attempt { try StatIndex.decode(bytes) }
            guard let index = attempt({ try StatIndex.decode(bytes + Digest.of(bytes).bytes) }) else {
                return
            }
            check(attempt { try StatIndex.decode(index.encode()) }?.records == index.records)
            for record in index.records { check(index.record(of: record.path) == record) }
        case .buildRecord:
            _ = attempt { try BuildRecord.decode(bytes) }
            guard let record = attempt({ try BuildRecord.decode(bytes + Digest.of(bytes).bytes) }) else {
                return
            }
            check(attempt { try BuildRecord.decode(record.encode()) } == record)
            // Every place is inside: planning from it, with everything changed, ends.
            let plan = DescentPlan(record: record, changes: BuildChanges(everythingIn: record))
            check(plan.untouched.allSatisfy { TreePath($0.bytes) != nil })
        case .makefileReach:
            let reach = MakefileReach(bytes, of: TreePath("a/b"), architecture: "x86")
            check(reach.paths.allSatisfy { TreePath($0.bytes) != nil })
        case .cmd:
            guard let file = attempt({ try CmdFile(parsing: bytes) }) else { return }
            var count = 0
            file.forEachPrerequisite { _, _, _ in count += 1 }
            check(count <= bytes.count)
        case .autoConf:
            let half = bytes.count / 2
            let whole = AutoConf(parsing: bytes)
            check(whole.differences(from: whole).isEmpty)
            let part = AutoConf(parsing: Array(bytes[..<half]))
            check(part.differences(from: whole) == whole.differences(from: part))
        case .makefile: MakefileReading.read(bytes)
        case .relocation: relocation(bytes)
        case .probeDefinitions:
            let definitions = MakeDefinitions(parsing: bytes)
            for name in ["try-run", "cmd", "X"] {
                guard let one = definitions.only(name) else { continue }
                check(definitions.count(name) == 1 && ["=", ":="].contains(one.assignment))
                _ = KbuildProbes.understands(one.text)
            }
        case .probeNotes:
            let vetting = ProbeVetting(programs: ["gcc", "ld", "ccache"])
            for note in ProbeNote.parse(bytes) {
                check(!note.key.contains(" ") && !note.value.contains("$") && !note.file.contains("/"))
                _ = vetting.obstacle(note)
            }
        case .probeAnswers:
            guard let answers = ProbeAnswers(parsing: bytes) else { return }
            check(answers.encode() == bytes)
            // Nothing that make would expand, or take for anything but an assignment.
            check(!bytes.contains { "$#()\\\t".utf8.contains($0) })
        case .probeCommand:
            let text = String(decoding: bytes, as: UTF8.self)
            guard let commands = ShellCommand.parse(text) else { return }
            check(!text.contains("`") && !text.contains("\n") && commands.allSatisfy { !$0.words.isEmpty })
        case .syscalls:
            _ = attempt { try SyscallCheck.decode(bytes) }
            _ = attempt { try SyscallCheck.decode(bytes + Digest.of(bytes).bytes) }
        case .toolchain:
            _ = attempt { try ToolchainIdentity.decode(bytes) }
            guard let identity = attempt({ try ToolchainIdentity.decode(bytes + Digest.of(bytes).bytes) })
            else { return }
            for witness in identity.witnesses { check("\(witness.path)".hasPrefix("/")) }
        case .toml:
            guard let document = attempt({ try TomlDocument(parsing: bytes) }) else { return }
            check(Set(document.entries.map(\.path)).count == document.entries.count)
            let again = attempt { try TomlDocument(parsing: Array(document.text.utf8)) }
            check(again?.entries.map(\.path) == document.entries.map(\.path))
            check(again?.entries.map(\.value) == document.entries.map(\.value))
        case .pushMark:
            guard let mark = PushMark(parsing: bytes) else { return }
            check(PushMark(parsing: mark.encode()) == mark)
        case .signatures:
            // As armored text, and as what such a text holds.
            _ = attempt { try SshSignature(blob: bytes) }
            guard let signatures = attempt({ try SnapshotSignatures.decode(bytes) }) else { return }
            check((1...SnapshotSignatures.most).contains(signatures.count))
            check(SnapshotSignatures.encode(signatures) == bytes)
            for signature in signatures {
                check(attempt { try SshSignature(blob: signature.blob) } == signature)
                check(signature.keyDescription.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
            }
        case .seen:
            _ = attempt { try SeenSnapshots.decode(bytes) }
            guard var seen = attempt({ try SeenSnapshots.decode(bytes + Digest.of(bytes).bytes) }) else {
                return
            }
            check(attempt { try SeenSnapshots.decode(seen.encode()) } == seen)
            let ids = Set(seen.marks.map(\.id))
            check(seen.forget(ids) == !ids.isEmpty && seen.marks.isEmpty)
        case .stepLines: stepLines(bytes)
        case .stepRecord:
            _ = attempt { try StepRecord.decode(bytes) }
            guard let record = attempt({ try StepRecord.decode(bytes + Digest.of(bytes).bytes) }) else {
                return
            }
            check(attempt { try StepRecord.decode(record.encode()) } == record)
            var progress = StepProgress(record, began: 0)
            progress.foresee(.everything)
            if let line = StepLine(Array("  CC      a.o".utf8)) { progress.begin(line, at: 1) }
            check(progress.share.map { (0...100).contains($0) } != false)
            check(progress.secondsLeft(at: 2).map { $0 >= 0 } != false)
        case .hostProgram:
            _ = SharedLibraries(bytes)
            guard let program = HostProgram(bytes) else { return }
            check(program.interpreter.hasPrefix("/") && !program.interpreter.utf8.contains(0))
        case .moduleInputs:
            _ = ModuleInputReading.again(bytes)
            guard let list = ModuleInputReading.again(bytes + Digest.of(bytes).bytes) else { return }
            check(ModuleInputReading.again(list) == list)
        case .wrapper:
            guard let script = WrapperScript(bytes) else { return }
            check(!script.words.isEmpty && script.words.allSatisfy { !$0.contains("$") && !$0.contains(";") })
        }
    }

    private func manifest(_ bytes: [UInt8]) {
        guard let entries = attempt({ try SnapshotCodec.decodeManifest(bytes) }) else { return }
        for (i, entry) in entries.enumerated() {
            check(TreePath(entry.path.bytes) == entry.path && ReservedName.occurring(in: entry.path) == nil)
            check(i == 0 || entries[i - 1].path < entry.path)
            if case .link(let target) = entry.kind {
                check(LinkTarget.staysInside(target, from: entry.path, relocatable: entry.holdsTreePath))
            }
            check(entry.role != .configuration || entry.path.text == ".config")
        }
        check(attempt { try SnapshotCodec.decodeManifest(SnapshotCodec.encode(entries)) } == entries)
        var snapshot = Snapshot(header: SnapshotHeader(), entries: entries)
        snapshot.seal()
        check(snapshot.isSealed)
    }

    /// The bytes as a delta, and as content that a delta is made for.
    private func delta(_ bytes: [UInt8]) {
        let old = FuzzTarget.oldContent
        for size in [0, old.count, FuzzTarget.newContent.count, bytes.count] {
            guard let made = attempt({ try ContentDelta.apply(bytes, to: old, size: size) }) else { continue }
            check(made.count == size)
        }
        for base in [[], old] {
            guard let delta = ContentDelta.make(from: base, to: bytes, limit: .max) else {
                return check(false)
            }
            check(attempt { try ContentDelta.apply(delta, to: base, size: bytes.count) } == bytes)
        }
    }

    /// What make prints, in lines: one that is taken for a step is given back byte for byte, and could be told
    /// as such from any beginning.
    private func stepLines(_ bytes: [UInt8]) {
        var progress = StepProgress(StepRecord(key: .zero), began: 0)
        progress.foresee(.targets([]))
        for (i, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            if let step = StepLine(line) {
                check(step.line == Array(line) + [UInt8(ascii: "\n")])
                check(!step.word.isEmpty && !step.target.isEmpty && StepLine.mayBegin(line.dropLast()))
                check(StepOrigin.failedTarget(line) == nil)
                progress.begin(step, at: Int64(i) * 1_000_000)
                check(progress.share.map { (0...100).contains($0) } == true)
            }
            check(StepOrigin.failedTarget(line)?.isEmpty != true && StepOrigin.object(line)?.isEmpty != true)
        }
        progress.end(at: .max)
        check(progress.record.steps.count <= progress.count)
    }

    private func packIndex(_ bytes: [UInt8]) {
        let name = Digest(bytes.dropFirst(8).prefix(32)) ?? .zero
        _ = attempt { try PackIndex.decode(bytes, of: name) }
        let summed = bytes + Digest.of(bytes).bytes
        guard let index = attempt({ try PackIndex.decode(summed, of: name) }) else { return }
        check(attempt { try PackIndex.decode(index.encode(), of: name) } == index)
    }

    /// The first line is the tree's path, the rest the file.
    private func relocation(_ bytes: [UInt8]) {
        let path = Array(bytes.prefix { $0 != UInt8(ascii: "\n") })
        let file = Array(bytes.dropFirst(path.count + 1))
        if let stored = PathRelocation.stored(file, treePath: path) {
            check(PathRelocation.restored(stored, treePath: path) == file)
        }
        if let stored = ElfPathRelocation.stored(file, treePath: path) {
            _ = ElfPathRelocation.restored(stored, treePath: path)
        }
        _ = PathRelocation.restored(file, treePath: path)
        _ = ElfPathRelocation.restored(file, treePath: path)
        _ = SecretContent.isPrivateKey(file)
    }
}

/// Nil for an error: refusing is a right answer to any bytes. Its text must be one line.
func attempt<T>(_ body: () throws -> T) -> T? {
    do { return try body() } catch {
        check(!"\(error)".contains("\n"))
        return nil
    }
}

/// A trap in all build modes.
func check(_ holds: Bool, line: UInt = #line) {
    if !holds { fatalError("a fuzz target's rule does not hold (line \(line))") }
}
