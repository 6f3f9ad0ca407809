import Foundation
import TestKernel
import Testing

/// CONFIG_IKHEADERS: an archive of headers in the kernel, made anew by what `ls -l` says of them.
@Suite(.serialized) struct KheadersTests {
    let trees: StoredTrees
    let state: FakeState

    init() throws {
        trees = try StoredTrees()
        state = trees.kernel.initial.withHeadersArchive
    }

    /// Under another owner there is nothing to do.
    @Test(.enabled(if: getuid() == 0)) func ofAnotherUser() throws {
        let id = try trees.push(try trees.built("built", state))
        let place = trees.work.place("here")
        try trees.kernel.makeCheckout(at: place, state)
        try Shell.run(["chown", "-R", "12345:23456", place.path])
        try trees.pull(id, into: place)
        let made = try trees.kernel.build(place)
        #expect(made.status == 0 && made.toolSteps.isEmpty && !made.log.contains("GEN"), "\(made.log)")
        try trees.expectCleanBuild(place, state)
    }

    /// The archive that comes has other headers in it than those that stand here.
    @Test(arguments: ["changed", "added", "removed"]) func ofOtherHeaders(kind: String) throws {
        let id = try trees.push(try trees.built("built", state))
        var other = state
        switch kind {
        case "changed": other.files["include/fake/trace.h", default: ""] += "#define FAKE_MORE 1\n"
        case "added": other.files["include/fake/new.h"] = "#define FAKE_NEW 1\n"
        default: other.files["include/fake/unused.h"] = nil
        }
        let place = trees.work.place("here")
        try trees.kernel.makeCheckout(at: place, other)
        try Shell.run(["find", place.path, "-exec", "touch", "-h", "-d", "2001-01-01", "{}", "+"])
        try trees.pull(id, into: place)
        let made = try trees.kernel.build(place)
        #expect(made.status == 0, "\(made.log)")
        let clean = trees.work.place("clean")
        try trees.kernel.makeTree(at: clean, other)
        #expect(try trees.kernel.build(clean).status == 0)
        let archive = try headers(place)
        #expect(try archive == headers(clean))
        #expect(archive.contains { $0.hasSuffix("./include/fake/trace.h") })
    }

    /// The archive's members with their sums. A first build makes one of them later than the archive.
    private func headers(_ place: URL) throws -> [String] {
        let folder = trees.work.place("headers-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Shell.run(
            ["tar", "-xJf", place.appending(path: "kernel/kheaders_data.tar.xz").path, "-C", folder.path])
        return try Shell.run(
            ["sh", "-c", "find . -type f -not -name utsversion.h | LC_ALL=C sort | xargs md5sum"], in: folder
        ).split(separator: "\n").map(String.init)
    }
}

extension FakeState {
    /// With what CONFIG_IKHEADERS=y adds to a kernel.
    var withHeadersArchive: FakeState {
        var state = self
        state.files["Kbuild", default: ""] += "obj-y += kernel/\n"
        state.files["kernel/Makefile"] = """
            obj-y := kheaders.o
            $(obj)/kheaders.o: $(obj)/kheaders_data.tar.xz

            quiet_cmd_headers = CHK     $(obj)/kheaders_data.tar.xz
                  cmd_headers = $(CONFIG_SHELL) $(srctree)/kernel/gen_kheaders.sh $@
            $(obj)/kheaders_data.tar.xz: FORCE
            \t$(call cmd,headers)

            clean-files := kheaders_data.tar.xz kheaders.md5

            """
        state.files["kernel/kheaders.c"] = """
            asm(".pushsection .rodata\\n.incbin \\"kernel/kheaders_data.tar.xz\\"\\n.popsection\\n");

            """
        state.files["include/fake/unused.h"] = "#define FAKE_UNUSED 1\n"
        return state
    }
}
