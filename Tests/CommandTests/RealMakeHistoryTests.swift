import Foundation
import TestKernel
import Testing

/// Random histories on the real kernel (tinyconfig): `kcache make` in one tree, plain make in its twin.
///
/// `KCACHE_TEST_REAL_ROUNDS` says how many rounds (default 12), `KCACHE_TEST_SEED` which history.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["KCACHE_TEST_FULL"] != nil))
struct RealMakeHistoryTests {
    @Test func makesWhatPlainMakeMakes() throws {
        let environment = ProcessInfo.processInfo.environment
        let rounds = environment["KCACHE_TEST_REAL_ROUNDS"].flatMap { Int($0) } ?? 12
        let seed = environment["KCACHE_TEST_SEED"].flatMap { UInt64($0) } ?? 1
        let options = environment["KCACHE_TEST_MAKE"] ?? ""
        let work = try Workplace()
        var twins = try MakeTwins(
            in: work.url, options: options.split(separator: " ").map(String.init), environment: [:])
        twins.name = "seed \(seed)"
        twins.patience = 1800
        for kind in [MakeKind.plain, .command] {
            let tree = twins.place(kind)
            try FileManager.default.createDirectory(at: tree, withIntermediateDirectories: true)
            try Shell.run([
                "tar", "-xJf", "/usr/src/linux-source-6.1.tar.xz", "-C", tree.path, "--strip-components=1",
            ])
        }
        try twins.edit("cp README ../README.whole")
        try twins.make(.init(name: "the configuration", words: ["tinyconfig"]))
        try twins.make(.init(name: "the first build"))
        var random = SplitMix(seed: seed)
        for round in 0..<rounds where !twins.failed {
            for edit in 0..<(random.next() % 3) {
                try twins.edit(Self.edit("\(round)_\(edit)", &random))
            }
            try twins.make(Self.step(&random))
        }
        try twins.make(.init(name: "the last build"))
        try twins.make(.init(name: "nothing to do"))
    }

    /// Units and headers that tinyconfig builds, and that a line at the end does not break.
    private static let files = [
        "kernel/fork.c", "kernel/exit.c", "kernel/sched/core.c", "mm/mmap.c", "fs/namei.c", "lib/vsprintf.c",
        "lib/string.c", "arch/x86/kernel/process.c", "arch/x86/boot/main.c", "init/main.c",
        "drivers/base/core.c", "arch/x86/entry/vdso/vclock_gettime.c", "arch/x86/kernel/head_32.S",
        "include/linux/seq_file.h", "include/linux/eventpoll.h", "arch/x86/boot/boot.h",
        "include/linux/utsname.h", "include/uapi/linux/futex.h",
    ]
    private static let makefiles = ["fs", "lib", "mm", "kernel/time", "arch/x86/boot", "drivers/base"]
    private static let symbols = ["PRINTK", "FUTEX", "EPOLL", "BUG", "KALLSYMS", "TTY", "SMP", "MODULES"]
    /// Made and found again anywhere: objects, archives, generated files.
    private static let outputs = [
        "kernel/fork.o", "lib/built-in.a", "lib/lib.a", "vmlinux", "vmlinux.o", "System.map",
        "include/generated/bounds.h", "include/generated/asm-offsets.h", "include/config/auto.conf",
        "include/config/kernel.release", "arch/x86/boot/bzImage", "arch/x86/boot/compressed/vmlinux",
        "fs/.namei.o.cmd", "scripts/mod/modpost", "scripts/kallsyms", "usr/initramfs_data.o",
    ]

    private static func edit(_ number: String, _ random: inout SplitMix) -> String {
        func one(of list: [String]) -> String { list[Int(random.next() % UInt64(list.count))] }
        let file = one(of: files)
        switch random.next() % 12 {
        case 0, 1, 2:
            // A new line for the others: they change nothing but the lines of what includes them.
            let line = file.hasSuffix(".c") ? "int kcache_edit_\(number);" : ""
            return "echo '\(line)' >>\(file)"
        case 3: return "touch \(file)"
        case 4: return "touch -d 2001-01-01 \(file)"
        case 5, 6: return "rm -f \(one(of: outputs))"
        case 7: return "f=\(one(of: outputs)); if test -f $f; then touch $f; fi"
        case 8:
            return "echo 'ccflags-y += -DKCACHE_EDIT=\(random.next() % 3)' >>\(one(of: makefiles))/Makefile"
        case 9: return "rm -f README; if test \(random.next() % 2) = 1; then cp ../README.whole README; fi"
        case 10:
            let folder = one(of: makefiles)
            return "echo 'int kcache_new_\(number);' >\(folder)/kcache_\(number).c; "
                + "echo 'obj-y += kcache_\(number).o' >>\(folder)/Makefile"
        default:
            let how = random.next() % 2 == 0 ? "--enable" : "--disable"
            return "scripts/config \(how) \(one(of: symbols)); make -s olddefconfig"
        }
    }

    /// Most often a whole build, as people do.
    private static func step(_ random: inout SplitMix) -> MakeTwins.Step {
        var step = MakeTwins.Step(name: "a round", status: nil)
        switch random.next() % 16 {
        case 0: step.words = ["-j2", "vmlinux"]
        case 1: step.words = ["-j2", "kernel/fork.o"]
        case 2: step.words = ["-j2", "fs/", "lib/"]
        case 3: step.words.append("KCFLAGS=-DROUND=\(random.next() % 2)")
        case 4: step.words.append("-k")
        case 5: step.words = ["olddefconfig"]
        case 6: step.withoutUs = true
        case 7: step.words = ["-j2", "prepare"]
        case 8: step.environment["LOCALVERSION"] = "-r\(random.next() % 2)"
        default: break
        }
        return step
    }
}
