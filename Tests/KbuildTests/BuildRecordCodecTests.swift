import KCacheCore
import Testing

@testable import KCacheKbuild

/// The record's file, byte by byte.
@Suite struct BuildRecordCodecTests {
    @Test func keepsWhatItHolds() throws {
        for record in [BuildRecord.sample, BuildRecord.sample.confirmed] {
            #expect(try BuildRecord.decode(record.encode()) == record)
        }
    }

    /// Changes only with the version.
    @Test func isTheGoldenOne() {
        let bytes = BuildRecord.sample.encode()
        #expect(bytes.starts(with: Array("KCBR".utf8) + [2, 0, 0, 0]))
        #expect(Digest.of(bytes).hex == "f127742301b635f98a9661e111d1e7c2e7372164094b100f9eee81c886ed52cd")
    }

    @Test func refusesDamage() throws {
        let bytes = BuildRecord.sample.encode()
        for i in bytes.indices {
            var broken = bytes
            broken[i] ^= 0x20
            #expect(throws: FormatError.self) { try BuildRecord.decode(broken) }
        }
        for count in 0..<bytes.count {
            #expect(throws: FormatError.self) { try BuildRecord.decode(Array(bytes[..<count])) }
        }
    }

    @Test func leavesOutTheEnvironmentsNoise() {
        #expect(EnvironmentWords.makeFlags("ks -j4 -l3 -Otarget --jobserver-auth=3,4 -- W=1") == "W=1")
        #expect(EnvironmentWords.makeFlags("rR -j") == "rR")
        #expect(EnvironmentWords.relevant(["SHLVL": "1", "A": "b", "_": "x", "MAKEFLAGS": "s"]) == ["A=b"])
    }
}
