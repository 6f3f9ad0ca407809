import KCacheCore

/// What Kbuild's Makefiles say and no `.cmd` file repeats. Each entry names its place in Linux 6.1.
enum KbuildKnowledge {
    /// Files that the target's own command writes too.
    static func alsoWritten(with target: TreePath) -> Set<TreePath> {
        var text = target.bytes
        if target.hasSuffix(".tab.h") || target.hasSuffix(".tab.c") {
            // scripts/Makefile.host, cmd_bison: one command makes both.
            text[text.count - 1] = target.hasSuffix("h") ? UInt8(ascii: "c") : UInt8(ascii: "h")
            return TreePath(text).map { [$0] } ?? []
        }
        if target.hasSuffix("security/selinux/flask.h") {
            // security/selinux/Makefile, cmd_flask.
            return TreePath("security/selinux/av_permissions.h").map { [$0] } ?? []
        }
        if target.hasSuffix("usr/initramfs_data.cpio") {
            // usr/Makefile, cmd_initfs: the list of what went in.
            return TreePath("usr/.initramfs_data.cpio.d").map { [$0] } ?? []
        }
        // A linker's map: `-Map u-boot.map` (U-Boot's top Makefile).
        return TreePath(target.bytes + Array(".map".utf8)).map { [$0] } ?? []
    }

    /// Scripts that a recipe runs after its main command, without being prerequisites.
    static func isNoPrerequisite(_ path: TreePath) -> Bool {
        // arch/x86/entry/vdso/Makefile, cmd_vdso.
        path.hasSuffix("vdso/checkundef.sh")
    }

    /// Ordinary prerequisites: target, then what it is made from.
    static let plainEdges: [(String, [String])] = [
        // tools/objtool/Makefile: the last link has no .cmd file.
        ("tools/objtool/objtool", ["tools/objtool/objtool-in.o", "tools/objtool/libsubcmd.a"]),
        ("tools/objtool/libsubcmd.a", ["tools/objtool/libsubcmd-in.o"]),
        ("tools/objtool/fixdep", ["tools/objtool/fixdep-in.o"]),
        // usr/Makefile.
        ("usr/initramfs_data.cpio", ["usr/gen_init_cpio"]),
        // kernel/Makefile.
        ("kernel/configs.o", ["kernel/config_data.gz"]),
        ("kernel/kheaders.o", ["kernel/kheaders_data.tar.xz"]),
        // arch/x86/lib/Makefile: made by plain `cmd`.
        (
            "arch/x86/lib/inat-tables.c",
            ["arch/x86/tools/gen-insn-attr-x86.awk", "arch/x86/lib/x86-opcode-map.txt"]
        ),
        // scripts/Makefile.vmlinux.
        ("vmlinux", ["vmlinux.o", ".vmlinux.export.o"]),
    ]

    /// filechk and files that modpost compares: the input whose remaking may change them.
    static let comparedEdges: [(String, [String])] = [
        // Kbuild.
        ("include/generated/bounds.h", ["kernel/bounds.s"]),
        // scripts/mod/Makefile.
        ("scripts/mod/devicetable-offsets.h", ["scripts/mod/devicetable-offsets.s"]),
        // scripts/mod/modpost.c, write_vmlinux_export_c_file.
        (".vmlinux.export.c", ["Module.symvers", "vmlinux.symvers"]),
    ]
}
