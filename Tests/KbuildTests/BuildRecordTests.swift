import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Records of real makes of the fake kernel: after each single change, make has to be run.
@Suite(.serialized) struct BuildRecordTests {
    @Test func comesToRest() throws {
        let trial = try RecordTrial()
        guard case .unknown = try trial.check() else {
            Issue.record("a record before any make")
            return
        }
        #expect(try trial.make() == .recorded(confirmed: false))
        guard case .changed(let none) = try trial.check() else {
            Issue.record("unconfirmed, and yet unchanged")
            return
        }
        #expect(none.isEmpty, "\(none.examples(5))")
        #expect(try trial.make() == .recorded(confirmed: true))
        #expect(try trial.isUnchanged)
        // Confirmed once, a plain edit needs one make.
        try trial.shell("echo '/* more */' >> core/run.c")
        #expect(try !trial.isUnchanged)
        #expect(try trial.make() == .recorded(confirmed: true))
        #expect(try trial.isUnchanged)
        let made = try trial.kernel.build(trial.tree)
        #expect(made.toolSteps.isEmpty, "\(made.log)")
    }

    /// Linux 7.1 keeps the mark of `missing-syscalls`, under a name that else only passing files have.
    @Test func aMarkThatStaysCounts() throws {
        let rule = """

            mark := .tmp_missing-syscalls
            targets += $(mark)
            quiet_cmd_mark = CALL    mark
                  cmd_mark = touch $@
            $(mark): FORCE
            \t$(call if_changed,mark)
            prepare: $(mark)

            """
        let trial = try RecordTrial { tree in
            let kbuild = tree.appending(path: "Kbuild")
            let text = try String(contentsOf: kbuild, encoding: .utf8)
            try (text + rule).write(to: kbuild, atomically: true, encoding: .utf8)
        }
        #expect(try trial.make() == .recorded(confirmed: false))
        #expect(try trial.make() == .recorded(confirmed: true))
        #expect(try trial.isUnchanged)
        try trial.shell("rm .tmp_missing-syscalls")
        #expect(try !trial.isUnchanged)
        try trial.make()
        try trial.shell("test -e .tmp_missing-syscalls")
    }

    struct Change: Sendable, CustomStringConvertible {
        var description: String
        var script: String
        var isSeen = true
        var undo = ""
    }

    static let changes: [Change] = [
        .init(description: "edit a unit", script: "echo '/* x */' >> core/run.c"),
        .init(description: "edit a header", script: "echo '/* x */' >> include/fake/limits.h"),
        .init(description: "edit a Makefile", script: "echo '# x' >> core/Makefile"),
        .init(description: "edit the top Makefile", script: "echo '# x' >> Makefile"),
        .init(description: "edit Kconfig", script: "echo '# x' >> Kconfig"),
        .init(description: "edit a script", script: "echo '# x' >> scripts/fake/table.sh"),
        .init(description: "edit data", script: "echo more >> core/table.txt"),
        .init(description: "edit .config", script: "echo '# x' >> .config"),
        .init(description: "touch a unit", script: "touch net/socket.c"),
        .init(description: "touch an object", script: "touch net/socket.o"),
        .init(description: "delete an object", script: "rm net/socket.o"),
        .init(description: "delete a saved command", script: "rm net/.socket.o.cmd"),
        .init(description: "edit a saved command", script: "echo >> net/.socket.o.cmd"),
        .init(description: "delete a unit", script: "rm net/socket.c"),
        .init(description: "delete a header", script: "rm net/net.h"),
        .init(description: "delete vmlinux", script: "rm vmlinux"),
        .init(description: "new unit", script: "echo > core/new.c"),
        .init(description: "new data", script: "echo > core/new.txt"),
        .init(description: "new file at the top", script: "echo > notes"),
        .init(description: "new directory", script: "mkdir core/new"),
        .init(description: "new Makefile before another", script: "echo 'obj-y := run.o' > core/Kbuild"),
        .init(description: "rename", script: "mv core/table.txt core/table2.txt"),
        .init(
            description: "rename and back by another", script: "cp core/run.c core/t && mv core/t core/run.c"),
        .init(description: "chmod a script", script: "chmod 700 scripts/fake/table.sh"),
        .init(
            description: "another inode of the same size and time",
            script: "cp -p core/run.c ../run && tr a b < ../run > ../new && touch -r core/run.c ../new "
                + "&& ln -f ../new core/run.c"),
        .init(
            description: "content under the same size and time",
            script: "cp -p core/run.c ../run && tr a b < ../run > core/run.c && touch -r ../run core/run.c"),
        .init(description: "time set back", script: "touch -d 2001-01-01 core/run.c"),
        .init(
            description: "a file added, its directory's time set back",
            script: "touch -r core ../stamp && echo > core/new.c && touch -r ../stamp core"),
        .init(description: "generated header", script: "echo '/* x */' >> include/generated/autoconf.h"),
        .init(description: "generated data", script: "echo >> core/table.h"),
        .init(description: "auto.conf", script: "touch include/config/auto.conf"),
        .init(description: "localversion", script: "echo -x > localversion-x"),
        .init(description: "git init", script: "git init -q ."),
        .init(
            description: "file becomes a link",
            script: "mv core/run.c ../run.c && ln -s ../../run.c core/run.c"),
        .init(description: "directory becomes a link", script: "mv core ../core && ln -s ../core core"),
        .init(
            description: "swap file", script: "echo > core/.run.c.swp", isSeen: false,
            undo: "rm core/.run.c.swp"),
        .init(
            description: "backup", script: "cp core/run.c core/run.c~", isSeen: false, undo: "rm core/run.c~"),
        .init(
            description: "lock of an editor", script: "ln -s me@here core/.#run.c", isSeen: false,
            undo: "rm 'core/.#run.c'"),
        .init(description: "vim's probe", script: "echo > core/4913 && rm core/4913", isSeen: false),
        .init(description: "tags", script: "echo > tags", isSeen: false, undo: "rm tags"),
        .init(
            description: "documentation", script: "echo x >> Documentation/notes.rst", isSeen: false),
        .init(
            description: "another architecture", script: "echo '# x' >> arch/other/Kconfig", isSeen: false),
        .init(
            description: "a unit that nobody names", script: "echo '/* x */' >> unused/unused.c",
            isSeen: false),
    ]

    /// One tree serves all: each change is followed by a make that ends in a confirmed record again.
    @Test func seesEachChange() throws {
        let trial = try RecordTrial { tree in
            for (path, text) in [
                "Documentation/notes.rst": "x\n", "arch/other/Kconfig": "# x\n", "unused/unused.c": "\n",
            ] {
                let file = tree.appending(path: path)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try text.write(to: file, atomically: false, encoding: .utf8)
            }
        }
        try trial.make()
        #expect(try trial.make() == .recorded(confirmed: true))
        let backup = trial.folder.appending(path: "backup").path
        try Shell.run(["cp", "-a", trial.tree.path, backup])
        for change in Self.changes {
            #expect(try trial.isUnchanged, "before: \(change)")
            Thread.sleep(forTimeInterval: 0.03)
            try trial.shell(change.script)
            #expect(try trial.isUnchanged != change.isSeen, "\(change)")
            if change.isSeen {
                // Back to the state of the backup: other inodes, so a record must be made anew.
                try Shell.run(["find", trial.tree.path, "-mindepth", "1", "-delete"])
                try Shell.run(["cp", "-a", "\(backup)/.", trial.tree.path])
                try trial.renew()
            } else if !change.undo.isEmpty {
                try trial.shell(change.undo)
            }
        }
    }

    @Test func seesOtherKeys() throws {
        let trial = try RecordTrial()
        let key = try trial.key()
        #expect(try trial.key(["vmlinux"]) != key)
        #expect(try trial.key(variables: ["W=1"]) != key)
        var environment = FakeKernel.pins
        environment["UNKNOWN"] = "1"
        #expect(try trial.key(environment: environment) != key)
        environment["UNKNOWN"] = nil
        (environment["SHLVL"], environment["TERM"], environment["MAKEFLAGS"]) = (
            "2", "dumb", "s -j4 --jobserver-auth=3,4"
        )
        #expect(try trial.key(environment: environment) == key)
        environment["MAKEFLAGS"] = "s -j4 -- W=1"
        #expect(try trial.key(environment: environment) != key)
        let place = trial.place
        #expect(
            try BuildKey(
                goals: [], variables: [], environment: FakeKernel.pins, toolchain: Digest.of([1]),
                place: place) != key)
        let host = HostIdentity(user: 12345, node: "other", machine: "m", release: "r")
        #expect(
            try BuildKey(
                goals: [], variables: [], environment: FakeKernel.pins, toolchain: .zero, place: place,
                host: host)
                != key)
    }

    /// Make puts the command line's variables into the environment of what it starts.
    @Test func packagesOfTheCommandLine() throws {
        let trial = try RecordTrial()
        let variables = ["PKG_CONFIG_PATH=\(trial.folder.path)/packages"]
        func isUnchanged() throws -> Bool {
            let key = try trial.key(variables: variables)
            guard case .unchanged = try trial.records.check(key, trial.place, .all) else { return false }
            return true
        }
        try trial.shell("mkdir ../packages")
        for _ in 1...3 { try trial.make(variables: variables) }
        #expect(try isUnchanged())
        try trial.shell("echo 'Name: libelf' >../packages/libelf.pc")
        #expect(try !isUnchanged())
    }
}

extension RecordTrial {
    /// Makes until the record is confirmed: twice from a state that was built.
    func renew() throws {
        let first = try make()
        if first != .recorded(confirmed: true) {
            let second = try make()
            #expect(second == .recorded(confirmed: true), "\(first) \(second)")
        }
    }
}
