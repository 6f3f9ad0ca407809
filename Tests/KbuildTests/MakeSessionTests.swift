import Foundation
import KCacheCore
import KCacheSystem
import SystemPackage
import TestKernel
import Testing

@testable import KCacheKbuild

/// Decisions, without running anything.
@Suite struct MakeSessionTests {
    private let place: URL

    init() throws {
        place = FileManager.default.temporaryDirectory.appending(path: "session-\(UUID().uuidString)")
        for (name, text) in [
            "Makefile": "include scripts/Kbuild.include\n", "scripts/Kbuild.include": "",
            "scripts/Makefile.build": "", "bin/make": "#!/bin/sh\n", "other/make": "#!/bin/sh\n# other\n",
            "only/gmake": "#!/bin/sh\n# gmake\n",
        ] {
            let file = place.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: false, encoding: .utf8)
            let mode = text.hasPrefix("#!") ? 0o755 : 0o644
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
        }
    }

    private func plan(
        _ words: [String], _ environment: [String] = [], user: UInt32? = nil, cache: Bool = true,
        options: MakeOptions = MakeOptions()
    ) throws -> MakePlan {
        let host = HostEnvironment(environment: [:], cacheFolder: FilePath(place.path).appending("cache"))
        let own = try #require(FileIdentity(FilePath(place.path)))
        return try MakeSession(host: cache ? host : nil).plan(
            .init(
                arguments: words.map { Array($0.utf8) },
                environment: (["PATH=\(place.path)/bin"] + environment).map { Array($0.utf8) },
                workingDirectory: FilePath(place.path), options: options, isLink: false, program: nil,
                user: user ?? own.owner))
    }

    @Test func whatPrintsSteps() throws {
        defer { try? FileManager.default.removeItem(at: place) }
        func prints(_ words: [String], _ environment: [String] = []) throws -> Bool? {
            try plan(words, environment).build?.printsSteps
        }
        for words in [[], ["-j4", "vmlinux"], ["fs/x.o"], ["-k"], ["V=0"], ["V="], ["-B"], ["-w"]] {
            #expect(try prints(words) == true, "\(words)")
        }
        for words in [
            ["V=1"], ["V=2"], ["V=$(X)"], ["-s"], ["-n"], ["-q"], ["-t"], ["-p"], ["-d"], ["--trace"],
            ["--debug=b"], ["KBUILD_VERBOSE=1"], ["menuconfig"], ["olddefconfig", "all"], ["clean"],
            ["clean", "all"], ["help"], ["modules_install"], ["xconfig"], ["tags"],
        ] {
            #expect(try prints(words) == false, "\(words)")
        }
        #expect(try prints([], ["KBUILD_VERBOSE=1"]) == false && prints([], ["V=1"]) == true)
        #expect(try prints([], ["MAKEFLAGS=s"]) == false && prints([], ["MAKEFLAGS=-- V=1"]) == false)
    }

    @Test func decisions() throws {
        defer { try? FileManager.default.removeItem(at: place) }
        #expect(try plan([]).decision == .run)
        #expect(try plan(["vmlinux", "-j4"]).decision == .run)
        #expect(try plan(["olddefconfig"]).decision == .run)
        for words in [
            ["clean"], ["help"], ["modules_install"], ["tags"], ["-n"], ["-q"], ["-t"], ["-v"], ["-i"],
            ["-e"],
            ["-o", "x"], ["-f", "Makefile"], ["O=$(X)"], ["--bogus"],
        ] {
            #expect(try plan(words).decision == .replace, "\(words)")
        }
        #expect(try plan([], ["KCACHE_MAKE=off"]).build == nil)
        #expect(try plan([], ["MAKEFILES=/home/x/.cache/kcache/make/runs/1/before.mk"]).build == nil)
        #expect(try plan([], ["MAKEFILES=/home/x/mine.mk"]).build != nil)
        #expect(try plan([], cache: false).build?.keepsNothing != nil)
    }

    @Test func skipping() throws {
        defer { try? FileManager.default.removeItem(at: place) }
        var always = MakeOptions()
        always.always = true
        #expect(try plan(["-j8", "-k", "-s", "all"]).build?.maySkip == true)
        #expect(try plan([], options: always).build?.maySkip == false)
        for words in [
            ["-B"], ["-W", "x"], ["-o", "x"], ["--trace"], ["-d"], ["-p"], ["olddefconfig"], ["-n"],
        ] {
            #expect(try plan(words).build?.maySkip == false, "\(words)")
        }
    }

    @Test func pins() throws {
        defer { try? FileManager.default.removeItem(at: place) }
        func variables(_ plan: MakePlan) -> Set<String> {
            Set(
                plan.process.environment.map { String(decoding: $0, as: UTF8.self) }.filter {
                    $0.hasPrefix("KB")
                })
        }
        let all = Set(BuildPins.standard.map { "\($0.name)=\($0.value)" })
        #expect(try variables(plan([])) == all)
        #expect(try variables(plan(["modules_install"])) == all)
        #expect(try variables(plan(["clean"])) == [])
        #expect(try variables(plan(["help"])) == [])
        let user = "KBUILD_BUILD_USER=kcache"
        #expect(
            try variables(plan([], ["KBUILD_BUILD_USER="]))
                == all.subtracting([user]).union(["KBUILD_BUILD_USER="]))
        #expect(try variables(plan(["KBUILD_BUILD_USER:=me"])) == all.subtracting([user]))
        #expect(try variables(plan([], ["MAKEFLAGS=k -- KBUILD_BUILD_USER=me"])) == all.subtracting([user]))
        var options = MakeOptions()
        options.pins = false
        #expect(try variables(plan([], options: options)) == [])
    }

    @Test func rootKeepsNothingInTheTreeOfAnother() throws {
        defer { try? FileManager.default.removeItem(at: place) }
        let own = try #require(FileIdentity(FilePath(place.path)))
        if own.owner != 0 {
            #expect(try plan([], user: 0).build?.keepsNothing != nil)
        } else {
            try FileManager.default.setAttributes([.ownerAccountID: 1234], ofItemAtPath: place.path)
            #expect(try plan([], user: 0).build?.keepsNothing?.contains("another user's") == true)
            #expect(try plan([], user: 0).decision == .replace)
            #expect(try plan([], user: 1234).build?.keepsNothing == nil)
        }
    }

    @Test func theMakeToRun() throws {
        defer { try? FileManager.default.removeItem(at: place) }
        func find(_ folders: String..., own: String? = nil, isLink: Bool = false) throws -> RealMake {
            try RealMake.find(
                path: folders.map { "\(place.path)/\($0)" }.joined(separator: ":"),
                own: own.flatMap { FileIdentity(FilePath(place.path).appending($0)) }, isLink: isLink)
        }
        func path(_ name: String) -> FilePath { FilePath("\(place.path)/\(name)") }
        #expect(try find("bin", "other") == RealMake(program: path("bin/make"), name: "make"))
        #expect(
            try find("bin", "other", isLink: true)
                == RealMake(program: path("bin/make"), name: path("bin/make").string))
        #expect(
            try find("bin", "other", own: "bin/make")
                == RealMake(program: path("other/make"), name: path("other/make").string))
        #expect(try find("only") == RealMake(program: path("only/gmake"), name: "gmake"))
        try FileManager.default.createDirectory(
            at: place.appending(path: "copy"), withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            at: place.appending(path: "bin/make"), to: place.appending(path: "copy/make"))
        #expect(throws: KbuildError.self) { try find("bin", "copy", "none", own: "bin/make") }
    }
}
