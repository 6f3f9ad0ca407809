import KCacheCore
import Synchronization

/// Where each chunk of what is to be written goes.
struct ContentLayout: Sendable {
    struct Target: Sendable {
        /// Of the file, among the snapshot's entries.
        let place: Int
        let offset: UInt64
    }

    private(set) var targets: [Digest: [Target]] = [:]
    /// Files that are put together from parts, in any order: those of several chunks.
    private(set) var assembled: [Int: PartialFile] = [:]
    /// Files that are rewritten for this tree when all of them is there.
    private(set) var texts: [Int: PartialText] = [:]
    /// Long files with the same content as another one: cloned from it.
    private(set) var copies: [(place: Int, of: Int)] = []
    private var firstOfContent: [Digest: Int] = [:]
    private let unmadeTexts = UnmadeTexts()

    private final class UnmadeTexts: Sendable {
        let places = Mutex<[Int]>([])
    }

    mutating func add(_ place: Int, _ content: Content, isText: Bool) {
        if isText {
            texts[place] = PartialText(size: content.size, parts: content.chunks.count)
        } else if content.chunks.count > 1 {
            if let first = firstOfContent[content.digest] {
                copies.append((place, first))
                return
            }
            firstOfContent[content.digest] = place
            assembled[place] = PartialFile(size: content.size, parts: content.chunks.count)
        }
        var offset: UInt64 = 0
        for chunk in content.chunks {
            targets[chunk.digest, default: []].append(Target(place: place, offset: offset))
            offset += UInt64(chunk.length)
        }
    }

    /// Also the short files among those that take something from the tree are put together beside their
    /// places, so that nothing is replaced that is still to be read.
    mutating func assemble(_ found: [TreeChunks.File]) {
        for file in found {
            for part in file.parts {
                for target in targets[part.chunk.digest] ?? []
                where assembled[target.place] == nil && texts[target.place] == nil {
                    assembled[target.place] = PartialFile(
                        size: ByteCount(UInt64(part.chunk.length)), parts: 1)
                }
            }
        }
    }

    /// Texts that can't be made for this tree.
    var unmade: [Int] { unmadeTexts.places.withLock { $0.sorted() } }

    func noteUnmade(_ place: Int) { unmadeTexts.places.withLock { $0.append(place) } }
}

/// A file that is being put together from its chunks, in any order.
final class PartialFile: Sendable {
    struct State {
        /// The temporary one, from the first part on and until it has its own.
        var name: TreePath?
        var left: Int
    }
    let size: UInt64
    let state: Mutex<State>

    init(size: ByteCount, parts: Int) {
        self.size = size.value
        state = Mutex(State(name: nil, left: parts))
    }
}

/// A short text that is being put together in memory.
final class PartialText: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var left: Int
    }
    private let size: Int
    private let state: Mutex<State>

    init(size: ByteCount, parts: Int) {
        self.size = Int(clamping: size.value)
        state = Mutex(State(left: parts))
    }

    /// The whole text when its last part has come.
    func put(_ part: UnsafeRawBufferPointer, at offset: UInt64) -> [UInt8]? {
        state.withLock { state in
            if state.bytes.isEmpty { state.bytes = [UInt8](repeating: 0, count: size) }
            let start = Int(clamping: offset)
            guard start <= size, part.count <= size - start else { return nil }
            state.bytes.withUnsafeMutableBytes { $0[start..<start + part.count].copyBytes(from: part) }
            state.left -= 1
            guard state.left == 0 else { return nil }
            defer { state.bytes = [] }
            return state.bytes
        }
    }
}
