package import KCacheCore

/// Which frames to read for a set of chunks, in the order of packs and offsets.
package struct ReadPlan: Sendable {
    /// One frame, and what is wanted of it.
    package struct Frame: Sendable {
        package struct Wanted: Hashable, Sendable {
            package let chunk: Chunk
            /// Within the decompressed frame.
            package let offset: UInt32
        }

        package let pack: Digest
        let kind: PackKind
        /// In the store that is near, of a session with a tier.
        var isNear = false
        package let offset: UInt64
        package let compressedLength: UInt32
        package let rawLength: UInt32
        /// In the order of their offsets, each chunk once.
        package let wanted: [Wanted]

        /// What reading it costs, for progress.
        package var compressedBytes: ByteCount { ByteCount(UInt64(compressedLength)) }
        /// True if all of it is wanted.
        var isWhole: Bool { wantedBytes.value == UInt64(rawLength) }
        /// What it yields.
        package var wantedBytes: ByteCount {
            ByteCount(wanted.reduce(UInt64(0)) { $0 + UInt64($1.chunk.length) })
        }
    }

    package private(set) var frames: [Frame]
    package var compressedBytes: ByteCount { frames.reduce(.zero) { $0 + $1.compressedBytes } }

    init(_ frames: [Frame]) { self.frames = frames }

    /// With the frames of a near store in front: the others can be on their way meanwhile.
    func after(near: ReadPlan) -> ReadPlan {
        ReadPlan(
            near.frames.map {
                var frame = $0
                frame.isNear = true
                return frame
            } + frames)
    }
}

extension ChunkIndex {
    /// Plans to read each of the digests once, whichever copies lie together.
    ///
    /// Returns the digests that aren't here beside the plan.
    func plan(_ digests: some Sequence<Digest>) -> (plan: ReadPlan, missing: [Digest]) {
        var missing: Set<Digest> = []
        /// Places in `entries` by frame.
        var byFrame: [UInt32: [Int]] = [:]
        var seen = Set<Int>()
        var open: [Int] = []
        for digest in digests {
            guard let place = first(digest) else {
                missing.insert(digest)
                continue
            }
            guard seen.insert(place).inserted else { continue }
            if copy(after: place) == nil {
                byFrame[entries[place].frame, default: []].append(place)
            } else {
                open.append(place)
            }
        }
        assign(open, &byFrame)
        let chosen = byFrame.sorted { $0.key < $1.key }.map { frame($0.key, $0.value) }
        return (ReadPlan(chosen), Array(missing))
    }

    /// One frame, and of it the chunks at these places.
    func frame(_ number: UInt32, _ places: [Int]) -> ReadPlan.Frame {
        let frame = frames[Int(number)]
        let wanted = places.map {
            ReadPlan.Frame.Wanted(
                chunk: Chunk(digest: entries[$0].digest, length: entries[$0].length),
                offset: entries[$0].offset)
        }
        return ReadPlan.Frame(
            pack: packs[Int(frame.pack)].digest, kind: packs[Int(frame.pack)].kind, offset: frame.offset,
            compressedLength: frame.compressedLength, rawLength: frame.rawLength,
            wanted: wanted.sorted { $0.offset < $1.offset })
    }

    /// Gives chunks with several copies to frames: to one that is read anyway, else to the one that most of
    /// them could use.
    private func assign(_ open: [Int], _ byFrame: inout [UInt32: [Int]]) {
        var popularity: [UInt32: Int] = [:]
        for head in open {
            var place: Int? = head
            while let p = place {
                popularity[entries[p].frame, default: 0] += 1
                place = copy(after: p)
            }
        }
        for head in open {
            var best = head
            var bestScore = -1
            var place: Int? = head
            while let p = place {
                let frame = entries[p].frame
                let score = byFrame[frame] != nil ? Int.max : popularity[frame, default: 0]
                if score > bestScore || score == bestScore && frame < entries[best].frame {
                    (best, bestScore) = (p, score)
                }
                place = copy(after: p)
            }
            byFrame[entries[best].frame, default: []].append(best)
        }
    }
}
