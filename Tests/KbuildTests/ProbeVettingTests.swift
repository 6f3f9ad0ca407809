import KCacheCore
import Testing

@testable import KCacheKbuild

struct ProbeVettingTests {
    private let vetting = ProbeVetting(programs: ["gcc", "ccache", "ld", "ar", "nm", "pahole", "getconf"])

    private func note(_ kind: String, _ arguments: [String], _ answer: String) throws -> ProbeNote {
        try #require(
            ProbeNote(
                file: "top.mk", kind: kind,
                key: arguments.map { ProbeText.encode($0) }.joined(separator: ProbeText.separator),
                value: ProbeText.mark + ProbeText.encode(answer)))
    }

    @Test(arguments: [
        "gcc -Werror -D__KERNEL__ -fmacro-prefix-map=./= -O2 -Wno-main -c -x c /dev/null -o \"$TMP\"",
        "ccache gcc -m64 -c -x c /dev/null -o \"$TMP\"", "ld -m elf_x86_64 -z noexecstack -v",
        "printf \"%b\\n\" \"nop\\nret\" | gcc -c -x assembler-with-cpp -o \"$TMP\" -",
        "gcc -Wa,-march=all -c -x assembler-with-cpp /dev/null -o \"$TMP\"", "ar rcD \"$TMP\"",
        "echo 'int x;' | gcc -x c - -c -o \"$TMP.base\" && nm \"$TMP.base\" | grep ' U ' > \"$TMP.u\" || true",
        "gcc -I./arch/x86/include -c -x c /dev/null -o /dev/null",
    ]) func understood(command: String) throws {
        #expect(vetting.obstacle(try note("t", [command, "y", "n"], "y")) == nil)
    }

    @Test(arguments: [
        "gcc -include a.h -c -x c /dev/null -o \"$TMP\"", "gcc @args -c -x c /dev/null -o \"$TMP\"",
        "gcc -specs=x -c -x c /dev/null -o \"$TMP\"", "gcc -fplugin=x -c -x c /dev/null -o \"$TMP\"",
        "gcc -B. -c -x c /dev/null -o \"$TMP\"", "gcc --sysroot=x -c -x c /dev/null -o \"$TMP\"",
        "gcc -fprofile-use=x -c -x c /dev/null -o \"$TMP\"", "gcc -c a.c -o \"$TMP\"",
        "gcc -c /tmp/a.c -o \"$TMP\"",
        "gcc -x c /dev/null -o \"$TMP\"", "gcc -c -x c \"$TMP\" -o \"$TMP\"",
        "gcc -c -x c /dev/null -o out.o",
        "gcc -c -x c /dev/null -o \"$TMP\" `cat x`", "gcc -c -x c /dev/null -o \"$TMP\" $(cat x)",
        "tcc -c -x c /dev/null -o \"$TMP\"", "gcc -c -x c - <a.c -o \"$TMP\"",
        "cat a.c | gcc -c -x c - -o \"$TMP\"",
        "echo '#include <a.h>' | gcc -c -x c - -o \"$TMP\"",
        "printf '.incbin \"a\"' | gcc -c -x assembler - -o \"$TMP\"",
        "printf '.in\\143bin \"a\"' | gcc -c -x assembler - -o \"$TMP\"",
        "gcc -Wa,@x -c -x c /dev/null -o \"$TMP\"",
        "gcc -Wp,-MD,x.d -c -x c /dev/null -o \"$TMP\"", "gcc -fuse-ld=gold -c -x c /dev/null -o \"$TMP\"",
        "gcc -c -x c /dev/null -o \"$TMP\" & ", "ld -T x.lds -v", "ld x.o -v", "ld -lfoo -v", "sh x.sh",
        ". x",
        "test -e /usr/bin/gcc", "[ -f x ]", "X=1 gcc -c -x c /dev/null -o \"$TMP\"",
        "gcc -c -x c *.c -o \"$TMP\"",
        "ccache -z", "gcc -Wmissing-include-dirs -I x -c -x c /dev/null -o \"$TMP\"", "(gcc -v)", "", "gcc",
    ]) func refused(command: String) throws {
        #expect(vetting.obstacle(try note("t", [command, "y", "n"], "y")) != nil)
    }

    @Test func answers() throws {
        let command = "gcc -c -x c /dev/null -o \"$TMP\""
        #expect(vetting.obstacle(try note("t", [command, "-a", "-b"], "-c")) != nil)
        #expect(vetting.obstacle(try note("t", [command, "/usr/lib", "-b"], "/usr/lib")) != nil)
        #expect(vetting.obstacle(try note("t", [command, "-fmap=./=", "-b"], "-fmap=./=")) == nil)
        #expect(vetting.obstacle(try note("s", ["-", "gcc -print-file-name=include"], "/usr/lib")) != nil)
        #expect(vetting.obstacle(try note("s", ["-", "gcc -print-file-name=include"], "include")) != nil)
        #expect(
            vetting.obstacle(
                try note("s", ["-", "LC_ALL=C gcc --version 2>/dev/null | head -n 1"], "gcc 12")) == nil)
        #expect(vetting.obstacle(try note("s", ["-", "cat include/config/kernel.release"], "6.1")) != nil)
        #expect(
            vetting.obstacle(try note("s", ["abc", "PAHOLE=pahole ./scripts/pahole-flags.sh"], "-j")) == nil)
        #expect(
            vetting.obstacle(try note("s", ["-", "PAHOLE=pahole ./scripts/pahole-flags.sh"], "-j")) != nil)
        #expect(vetting.obstacle(try note("s", ["abc", "sh ./scripts/gcc-version.sh gcc"], "1200")) == nil)
        #expect(vetting.obstacle(try note("s", ["abc", "sh ./scripts/gcc-version.sh tcc"], "1200")) != nil)
        #expect(vetting.obstacle(try note("s", ["-", "[ 1200 -ge 1100 ] && echo y"], "y")) == nil)
    }

    @Test func textIsTheSameBothWays() {
        for text in ["", " a\tb\n", "%", "%_", "%25%;x", "50% of $x (a) {b} #c 'd' \\e=f:g", "-Wa,-m"] {
            #expect(ProbeText.decode(ProbeText.encode(text)) == text)
            #expect(text.isEmpty || ProbeText.isEncoded(ProbeText.encode(text).utf8))
        }
        #expect(ProbeText.decode("%41") == nil)
        #expect(ProbeText.decode("%2") == nil)
    }

    @Test func answersAreReadStrictly() throws {
        let good = Array("kcache-t/a%;b%;c := %_b\n".utf8)
        #expect(ProbeAnswers(parsing: good)?.encode() == good)
        for bad in [
            "kcache-t/a := %_b", "kcache-t/a := %_$(shell rm x)\n", "kcache-t/a = %_b\n", "x := %_b\n",
            "kcache-t/a := %_b\n\n", "kcache-t/a := %_b\nkcache-t/a := %_c\n", "kcache-t/a := %_b # c\n",
            "\n",
            "$(shell x)\n", "kcache-t/a := %_b\\\n", "kcache-t/a := b\n", "\tkcache-t/a := %_b\n",
            "kcache-t/ := %_b\n",
        ] { #expect(ProbeAnswers(parsing: Array(bad.utf8)) == nil, "\(bad)") }
    }

    @Test func tornNotesAreToldFromWholeOnes() {
        let whole = "top.mk\nt\na%;b%;c\n%_b\nend\n"
        #expect(ProbeNote.parse(Array(whole.utf8)).count == 1)
        for cut in 0..<whole.utf8.count {
            #expect(ProbeNote.parse(Array(whole.utf8.prefix(cut))).isEmpty)
            let notes = ProbeNote.parse(Array((whole.prefix(cut) + whole).utf8))
            #expect(notes.allSatisfy { $0.key == "a%;b%;c" && $0.value == "%_b" })
        }
    }

    @Test func oldestAnswersGoFirst() throws {
        var answers = ProbeAnswers()
        for i in 0..<100 { #expect(answers.add(try note("t", ["q\(i)", "y", "n"], "y"))) }
        answers.trim(to: 1000)
        let text = String(decoding: answers.encode(), as: UTF8.self)
        #expect(text.utf8.count <= 1000 && text.contains("q99%;") && !text.contains("q1%;"))
    }
}
