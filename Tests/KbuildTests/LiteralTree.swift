import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage
import Testing

@testable import KCacheKbuild

#if canImport(Glibc)
    import Glibc
#endif

/// A tree written down in a test, on the disk while the value lives.
final class LiteralTree {
    let directory: Directory
    let path: FilePath

    init(_ files: [String: String], links: [String: String] = [:]) throws {
        path = FilePath("/tmp/kcache-kbuild-\(getpid())-\(UInt64.random(in: 0 ... .max))")
        directory = try Directory.create(path)
        for (name, text) in files { try add(name, text) }
        for (name, target) in links {
            let link = try #require(TreePath(name))
            if let parent = link.parent { try directory.makeDirectories(parent) }
            try directory.makeLink(link, target: Array(target.utf8))
        }
    }

    func add(_ name: String, _ text: String, mtime: Int64? = nil) throws {
        try add(name, Array(text.utf8), mtime: mtime)
    }

    func add(_ name: String, _ bytes: [UInt8], mtime: Int64? = nil) throws {
        let file = try #require(TreePath(name))
        if let parent = file.parent { try directory.makeDirectories(parent) }
        try directory.openOrCreate(file).write(bytes)
        if let mtime { try directory.setModificationTime(file, mtime) }
    }

    func scan() throws -> TreeListing { try TreeScanner().scan(directory) }

    deinit { remove(path) }

    private func remove(_ path: FilePath) {
        // Best effort: a leftover under /tmp harms nothing.
        _ = try? ProcessRunner.system.run(["rm", "-rf", path.string], environment: ["PATH": "/usr/bin:/bin"])
    }

    /// The least that counts as a Kbuild tree.
    static let skeleton: [String: String] = [
        "Makefile": """
        include scripts/Kbuild.include
        CLEAN_FILES += include/ksym modules.builtin \\
        	compile_commands.json .vmlinux.export.c
        MRPROPER_FILES += include/config include/generated \\
        	arch/$(SRCARCH)/include/generated debian tar-install .config .config.old .version *.spec
        clean:
        	@find . $(RCS_FIND_IGNORE) \\
        		\\( -name '*.[aios]' -o -name '*.ko' -o -name '.*.cmd' \\
        		-o -name '*.mod' -o -name '.*.d' -o -name '*.mod.c' -o -name '*.tab.[ch]' \\
        		-o -name '.tmp_*' -o -name '.*.tmp' -o -name '*.dwo' \\) -type f -print | xargs rm -f
        tags:
        	find . -name '*.h'
        """,
        "Kbuild": "targets := kernel/bounds.s\n",
        "scripts/Kbuild.include": "# engine\n",
        "scripts/Makefile.build": "# engine\n",
        "scripts/link-vmlinux.sh": "cleanup()\n{\n\trm -f .btf.*\n\trm -f System.map\n\trm -f vmlinux\n}\n",
        "arch/x86/Makefile": "archclean:\n\t$(Q)rm -rf $(objtree)/arch/x86_64\n",
    ]
}

/// A saved command as Kbuild writes it.
func savedCommand(_ target: String, saved: Bool = false) -> String {
    "\(saved ? "savedcmd" : "cmd")_\(target) := gcc -c -o \(target) x.c\n"
}
