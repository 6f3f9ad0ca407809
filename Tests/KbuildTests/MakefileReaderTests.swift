import KCacheCore
import TestKernel
import Testing

@testable import KCacheKbuild

@Suite struct MakefileReaderTests {
    func read(_ text: String, config: String = "", files: [String: String] = [:]) -> MakefileReader {
        var reader = MakefileReader(
            config: AutoConf(parsing: Array(config.utf8)),
            read: { files[$0.description].map { Array($0.utf8) } }, exists: { files[$0.description] != nil })
        reader.run(Array(text.utf8))
        return reader
    }

    func words(_ reader: MakefileReader, _ name: String) -> [String]? {
        var reader = reader
        return reader.words(name)?.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func objectsBySymbol() {
        let reader = read(
            """
            obj-y := a.o b.o \\
                     c.o # not d.o
            obj-$(CONFIG_X) += x.o
            obj-$(CONFIG_OFF) += off.o
            obj-$(subst m,y,$(CONFIG_M)) += m.o
            ifeq ($(CONFIG_X),y)
            obj-y += if.o
            else ifdef CONFIG_M
            obj-y += elseif.o
            else
            obj-y += else.o
            endif
            """, config: "CONFIG_X=y\nCONFIG_M=m\n")
        #expect(words(reader, "obj-y") == ["a.o", "b.o", "c.o", "x.o", "m.o", "if.o"])
    }

    @Test func functions() {
        let reader = read(
            """
            list = one.o two.o three.c
            a := $(filter %.o,$(list)) $(filter-out %.o,$(list)) $(patsubst %.o,%.x,$(list))
            b := $(list:.o=.b) $(addprefix p/,$(list)) $(sort b a b) $(words $(list))
            c := $(foreach w,$(list),<$(w)>) $(if $(filter one.o,$(list)),yes,no) $(or ,z) $(and a,b)
            twice = $(1)-$(1)$(2)
            d := $(call twice,q,r) $(basename $(list)) $(notdir x/y.o) $(dir x/y.o) $(lastword $(list))
            """)
        #expect(words(reader, "a") == ["one.o", "two.o", "three.c", "one.x", "two.x", "three.c"])
        #expect(
            words(reader, "b")
                == ["one.b", "two.b", "three.c", "p/one.o", "p/two.o", "p/three.c", "a", "b", "3"])
        #expect(words(reader, "c") == ["<one.o>", "<two.o>", "<three.c>", "yes", "z", "b"])
        #expect(words(reader, "d") == ["q-qr", "one", "two", "three", "y.o", "x/", "three.c"])
    }

    @Test func doubtSticksToWhatItTouches() {
        let reader = read(
            """
            obj-y := a.o
            ccflags-y := $(call cc-option,-mfoo)
            other-y := $(shell date)
            ifeq ($(shell uname),Linux)
            lib-y := maybe.o
            endif
            extra-$(shell echo y) += e.o
            sure-y := s.o
            """)
        #expect(words(reader, "obj-y") == ["a.o"])
        #expect(words(reader, "ccflags-y") == nil)
        #expect(words(reader, "other-y") == nil)
        #expect(words(reader, "lib-y") == nil)
        #expect(words(reader, "extra-y") == nil)
        #expect(words(reader, "sure-y") == ["s.o"])
    }

    @Test func rulesAndIncludes() {
        let reader = read(
            """
            include $(srctree)/more.mk
            $(obj)/a.o: $(obj)/gen.h FORCE
            \tobj-y += recipe.o
            x.o: FLAGS := -DX
            define text
            obj-y += inside.o
            endef
            """, files: ["more.mk": "obj := dir\nobj-y := more.o\n"])
        #expect(words(reader, "obj-y") == ["more.o"])
        #expect(reader.rules.map { $0.targets.map { String(decoding: $0, as: UTF8.self) } } == [["dir/a.o"]])
    }

    @Test func anyTextIsSurvived() {
        var random = SplitMix(seed: 11)
        let pieces = [
            "obj-y", " += ", " := ", "$(", ")", "ifeq (", "a,b)", "else", "endif", "\n", "\\\n", "$(call ",
            "$(foreach w,", "$(A)", "A = $(A)$(A)\n", "define x\n", "endef\n", ": ", "\t", "#", "$", "\"",
            "'",
            "ifdef ", "include ", "%", "$(word 0,", "$(subst ,", ",", "é", "\u{0}", "\r\n",
        ]
        for _ in 0..<3000 {
            var text = ""
            for _ in 0..<Int.random(in: 0..<24, using: &random) {
                text += pieces.randomElement(using: &random) ?? ""
            }
            let reader = read(text)
            for name in ["obj-y", "A", "x"] { _ = words(reader, name) }
        }
    }
}
