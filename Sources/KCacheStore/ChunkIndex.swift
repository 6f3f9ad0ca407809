package import KCacheCore

/// Where every chunk of a store lies: flat arrays and an open-addressing table over them.
///
/// A chunk may lie in several packs; the copies hang in a list behind the first. Built by `add` and not
/// changed otherwise.
package struct ChunkIndex: Sendable {
    struct Pack: Sendable {
        let digest: Digest
        let kind: PackKind
        let size: UInt64
        /// Its rows in `frames` and `entries`.
        let frames: Range<Int>
        let entries: Range<Int>
        let rawBytes: UInt64
    }

    struct Frame: Sendable {
        let pack: UInt32
        let compressedLength: UInt32
        let rawLength: UInt32
        let offset: UInt64
    }

    struct Entry: Sendable {
        let digest: Digest
        let frame: UInt32
        /// Within the decompressed frame.
        let offset: UInt32
        let length: UInt32
        /// The next copy, as its place in `entries` plus one; 0 for none.
        var next: UInt32
    }

    private(set) var packs: [Pack] = []
    private(set) var frames: [Frame] = []
    private(set) var entries: [Entry] = []
    /// A place in `entries` plus one; 0 for an empty slot. The count is a power of two.
    private var slots: [UInt32] = []
    /// Chunks, copies counted once.
    package private(set) var uniqueCount = 0

    package init() {}

    /// Makes room once for so many chunks instead of step by step.
    package mutating func reserve(chunks: Int) {
        entries.reserveCapacity(chunks)
        grow(for: chunks)
    }

    package mutating func add(_ index: PackIndex) {
        let table = index.table
        // 32-bit places: four thousand million chunks are beyond what memory holds.
        guard entries.count + table.chunks.count < Int(UInt32.max) else { return }
        grow(for: entries.count + table.chunks.count)
        let pack = UInt32(clamping: packs.count)
        let (frameStart, entryStart) = (frames.count, entries.count)
        for frame in table.frames {
            let number = UInt32(clamping: frames.count)
            frames.append(
                Frame(
                    pack: pack, compressedLength: frame.compressedLength, rawLength: frame.rawLength,
                    offset: frame.offset))
            var offset: UInt32 = 0
            for chunk in table.chunks[frame.firstChunk..<frame.firstChunk + frame.chunkCount] {
                insert(
                    Entry(
                        digest: chunk.digest, frame: number, offset: offset, length: chunk.length, next: 0))
                offset += chunk.length
            }
        }
        packs.append(
            Pack(
                digest: index.pack, kind: table.kind, size: index.packSize, frames: frameStart..<frames.count,
                entries: entryStart..<entries.count, rawBytes: table.rawBytes.value))
    }

    /// The place of the chunk's first copy in `entries`; nil if it isn't here.
    func first(_ digest: Digest) -> Int? {
        guard !slots.isEmpty else { return nil }
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: digest.leadingWord) & mask
        while slots[slot] != 0 {
            let place = Int(slots[slot]) - 1
            if entries[place].digest == digest { return place }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// The place of the next copy of the same chunk; nil after the last.
    func copy(after place: Int) -> Int? {
        let next = entries[place].next
        return next == 0 ? nil : Int(next) - 1
    }

    package func contains(_ digest: Digest) -> Bool { first(digest) != nil }

    // MARK: Table

    private mutating func insert(_ entry: Entry) {
        entries.append(entry)
        let place = UInt32(clamping: entries.count)
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: entry.digest.leadingWord) & mask
        while slots[slot] != 0 {
            let head = Int(slots[slot]) - 1
            if entries[head].digest == entry.digest {
                entries[entries.count - 1].next = entries[head].next
                entries[head].next = place
                return
            }
            slot = (slot + 1) & mask
        }
        slots[slot] = place
        uniqueCount += 1
    }

    /// Keeps the table at most half full.
    private mutating func grow(for count: Int) {
        var size = max(64, slots.count)
        while size < count * 2 { size *= 2 }
        guard size != slots.count else { return }
        let old = slots
        slots = [UInt32](repeating: 0, count: size)
        let mask = size - 1
        for place in old where place != 0 {
            var slot = Int(truncatingIfNeeded: entries[Int(place) - 1].digest.leadingWord) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = place
        }
    }
}
