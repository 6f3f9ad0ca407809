import Foundation
import KCacheCore
import KCacheSystem
import TestKernel
import Testing

@testable import KCacheKbuild

#if canImport(Glibc)
    import Glibc
#endif

/// Changes that another program makes between the last look of make at a file and the record.
@Suite struct BuildRecordRaceTests {
    /// Makes, changes a unit, makes, and changes something more before the record is taken.
    private func outcome(prepare: String, late: String) throws -> RecordOutcome {
        let trial = try RecordTrial()
        try trial.make()
        #expect(try trial.make() == .recorded(confirmed: true))
        try trial.shell(prepare)
        usleep(60_000)
        let started = BuildStart(clock: .system)
        #expect(try trial.kernel.build(trial.tree).status == 0)
        try trial.shell(late)
        return try trial.records.record(try trial.key(), trial.place, started: started)
    }

    @Test func aUnitAlone() throws {
        #expect(
            try outcome(prepare: "echo 'int late;' >>core/run.c", late: ":") == .recorded(confirmed: true))
    }

    @Test func aHeaderThatIsGone() throws {
        let outcome = try outcome(
            prepare: "echo '#define G 1' >core/gone.h; echo '#include \"gone.h\"' >>core/run.c",
            late: "rm core/gone.h")
        #expect(outcome != .recorded(confirmed: true))
    }

    @Test func anOutputThatIsGone() throws {
        let outcome = try outcome(prepare: "echo 'int late;' >>core/run.c", late: "rm System.map")
        #expect(outcome != .recorded(confirmed: true))
    }

    @Test func aHeaderBesideTheTree() throws {
        let outcome = try outcome(
            prepare: "echo '#define O 1' >../out.h; echo '#include \"../../out.h\"' >>core/run.c",
            late: "echo '#define O 2' >../out.h")
        #expect(outcome != .recorded(confirmed: true))
    }

    @Test func absolutePathsOfExternalMakefiles() throws {
        func names(_ text: String) throws -> [String] {
            try ModuleMakefiles.names(Array(text.utf8), of: .init(literal: Array("Makefile".utf8)))
                .map { String(decoding: $0, as: UTF8.self) }
        }
        let usual = """
            obj-m := a.o sub/
            KDIR ?= /lib/modules/$(shell uname -r)/build
            ccflags-y := -I$(src)/../common -include $(src)/own.h
            include $(src)/own.mk
            all:
            \t$(MAKE) -C $(KDIR) M=$(CURDIR) modules
            """
        #expect(try names(usual) == [])
        #expect(try names("X := $(shell cat /etc/x)") == ["/etc/x"])
        for text in [
            "include $(HOME)/x.mk", "-include ../x.mk", "a-y := ../b.o", "X := $(shell cat $(src)/../f)",
        ] {
            #expect(throws: RecordRefusal.self) { try names(text) }
        }
    }
}
