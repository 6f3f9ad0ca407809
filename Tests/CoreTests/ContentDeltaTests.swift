import KCacheCore
import Testing

@Suite struct ContentDeltaTests {
    /// Bytes that depend on the seed only.
    private func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var state = seed &* 2 &+ 1
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    private func checkRoundTrip(_ old: [UInt8], _ new: [UInt8], atMost limit: Int) throws {
        let delta = try #require(ContentDelta.make(from: old, to: new, limit: .max))
        #expect(try ContentDelta.apply(delta, to: old, size: new.count) == new)
        #expect(delta.count <= limit, "\(delta.count)")
        #expect(ContentDelta.make(from: old, to: new, limit: delta.count - 1) == nil)
        #expect(ContentDelta.make(from: old, to: new, limit: delta.count) == delta)
    }

    @Test func whatStaysCostsNothing() throws {
        let old = noise(300_000, 1)
        try checkRoundTrip(old, old, atMost: 20)
        try checkRoundTrip(old, [], atMost: 20)
        try checkRoundTrip([], Array(old.prefix(1000)), atMost: 1020)
        try checkRoundTrip(old, Array(old[..<1000] + noise(50, 2) + old[1000...]), atMost: 100)
        try checkRoundTrip(old, Array(old[..<1000] + old[5000...]), atMost: 100)
        try checkRoundTrip(old, Array(old[150_000...] + old[..<150_000]), atMost: 100)
        try checkRoundTrip(old, noise(3000, 3), atMost: 3020)
    }

    /// Addresses that are all moved by the same number: every entry differs, and each by one byte or two.
    @Test func movedAddresses() throws {
        func table(_ shift: UInt64) -> [UInt8] {
            var writer = ByteWriter()
            for i in 0..<10_000 {
                writer.u64(0xffff_ffff_8100_0000 + UInt64(i * 37) + (i > 100 ? shift : 0))
                writer.u64(UInt64(noise(1, UInt64(i))[0]) << 32 | 2)
                writer.u64(UInt64(bitPattern: -4))
            }
            return writer.bytes
        }
        try checkRoundTrip(table(0), table(0x30), atMost: 45_000)
    }

    /// The same with entries put in: no stretch of the old bytes is left as it was.
    @Test func movedAddressesWithNewEntries() throws {
        func table(_ range: Range<Int>, _ shift: UInt64) -> [UInt8] {
            var writer = ByteWriter()
            for i in range {
                writer.u64(0xffff_ffff_8100_0000 + UInt64(i * 37) + shift)
                writer.u64(UInt64(noise(1, UInt64(i))[0]) << 32 | 2)
                writer.u64(UInt64(i * 11) + shift)
            }
            return writer.bytes
        }
        let new = table(0..<3000, 0) + table(70_000..<70_005, 7) + table(3000..<10_000, 0x150)
        try checkRoundTrip(table(0..<10_000, 0), new, atMost: 100_000)
    }

    @Test func randomEdits() throws {
        for seed in 0..<200 as Range<UInt64> {
            let dice = noise(64, seed + 1000)
            let old = noise(Int(dice[0]) * 40, seed)
            var new = old
            for i in 1...Int(dice[1] % 8) + 1 where !new.isEmpty {
                let at = Int(dice[i]) * new.count / 256
                switch dice[i + 20] % 4 {
                case 0: new[at] &+= dice[i + 30]
                case 1: new.insert(contentsOf: noise(Int(dice[i + 30]), seed + UInt64(i)), at: at)
                case 2: new.removeSubrange(at..<min(new.count, at + Int(dice[i + 30])))
                default: new.append(contentsOf: new[..<at])
                }
            }
            let delta = try #require(ContentDelta.make(from: old, to: new, limit: .max))
            #expect(try ContentDelta.apply(delta, to: old, size: new.count) == new, "\(seed)")
        }
    }

    /// Whatever a delta says, there come bytes of the size that was asked for, or an error.
    @Test func hostileDeltas() throws {
        let old = noise(500, 1)
        let new = Array(old[..<200] + noise(40, 2) + old[220...])
        let delta = try #require(ContentDelta.make(from: old, to: new, limit: .max))
        for size in [0, new.count - 1, new.count + 1, ContentDelta.longest + 1, .max] {
            #expect(throws: FormatError.self) { try ContentDelta.apply(delta, to: old, size: size) }
        }
        #expect(throws: FormatError.self) { try ContentDelta.apply(delta, to: [], size: new.count) }
        for count in delta.indices {
            let part = Array(delta[..<count])
            #expect(throws: FormatError.self) { try ContentDelta.apply(part, to: old, size: new.count) }
        }
        for i in delta.indices {
            for bit in 0..<8 as Range<UInt8> {
                var flipped = delta
                flipped[i] ^= 1 << bit
                do {
                    let made = try ContentDelta.apply(flipped, to: old, size: new.count)
                    #expect(made.count == new.count)
                } catch {}
            }
        }
        // A copy of 2^63 bytes, and one from beyond the end.
        for number in [UInt64.max, 1 << 63, 501] {
            for place in 0..<2 {
                var writer = ByteWriter()
                writer.raw(Array("KCDP".utf8))
                writer.u8(1)
                writer.varint(500)
                writer.varint(0)
                writer.varint(place == 0 ? number : 500)
                writer.varint(place == 1 ? number : 0)
                writer.varint(500)
                writer.varint(0)
                #expect(throws: FormatError.self) {
                    try ContentDelta.apply(writer.bytes, to: old, size: 500)
                }
            }
        }
    }
}
