import CKCacheLinux
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheSystem
import KCacheTree

extension FuzzTarget {
    /// Well-formed inputs to start from; those with a checksum at their end come without it, as `run` adds it.
    package var samples: [[UInt8]] {
        switch self {
        case .snapshot:
            [Sample.record, SnapshotCodec.encode(SnapshotRecord(header: .init(), manifest: .empty))]
        case .manifest:
            [SnapshotCodec.encode(Sample.entries), SnapshotCodec.encode([SnapshotEntry]()), Sample.manifest1]
        case .delta: [ContentDelta.make(from: Self.oldContent, to: Self.newContent, limit: .max) ?? []]
        case .catalog: [SnapshotCodec.encode(Sample.header), SnapshotCodec.encode(SnapshotHeader())]
        case .pack: Sample.packs
        case .packIndex: Sample.indexes
        case .wireRequest, .wireServer: WireTrial.requests
        case .wireReply, .wireClient: WireTrial.replies
        case .statIndex: [Sample.statIndex]
        case .buildRecord: Sample.buildRecords
        case .makefileReach: Sample.makefiles.map { Array($0.utf8) }
        case .cmd: Sample.commands.map { Array($0.utf8) }
        case .autoConf: Sample.configurations.map { Array($0.utf8) }
        case .makefile: Sample.makefiles.map { Array($0.utf8) }
        case .relocation: Sample.relocations
        case .probeDefinitions: Sample.definitions.map { Array($0.utf8) }
        case .probeNotes: Sample.notes.map { Array($0.utf8) }
        case .probeAnswers: Sample.answers.map { Array($0.utf8) }
        case .probeCommand: Sample.probeCommands.map { Array($0.utf8) }
        case .toolchain: [Sample.toolchain]
        case .syscalls: [Sample.syscalls]
        case .stepLines: Sample.stepLines.map { Array($0.utf8) }
        case .stepRecord: [Sample.stepRecord]
        case .wrapper: Sample.wrappers.map { Array($0.utf8) }
        case .hostProgram: [Sample.hostProgram]
        case .moduleInputs: [Array(ModuleInputReading.sample.dropLast(Digest.byteCount))]
        case .toml: Sample.tomls.map { Array($0.utf8) }
        case .pushMark: [Sample.pushMark.encode()]
        case .signatures: Sample.signatures
        case .seen: [Sample.seen]
        }
    }

    /// What the sample delta is against, and what it makes of it.
    package static let oldContent = (0..<900).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
    package static let newContent: [UInt8] = {
        var bytes = oldContent
        for i in stride(from: 0, to: 400, by: 24) { bytes[i] &+= 16 }
        return Array(bytes[100...]) + Array("something new".utf8) + Array(bytes[..<300])
    }()

    /// Pieces that a mutation may put in.
    package var dictionary: [[UInt8]] {
        switch self {
        case .toml:
            [
                "[make]\n", "[a.b]\n", "a.b = 1\n", " = ", "true", "false", "\"", "'", "\"\"\"", "\\u00e9",
                "\\U0010ffff", "#", "\r\n", "0x", "_", "-9223372036854775808", "[[", "]", ".", "{a=1}",
            ].map { Array($0.utf8) }
        case .probeDefinitions, .probeNotes, .probeAnswers, .probeCommand, .wrapper:
            [
                "kcache-t/", " := ", "%_", "%;", "%25", "%20", "\nend\n", "top.mk\n", "$(shell ", ")", "$(1)",
                "define x\n", "endef\n", "ifeq (a,b)\n", "endif\n", "\\\n", "exec ", "\"$@\"", "#!/bin/sh\n",
                "$TMP", "|", "&&", ";", "'", "\"", ">/dev/null", "2>&1", "$(", "`", "-include x", "@f",
            ].map { Array($0.utf8) }
        case .signatures:
            [
                "-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n", "SSHSIG", "AAAA", "\n",
                "==",
                "kcache", "sha512", "\u{0}\u{0}\u{0}\u{1}",
            ].map { Array($0.utf8) }
        case .stepLines:
            [
                "  CC      ", "  LD [M]  ", "  ", "\n", "make[1]: *** [", ": ", "] Error 1\n", ".c:", ".o",
                "\u{1b}[K", "\u{1b}[", "  MODPOST ", "WARNING",
            ].map { Array($0.utf8) }
        case .cmd, .autoConf, .makefile, .makefileReach:
            [
                "cmd_a.o := ", "savedcmd_a.o := ", "deps_a.o := \\\n", "source_a.o := ",
                "$(wildcard include/config/X)",
                " \\\n", "\n\n", "$(", ")", ":=", "CONFIG_A=y\n", "# CONFIG_B is not set\n", "\"\\\"",
                "a.o: b.h\n",
                "\trm -f $(obj)/x\n", "define x\n", "endef\n", "%.o: %.c;", "$(call if_changed,ld)", "#",
            ].map { Array($0.utf8) }
        default:
            [
                Array("../".utf8), Array(".git".utf8), PathPlaceholder.token, [0xff, 0xff, 0xff, 0xff],
                [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [0x80, 0x80, 0x04],
                [0, 0, 0, 0x80],
                [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], Array("/".utf8), Array("\n".utf8),
            ]
        }
    }
}

/// Small values of everything that is parsed.
private enum Sample {
    /// A text of one signature, and what it holds.
    static let signatures: [[UInt8]] = {
        let lines = [
            "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgbZheA2AFeztAs9OWVGIuD/DLLa",
            "pGlOTkfqw5wmexD9kAAAAGa2NhY2hlAAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1",
            "NTE5AAAAQOpWAj5x5rZAk0Ko3DpEeLRnCPO65q2vnjrUB52O/8pEwJ+NHugV0t5MM53XFk",
            "PXp7/rNqh2ljqwesKvEKNtjwo=",
        ]
        let text = ["-----BEGIN SSH SIGNATURE-----"] + lines + ["-----END SSH SIGNATURE-----", ""]
        return [
            Array(text.joined(separator: "\n").utf8), Base64.decode(Array(lines.joined().utf8)) ?? [],
        ]
    }()
    static let seen: [UInt8] = {
        var seen = SeenSnapshots(place: "/srv/kcache")
        seen.set([
            .init(name: "", id: SnapshotID(Digest.of([1])), created: 5, signed: false),
            .init(name: "nightly", id: SnapshotID(Digest.of([2])), created: -5, signed: true),
        ])
        return Array(seen.encode().dropLast(Digest.byteCount))
    }()
    static let stepLines = [
        "  CC      a/b.o\n  LD [M]  a/b.ko\na/b.c:1:2: warning: odd\n  MODPOST Module.symvers\n",
        "make[2]: *** [scripts/Makefile.build:250: a/b.o] Error 1\n\u{1b}[1ma/b.c:3:4:\u{1b}[m error: no\n",
    ]
    /// Without the checksum at its end.
    static let stepRecord: [UInt8] = Array(
        StepRecord(
            key: .zero, extent: .whole, start: 9,
            steps: [
                .init(line: 1, target: 2, occasion: .link, cost: 300),
                .init(line: 3, target: 4, occasion: .always, cost: 4),
            ]
        )
        .encode().dropLast(Digest.byteCount))
    static let definitions = [
        "try-run = $(shell set -e; \\\n\tif ($(1)) >/dev/null 2>&1; \\\n\tthen echo \"$(2)\"; else echo \"$(3)\"; fi)\n",
        "cmd = @set -e; $(echo-cmd) $(cmd_$(1))\nifeq (a,b)\nX := 1\nelse\nX ?= 2\nendif\n",
        "define X\nfoo\nendef\nexport X := $(shell $(CC) -v | head)\n",
    ]
    static let notes = [
        "top.mk\nt\ngcc%20-c%20-x%20c%20/dev/null%20-o%20\"%24TMP\"%;-a%;-b\n%_-a\nend\n",
        "oa@1b.mk\ns\n-%;gcc%20--version\n%_gcc%2012\nend\ntop.mk\nt\n",
    ]
    static let answers = ["kcache-t/gcc%20-c%;a%; := %_a\nkcache-s/-%;gcc := %_\n", ""]
    static let probeCommands = [
        "LC_ALL=C gcc --version 2>/dev/null | head -n 1",
        "printf \"%b\\n\" 'nop' | gcc -c -x assembler-with-cpp -o \"$TMP\" - && ! [ 1 -ge 2 ];",
    ]
    static let tomls = [
        "# mine\nstore = \"team\"\n\n[make]\nwarm = true # first\npush = false\n'quoted key' = 'C:\\x'\n",
        "a.b.\"c d\" = -1_000\r\nx = 0xff\n[t.u]\n[t]\ns = \"\\u00e9\\t\\\\\"\n",
    ]
    static let pushMark = PushMark(
        state: Digest.of([1]), store: "/srv/kcache", snapshot: SnapshotID(Digest.of([2])))
    /// An ELF64 file with one program header: its loader's name.
    static let hostProgram: [UInt8] = {
        let name = Array("/lib64/ld-linux-x86-64.so.2\u{0}".utf8)
        var writer = ByteWriter()
        writer.raw([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + Array(repeating: 0, count: 9))
        writer.raw([3, 0, 62, 0])
        writer.u32(1)
        for number: UInt64 in [0x1000, 64, 0] { writer.u64(number) }
        writer.u32(0)
        writer.raw([64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0])
        writer.u32(3)
        writer.u32(4)
        for number: UInt64 in [120, 0, 0, UInt64(name.count), UInt64(name.count), 1] { writer.u64(number) }
        writer.raw(name)
        return writer.bytes
    }()
    static let wrappers = ["#!/bin/sh\n# runs it\nexec /usr/bin/gcc -m64 \"$@\"\n"]
    static let syscalls: [UInt8] = {
        var writer = ByteWriter()
        writer.raw(Array("KCSY".utf8))
        writer.u8(1)
        writer.digest(Digest.of([2]))
        writer.varint(1)
        writer.text("/usr/include/asm/unistd.h")
        writer.u8(1)
        return writer.bytes
    }()
    static let toolchain: [UInt8] = {
        var writer = ByteWriter()
        writer.raw(Array("KCTI".utf8))
        writer.u8(1)
        writer.digest(Digest.of([1]))
        writer.varint(1)
        writer.text("gcc")
        writer.varint(2)
        writer.text("/usr/bin/gcc")
        writer.u8(2)
        for number: UInt64 in [1, 2, 3, 4] { writer.varint(number) }
        writer.signed(5)
        writer.signed(6)
        writer.text("/nothing")
        writer.u8(1)
        return writer.bytes
    }()
    /// Without the checksum at their ends.
    static let buildRecords: [[UInt8]] = [BuildRecord.sample, BuildRecord.sample.confirmed].map {
        Array($0.encode().dropLast(Digest.byteCount))
    }

    static let texts = (0..<4).map { Array("content \($0) of a file in the sample, again and again\n".utf8) }

    static func content(_ i: Int) -> Content { ContentCutter.content(of: texts[i]) }

    static func path(_ text: String) -> TreePath { TreePath(literal: Array(text.utf8)) }

    /// Of version 1: an output and a source.
    static let manifest1: [UInt8] = {
        var writer = ByteWriter()
        writer.raw(Array("KCMF".utf8))
        writer.u8(1)
        for (i, name) in ["a.c", "a.o"].enumerated() {
            writer.text(name)
            writer.u8(UInt8(i))
            writer.signed(Int64(i) * 9)
            writer.varint(1)
            writer.varint(7)
            writer.digest(Digest.of([7]))
        }
        return writer.bytes
    }()

    static let entries: [SnapshotEntry] = {
        var entries = plainEntries
        entries[3].derivation = .compressed(.gzip, inputs: [path("a/b.c"), path("l")])
        entries.append(
            SnapshotEntry(
                path: path("n"), role: .output, kind: .file(content(1), executable: false), order: 5))
        entries[7].derivation = .patch(base: Digest.of([1]), delta: content(3))
        return entries
    }()

    private static let plainEntries: [SnapshotEntry] = [
        SnapshotEntry(
            path: path(".config"), role: .configuration, kind: .file(content(0), executable: false), order: 3),
        SnapshotEntry(
            path: path("a/.b.o.cmd"), role: .output, kind: .file(content(1), executable: false),
            holdsTreePath: true, order: 9),
        SnapshotEntry(path: path("a/b.c"), role: .source, kind: .file(content(2), executable: false)),
        SnapshotEntry(
            path: path("a/b.o"), role: .output,
            kind: .file(Content(content(2).chunks + content(3).chunks), executable: true),
            order: 1_700_000_000_000_000_000),
        SnapshotEntry(
            path: path("a/empty"), role: .source, kind: .file(.empty, executable: false), order: -1),
        SnapshotEntry(path: path("l"), role: .output, kind: .link(Array("a/b.o".utf8)), order: 4),
        SnapshotEntry(
            path: path("m"), role: .output, kind: .link(PathPlaceholder.token + Array("/a".utf8)),
            holdsTreePath: true, order: 5),
    ]

    static let header: SnapshotHeader = {
        var snapshot = Snapshot(header: SnapshotHeader(), entries: entries)
        snapshot.header.name = "v1"
        snapshot.header.created = 1_700_000_000
        snapshot.header.environment.architecture = "x86"
        snapshot.header.environment.kernelRelease = "6.1.0"
        snapshot.header.environment.toolchain = [
            ToolIdentity(role: "CC", command: "gcc", version: "gcc 12", digest: Digest.of([1])),
            ToolIdentity(role: "LD", command: "ld", version: "ld 2", digest: .zero),
        ]
        snapshot.header.environment.pins = [.init(name: "KBUILD_BUILD_USER", value: "me")]
        snapshot.seal()
        return snapshot.header
    }()

    static let record = SnapshotCodec.encode(
        SnapshotRecord(header: header, manifest: ContentCutter.content(of: SnapshotCodec.encode(entries))))

    /// The packs and the indexes (without checksum) of a small store.
    private static let stored: (packs: [[UInt8]], indexes: [[UInt8]]) = {
        let objects = MemoryObjects(clock: WallClock { 0 })
        return attempt {
            let session = try Store(objects: objects).begin()
            let writer = session.makeWriter()
            for kind in [PackKind.outputs, .sources] {
                for i in texts.indices where (i % 2 == 0) == (kind == .sources) {
                    try (texts[i] + texts[i]).withUnsafeBytes {
                        try writer.add(
                            FrameInput(chunks: content(i).chunks + content(i).chunks, bytes: $0), kind: kind)
                    }
                }
            }
            _ = try writer.finish()
            let packs = try objects.list(.packs).compactMap { try objects.get($0.name, limit: 1 << 20) }
            let indexes = try objects.list(.index).compactMap { try objects.get($0.name, limit: 1 << 20) }
            return (packs, indexes.map { Array($0.dropLast(Digest.byteCount)) })
        } ?? ([], [])
    }()
    static let packs = stored.packs
    static let indexes = stored.indexes

    static let statIndex: [UInt8] = {
        var records = entries.map {
            StatIndex.Record(
                path: $0.path, status: FileStatus(.init()), kind: $0.kind, holdsTreePath: $0.holdsTreePath)
        }
        records[1].size = 99
        records[1].mtime = 1_700_000_000_000_000_000
        return Array(StatIndex(sorted: records).encode().dropLast(Digest.byteCount))
    }()

    static let commands = [
        """
        cmd_a/b.o := gcc -Wp,-MMD,a/.b.o.d -nostdinc  -DKBUILD_MODNAME='"b"' -c -o a/b.o a/b.c

        source_a/b.o := a/b.c

        deps_a/b.o := \\
            $(wildcard include/config/SMP) \\
            $(wildcard include/config/X86_64) \\
          include/linux/kconfig.h \\
          /srv/linux/include/x.h \\

        a/b.o: $(deps_a/b.o)

        $(deps_a/b.o):

        """,
        "savedcmd_x.ko := ld -r -o x.ko x.o y.o ; true\n",
        "cmd_a/built-in.a := rm -f a/built-in.a;  printf \"a/%s \" b.o c.o | xargs ar cDPrST a/built-in.a\n",
        "cmd_v.o := ld -o v.o w.o\nv.o: $(wildcard ./tools/objtool/objtool)\n",
    ]

    static let configurations = [
        "# Automatically generated\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"a \\\"quoted\\\" text\"\nCONFIG_E=0x10\n",
        "CONFIG_CC_VERSION_TEXT=\"gcc (Debian 12.2.0-14) 12.2.0\"\nCONFIG_A=\n=\nCONFIG_A",
    ]

    static let makefiles = [
        "obj-y += a.o b/\nobj-$(CONFIG_X) := c.o\nclean-files := *.tmp \\\n\tgen.h\n$(obj)/gen.h: $(src)/gen.sh FORCE\n\t$(call if_changed,gen)\n\trm -f $(obj)/x\n",
        "ifeq ($(A),y)\ntargets += x.s # why\nelse\nextra-y ::= head.o\nendif\nCLEAN_FILES += a b\nclean:\n\t@find . -name '*.o' -o -name '.*.cmd' | xargs rm -f\na b: c; touch $@\n",
    ]

    static let relocations: [[UInt8]] = [
        Array("/srv/linux\ncmd_/srv/linux/a.o := gcc -I/srv/linux/include -o /srv/linux/a.o\n".utf8),
        Array("/t\n/t /t/ /tt t/t\n".utf8), Array("/srv/linux\n".utf8) + elf,
    ]

    /// An ELF64 relocatable object with a mergeable string section.
    private static let elf: [UInt8] = {
        let strings = Array("/srv/linux/a.c\u{0}other\u{0}".utf8)
        let names = Array("\u{0}.debug_str\u{0}.shstrtab\u{0}".utf8)
        var writer = ByteWriter()
        writer.raw([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + Array(repeating: 0, count: 9))
        writer.raw([1, 0, 62, 0])
        writer.u32(1)
        writer.u64(0)
        writer.u64(0)
        let table = UInt64(64 + strings.count + names.count)
        writer.u64(table)
        writer.u32(0)
        writer.raw([64, 0, 0, 0, 0, 0, 64, 0, 3, 0, 2, 0])
        writer.raw(strings)
        writer.raw(names)
        func section(
            _ name: UInt32, _ type: UInt32, _ flags: UInt64, _ offset: UInt64, _ size: UInt64, _ item: UInt64
        ) {
            writer.u32(name)
            writer.u32(type)
            writer.u64(flags)
            writer.u64(0)
            writer.u64(offset)
            writer.u64(size)
            writer.u64(0)
            writer.u64(1)
            writer.u64(item)
        }
        section(0, 0, 0, 0, 0, 0)
        section(1, 1, 0x30, 64, UInt64(strings.count), 1)
        section(12, 3, 0, 64 + UInt64(strings.count), UInt64(names.count), 0)
        return writer.bytes
    }()
}
