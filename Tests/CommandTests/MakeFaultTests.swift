import Foundation
import Glibc
import TestKernel
import Testing

/// Surroundings in which nothing can be kept, and paths that Kbuild refuses: `kcache make` then does what make
/// does, and says no more than make says.
@Suite(.serialized) struct MakeFaultTests {
    private let work: Workplace
    private let kernel: FakeKernel

    init() throws {
        work = try Workplace()
        kernel = try FakeKernel.prepared()
    }

    private func twins(_ environment: [String: String] = [:]) throws -> MakeTwins {
        let twins = try MakeTwins(
            in: work.url, environment: ["ARCH": "fake"].merging(environment) { $1 })
        for kind in [MakeKind.plain, .command] {
            try kernel.makeTree(at: twins.place(kind), kernel.initial)
            try MakeTwins.complete(twins.place(kind))
        }
        return twins
    }

    /// The two have said the same on standard error.
    private func expectSameErrors(_ twins: MakeTwins, _ what: String) {
        let errors = [MakeKind.plain, .command].map { kind in
            (twins.results[kind]?.error ?? "none").replacingOccurrences(
                of: "\(twins.place(kind).deletingLastPathComponent().path)/", with: "@/")
        }
        #expect(errors.first == errors.last, "\(what)")
    }

    /// A build, a no-op, an edit, a failure and its repair.
    private func history(_ twins: inout MakeTwins, _ what: String) throws {
        try twins.make(.init(name: "\(what): clean build"))
        expectSameErrors(twins, what)
        try twins.make(.init(name: "\(what): no-op", words: [], sameOutput: true))
        expectSameErrors(twins, what)
        try twins.edit("cp core/run.c run.txt; echo '#error twin' >>core/run.c")
        try twins.make(.init(name: "\(what): an error", words: [], status: 2, sameOutput: true))
        expectSameErrors(twins, what)
        try twins.edit("mv run.txt core/run.c; echo 'int mended;' >>core/run.c")
        try twins.make(.init(name: "\(what): repaired", words: [], sameOutput: true))
        expectSameErrors(twins, what)
    }

    @Test func noHome() throws {
        var twins = try twins()
        for kind in [MakeKind.plain, .command] {
            for name in ["HOME", "XDG_CACHE_HOME"] { twins.drivers[kind]?.environment[name] = nil }
        }
        try history(&twins, "no HOME")
        var driver = try #require(twins.drivers[.command])
        driver.options = ["--explain"]
        let told = try driver.run(.command, [], in: twins.place(.command)).error.split(separator: "\n")
        #expect(
            told.filter { $0.contains("kept") || $0.contains("HOME") } == [
                "kcache: nothing is kept: neither XDG_CACHE_HOME nor HOME is set"
            ])
        #expect(!FileManager.default.fileExists(atPath: work.place("home-command/xdg").path))
        #expect(!FileManager.default.fileExists(atPath: work.place("home-command/.cache").path))
    }

    /// Kbuild's own words: "source directory cannot contain spaces or colons".
    @Test(arguments: ["a tree", "a:tree"]) func pathsThatKbuildRefuses(name: String) throws {
        var twins = try twins()
        try twins.make(.init(name: "the tree beside it"))
        try twins.edit("cp -a . '../\(name)'")
        for words in [[], ["-j2", "vmlinux"], ["core/run.o"], ["olddefconfig"], ["clean"], ["-n"]] {
            try twins.make(.init(name: name, words: words, status: nil, folder: name, sameOutput: true))
            expectSameErrors(twins, "\(name) \(words)")
            let result = twins.results[.command]
            #expect(result?.error.contains("cannot contain spaces or colons") == true, "\(words)")
            #expect(result?.status == 2, "\(words)")
        }
        for words in [["O=@/\(name)"], ["M=@/\(name)"], ["-C", "@/\(name)"]] {
            try twins.make(.init(name: name, words: words, status: nil))
            expectSameErrors(twins, "\(words)")
        }
        let cache = work.place("home-command/xdg/kcache/make")
        #expect(try Shell.files(in: cache.appending(path: "runs")).isEmpty)
    }

    /// Caches below such a folder can't be named in a makefile.
    @Test func aCacheWithASpace() throws {
        var twins = try twins(["XDG_CACHE_HOME": work.place("a cache").path])
        try history(&twins, "a space")
    }

    /// Nothing can be made below these.
    @Test(arguments: ["/dev/null/cache", "/proc/kcache", "relative/cache"]) func noFolder(path: String) throws
    {
        var twins = try twins(["XDG_CACHE_HOME": path])
        for kind in [MakeKind.plain, .command] { twins.drivers[kind]?.environment["HOME"] = "/proc/nobody" }
        try history(&twins, path)
    }

    /// The folder is root's and we are not.
    @Test(.enabled(if: geteuid() == 0)) func anotherUsersFolder() throws {
        var twins = try twins(["XDG_CACHE_HOME": work.place("foreign").path])
        let folder = work.place("foreign/kcache/make")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // Nor may a stranger need what lies in a home.
        try Shell.run(["cp", Program.path, work.place("kcache").path])
        for kind in [MakeKind.plain, .command] {
            try Shell.run(["chown", "-R", "12345:12345", twins.place(kind).deletingLastPathComponent().path])
            let words = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
            twins.drivers[kind]?.wrapper = words
            twins.drivers[kind]?.program = work.place("kcache").path
        }
        try history(&twins, "root's folder")
        #expect(try Shell.files(in: folder).isEmpty)
        try Shell.run(["chmod", "777", folder.path, folder.deletingLastPathComponent().path])
        try twins.edit("echo 'int open;' >>core/run.c; chown 12345 core/run.c")
        try twins.make(.init(name: "a folder that anyone may write"))
        #expect(try Shell.files(in: folder).isEmpty)
    }

    // MARK: Disks

    /// Runs words in a mount namespace of their own, with a file system of these options as the cache; what it
    /// holds is carried to the next run.
    private func onDisk(_ options: String, _ cache: URL, _ lines: String = ":") -> [String] {
        let saved = work.place("saved").path
        let script = """
            mkdir -p '\(saved)'
            mount -t tmpfs -o \(options) none '\(cache.path)'
            cp -a '\(saved)/.' '\(cache.path)' 2>'\(saved).log' || :
            \(lines)
            status=0
            "$@" || status=$?
            rm -rf '\(saved)' '\(cache.path)/fill' 2>'\(saved).log' || :
            cp -a '\(cache.path)' '\(saved)'
            exit $status
            """
        return ["unshare", geteuid() == 0 ? "-m" : "-rm", "sh", "-ec", script, "sh"]
    }

    /// Nil where mounts are forbidden, as in some containers.
    private func diskFolder() throws -> URL? {
        let cache = work.place("disk")
        try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
        return (try? Shell.run(onDisk("size=1m", cache) + ["true"])) == nil ? nil : cache
    }

    /// From one on which nothing fits to one on which a record does not.
    private static let disks =
        ["size=4k", "size=32k", "size=128k", "ro"]
        + (KillTests.isFull ? ["size=8k", "size=16k", "size=64k", "size=256k", "size=512k"] : [])

    @Test(arguments: disks) func aFullDisk(options: String) throws {
        guard let cache = try diskFolder() else { return }
        var twins = try twins(["XDG_CACHE_HOME": cache.path])
        twins.drivers[.command]?.wrapper = onDisk(options, cache)
        try history(&twins, options)
    }

    /// What happens to the cache while make runs, by a script of the build.
    @Test(
        arguments: [
            ("full", "cat /dev/zero >$XDG_CACHE_HOME/fill"),
            ("read-only", "mount -o remount,ro $XDG_CACHE_HOME"),
            ("removed", "rm -rf $XDG_CACHE_HOME/kcache"),
            ("a file", "rm -rf $XDG_CACHE_HOME/kcache; echo >$XDG_CACHE_HOME/kcache"),
        ], ["generated", "in the middle"]) func whileMakeRuns(change: (String, String), moment: String) throws
    {
        guard let cache = try diskFolder() else { return }
        var twins = try twins(["XDG_CACHE_HOME": cache.path])
        twins.drivers[.command]?.wrapper = onDisk(
            "size=8m", cache, "export DISK=\"\(change.1)\"")
        // One is run for a header that Kbuild generates first, the other among the units.
        let script = moment == "generated" ? "scripts/checksyscalls.sh" : "scripts/fake/table.sh"
        try twins.edit(
            """
            mkdir -p scripts; touch \(script); mv \(script) old.txt
            { echo '#!/bin/sh'; echo '(eval "$DISK") 2>/dev/null || :'; cat old.txt; } >\(script)
            chmod +x \(script); rm old.txt
            """)
        if moment == "generated" {
            try twins.edit(Self.syscalls)
        }
        for (name, edit) in [
            ("clean build", ""), ("no-op", ""),
            ("an edit", "echo 'int more;' >>core/run.c; touch core/table.txt"),
            ("a header", "echo '#define DISK 1' >>include/fake/task.h"),
        ] {
            if !edit.isEmpty { try twins.edit(edit) }
            try twins.make(.init(name: "\(change.0) \(moment): \(name)"))
            expectSameErrors(twins, "\(change.0) \(moment): \(name)")
        }
    }

    /// Kbuild's check for missing system calls, as the real tree has it; this one always warns.
    private static let syscalls = #"""
        cat >>Kbuild <<'END'

        quiet_cmd_syscalls = CALL    $<
              cmd_syscalls = $(CONFIG_SHELL) $< $(CC) $(c_flags) $(missing_syscalls_flags)
        PHONY += missing-syscalls
        missing-syscalls: scripts/checksyscalls.sh $(offsets-file)
        	$(call cmd,syscalls)
        prepare: missing-syscalls
        END
        echo 'echo "$0: warning: a call is missing" >&2' >>scripts/checksyscalls.sh
        """#
}
