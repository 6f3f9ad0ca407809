import Testing

@testable import KCacheKbuild

struct MakeGoalsTests {
    @Test(
        arguments: [
            ([], .build), (["all"], .build), (["vmlinux", "modules"], .build), (["bzImage"], .build),
            (["Image.gz"], .build), (["fs/ext4/"], .build), (["fs/ext4/inode.o"], .build), (["x.ko"], .build),
            (["drivers/net/dummy.ko"], .build), (["kernel/fork.i"], .build), (["kernel/fork.lst"], .build),
            (["prepare"], .build), (["modules_prepare"], .build), (["scripts"], .build),
            (["headers"], .build),
            (["dtbs"], .build), (["a.dtb"], .build),
            (["defconfig"], .configure), (["olddefconfig", "all"], .configure), (["menuconfig"], .configure),
            (["config"], .configure), (["kvm_guest.config"], .configure), (["savedefconfig"], .configure),
            (["help"], .readOnly), (["kernelversion"], .readOnly), (["kernelrelease", "all"], .readOnly),
            (["image_name"], .readOnly), (["listnewconfig"], .readOnly),
            (["clean"], .clean), (["mrproper", "defconfig", "all"], .clean), (["distclean"], .clean),
            (["install"], .install), (["modules_install", "clean"], .install),
            (["headers_install"], .install),
            (["zinstall"], .install), (["dtbs_install"], .install), (["vdso_install"], .install),
            (["tags"], .other), (["bindeb-pkg"], .other), (["install", "cscope"], .other),
            (["nsdeps"], .other),
            (["tools/objtool"], .other), (["tools/"], .other), (["tools/perf/perf.o"], .other),
            (["fs/ext4"], .other), (["checkstack"], .other), (["/x/y.o"], .other), (["../y.o"], .other),
            (["unheard-of"], .other), (["isoimage"], .other), (["uninstall"], .other), ([""], .other),
            (["include/config/auto.conf"], .other), (["arch/x86/configs/x.config"], .other),
        ] as [([String], MakeGoals.Kind)])
    func kinds(goals: [String], kind: MakeGoals.Kind) { #expect(MakeGoals(goals).kind == kind, "\(goals)") }

    @Test func whatFollows() {
        #expect(MakeGoals.Kind.allCases.filter { MakeGoals(of: $0).maySkip } == [.build])
        #expect(MakeGoals.Kind.allCases.filter { MakeGoals(of: $0).mayWriteCaches } == [.build, .configure])
        #expect(MakeGoals.Kind.allCases.filter { !MakeGoals(of: $0).takesPins } == [.readOnly, .clean])
        // What is built after cleaning is built as ever, but nothing is kept of it.
        let mixed = MakeGoals(["clean", "all"])
        #expect(mixed.takesPins && !mixed.mayWriteCaches && !mixed.maySkip)
        #expect(MakeGoals([]).takesPins)
    }
}

extension MakeGoals {
    fileprivate init(of kind: Kind) {
        let samples: [Kind: String] = [
            .build: "all", .configure: "defconfig", .readOnly: "help", .clean: "clean", .install: "install",
        ]
        self.init([samples[kind] ?? "unheard-of"])
    }
}
