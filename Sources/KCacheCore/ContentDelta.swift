/// What makes one content from another, in few bytes: the places that go on as before, and by how much their
/// bytes differ.
///
/// A kernel that is linked again after an edit holds the same things at other addresses: nearly every chunk is
/// new, and the byte-wise difference to the old one at the right place is zero but for a few low bytes, the same
/// ones over and over. `docs/format.md` has the byte table.
package enum ContentDelta {
    /// Larger contents are not compared: both lie in memory at once.
    package static let longest = 256 << 20

    private static let magic = Array("KCDP".utf8)
    private static let version: UInt8 = 1
    /// Bytes that have to be the same for two places to be taken for the same thing.
    private static let block = 32
    /// A difference weighs as much as so many equal bytes.
    private static let mismatch = 3
    /// How far a bad stretch may go before the place is given up.
    private static let patience = 96
    /// How far to both sides a stretch is looked for that goes on beside the last one, and in which steps: entries
    /// of a table that have all changed have no block in common with the old ones, and move by whole entries.
    private static let (reach, step) = (8192, 8)

    // MARK: Making

    /// The delta; nil if it would be longer than `limit` bytes.
    package static func make(from old: [UInt8], to new: [UInt8], limit: Int) -> [UInt8]? {
        guard old.count <= longest, new.count <= longest else { return nil }
        return old.withUnsafeBytes { old in
            new.withUnsafeBytes { new in
                var maker = Maker(old: old, new: new, limit: limit)
                return maker.run()
            }
        }
    }

    private struct Maker {
        let old: UnsafeRawBufferPointer
        let new: UnsafeRawBufferPointer
        let limit: Int
        var writer = ByteWriter()
        /// Where a block of the old content starts, plus one, by its hash.
        var places: [UInt32] = []
        var shift: UInt64 = 64

        init(old: UnsafeRawBufferPointer, new: UnsafeRawBufferPointer, limit: Int) {
            (self.old, self.new, self.limit) = (old, new, limit)
        }

        mutating func run() -> [UInt8]? {
            index()
            writer.raw(magic)
            writer.u8(version)
            writer.varint(UInt64(new.count))
            var at = 0
            /// Where in the old content the same thing stands, less where it stands in the new one.
            var offset = 0
            var literal = 0
            while at < new.count {
                let length = run(at, offset)
                if length >= block {
                    copy(literal: literal..<at, at..<at + length, offset)
                    at += length
                    literal = at
                } else if let (next, found) = resume(from: at, near: offset) {
                    (at, offset) = (next, found)
                } else {
                    at = new.count
                }
                if writer.bytes.count + (at - literal) > limit { return nil }
            }
            if literal < new.count { copy(literal: literal..<new.count, new.count..<new.count, 0) }
            return writer.bytes.count <= limit ? writer.bytes : nil
        }

        private mutating func index() {
            var bits: UInt64 = 10
            while bits < 22, 1 << Int(bits) < old.count / block { bits += 1 }
            shift = 64 - bits
            places = [UInt32](repeating: 0, count: 1 << Int(bits))
            var at = 0
            while at + block <= old.count {
                let slot = Int(hash(old, at) >> shift)
                if places[slot] == 0 { places[slot] = UInt32(at) + 1 }
                at += block
            }
        }

        private func hash(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
            var hash: UInt64 = 0
            for i in 0..<4 {
                hash &+= bytes.loadUnaligned(fromByteOffset: at + 8 * i, as: UInt64.self)
                hash = hash &* 0x9E37_79B9_7F4A_7C15
                hash ^= hash >> 29
            }
            return hash &* 0x9E37_79B9_7F4A_7C15
        }

        /// How far the two go on alike from here.
        private func run(_ start: Int, _ offset: Int) -> Int {
            guard start + offset >= 0 else { return 0 }
            let end = min(new.count, old.count - offset)
            var (at, score, best, bestEnd) = (start, 0, 0, start)
            while at < end {
                if at + 8 <= end,
                    new.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                        == old.loadUnaligned(fromByteOffset: at + offset, as: UInt64.self)
                {
                    at += 8
                    score += 8
                } else {
                    score += new[at] == old[at + offset] ? 1 : -mismatch
                    at += 1
                }
                if score > best { (best, bestEnd) = (score, at) }
                if score < best - patience { break }
            }
            return bestEnd - start
        }

        /// The next place where the two go on alike: beside the last stretch, or anywhere. The former is looked for
        /// ever more seldom.
        private func resume(from start: Int, near offset: Int) -> (at: Int, offset: Int)? {
            var (at, pause) = (start, 64)
            while at < new.count {
                if let found = neighbour(at, offset) { return (at, found) }
                if let found = anchor(from: at, to: min(at + pause, new.count)) { return found }
                at += pause
                pause *= 2
            }
            return nil
        }

        private func neighbour(_ at: Int, _ offset: Int) -> Int? {
            var (best, length) = (offset, 2 * block - 1)
            for distance in stride(from: step, through: reach, by: step) {
                for candidate in [offset - distance, offset + distance] {
                    let found = run(at, candidate)
                    if found > length { (best, length) = (candidate, found) }
                }
                if length > 4096 { break }
            }
            return length < 2 * block ? nil : best
        }

        /// The next place before `end` whose block stands in the old content too.
        private func anchor(from start: Int, to end: Int) -> (at: Int, offset: Int)? {
            var at = start
            while at < end, at + block <= new.count {
                let place = places[Int(hash(new, at) >> shift)]
                if place != 0 {
                    let found = Int(place) - 1
                    if equal(at, found) {
                        var back = 0
                        while at - back > start, found - back > 0, new[at - back - 1] == old[found - back - 1]
                        {
                            back += 1
                        }
                        return (at - back, found - at)
                    }
                }
                at += 1
            }
            return nil
        }

        private func equal(_ at: Int, _ found: Int) -> Bool {
            (0..<block / 8).allSatisfy { i in
                new.loadUnaligned(fromByteOffset: at + 8 * i, as: UInt64.self)
                    == old.loadUnaligned(fromByteOffset: found + 8 * i, as: UInt64.self)
            }
        }

        /// The literal bytes, then the stretch that stands at `offset` from there, as runs of equal bytes and of
        /// differences.
        private mutating func copy(literal: Range<Int>, _ stretch: Range<Int>, _ offset: Int) {
            writer.varint(UInt64(literal.count))
            writer.raw(UnsafeRawBufferPointer(rebasing: new[literal]))
            writer.varint(UInt64(stretch.count))
            guard !stretch.isEmpty else { return }
            writer.varint(UInt64(stretch.lowerBound + offset))
            var at = stretch.lowerBound
            while at < stretch.upperBound {
                let same = at
                while at < stretch.upperBound, new[at] == old[at + offset] { at += 1 }
                let other = at
                while at < stretch.upperBound, new[at] != old[at + offset] { at += 1 }
                writer.varint(UInt64(other - same))
                writer.varint(UInt64(at - other))
                for i in other..<at { writer.u8(new[i] &- old[i + offset]) }
            }
        }
    }

    // MARK: Applying

    /// The new content, of exactly this size.
    ///
    /// - Throws: for a delta that does not fit the old content; never more than `size` bytes are made.
    package static func apply(_ delta: [UInt8], to old: [UInt8], size: Int) throws(FormatError) -> [UInt8] {
        let result = delta.withUnsafeBytes { raw in
            old.withUnsafeBytes { old -> Result<[UInt8], FormatError> in
                do throws(FormatError) { return .success(try apply(raw, to: old, size: size)) } catch {
                    return .failure(error)
                }
            }
        }
        return try result.get()
    }

    private static func apply(
        _ delta: UnsafeRawBufferPointer, to old: UnsafeRawBufferPointer, size: Int
    ) throws(FormatError) -> [UInt8] {
        var reader = ByteReader(delta, what: "delta")
        guard try reader.bytes(magic.count).elementsEqual(magic), try reader.u8() == version else {
            throw reader.error("not a delta that this kcache reads")
        }
        guard size <= longest, try reader.varint() == UInt64(size) else { throw reader.error("another size") }
        var new: [UInt8] = []
        new.reserveCapacity(size)
        while !reader.isAtEnd {
            new.append(contentsOf: try reader.bytes(try reader.count()))
            let length = try within(try reader.varint(), size - new.count, reader)
            if length == 0 { continue }
            var from = try within(try reader.varint(), old.count - length, reader)
            let end = from + length
            while from < end {
                let same = try within(try reader.varint(), end - from, reader)
                new.append(contentsOf: UnsafeRawBufferPointer(rebasing: old[from..<from + same]))
                from += same
                let other = try within(try reader.varint(), end - from, reader)
                guard same + other > 0 else { throw reader.error("a run of nothing") }
                for (byte, difference) in zip(old[from..<from + other], try reader.bytes(other)) {
                    new.append(byte &+ difference)
                }
                from += other
            }
            guard new.count <= size else { throw reader.error("longer than it says") }
        }
        guard new.count == size else { throw reader.error("shorter than it says") }
        return new
    }

    private static func within(
        _ value: UInt64, _ limit: Int, _ reader: ByteReader
    ) throws(FormatError) -> Int {
        guard limit >= 0, value <= UInt64(limit) else { throw reader.error("a run beyond the end") }
        return Int(value)
    }
}
