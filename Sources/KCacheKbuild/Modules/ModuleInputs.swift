import KCacheCore

/// What the outputs of external modules were made from outside of their directory, each file by its content.
///
/// A snapshot of modules holds this list as the content of an entry of its own, which no pull writes into a tree;
/// docs/format.md has its form.
struct ModuleInputs: Hashable, Sendable {
    /// What each output may depend on: makefiles, scripts, the configuration.
    var common: [OutsideFile: Digest] = [:]
    /// What saved commands name, and what stands where a compiler may look before it finds one of those.
    var named: [OutsideFile: Digest] = [:]

    /// The path of the entry.
    static let path = TreePath(literal: Array(".kcache-inputs".utf8))

    private static let format = SealedFormat("list of module inputs", magic: "KCMI", version: 1)

    private enum Flag {
        static let common: UInt8 = 1
        static let elsewhere: UInt8 = 2
        static let beside: UInt8 = 4
    }

    subscript(file: OutsideFile) -> Digest? { common[file] ?? named[file] }

    init() {}

    func encode() -> [UInt8] {
        let files = named.map { ($0, $1, false) } + common.map { ($0, $1, true) }
        let lines = files.map { file, digest, isCommon in
            var writer = ByteWriter()
            switch file {
            case .kernel(let path):
                writer.counted(path.bytes)
                writer.u8(isCommon ? Flag.common : 0)
            case .beside(let path):
                writer.counted(path)
                writer.u8(Flag.beside)
            case .elsewhere(let path):
                writer.counted(path)
                writer.u8(Flag.elsewhere)
            }
            writer.digest(digest)
            return writer.bytes
        }
        return Self.format.encode { writer in
            writer.varint(UInt64(lines.count))
            for line in lines.sorted(by: { $0.lexicographicallyPrecedes($1) }) { writer.raw(line) }
        }
    }

    init(decoding bytes: [UInt8]) throws(FormatError) {
        let files = try Self.format.decode(bytes) {
            (reader) throws(FormatError) -> [(OutsideFile, Digest, Bool)] in
            let count = try reader.count(of: 2 + Digest.byteCount)
            var files: [(OutsideFile, Digest, Bool)] = []
            for _ in 0..<count {
                let path = try reader.counted()
                let flags = try reader.u8()
                guard let file = Self.file(path, flags) else { throw reader.error("an illegal path") }
                files.append((file, try reader.digest(), flags & Flag.common != 0))
            }
            return files
        }
        for (file, digest, isCommon) in files {
            if isCommon { common[file] = digest } else { named[file] = digest }
        }
    }

    private static func file(_ path: [UInt8], _ flags: UInt8) -> OutsideFile? {
        switch flags {
        case 0, Flag.common: TreePath(path).map { .kernel($0) }
        case Flag.beside: path.starts(with: "../".utf8) && !path.contains(0) ? .beside(path) : nil
        case Flag.elsewhere: path.first == UInt8(ascii: "/") && !path.contains(0) ? .elsewhere(path) : nil
        default: nil
        }
    }
}

/// The reading of such lists, for fuzzing it.
package enum ModuleInputReading {
    /// One file of each kind.
    package static let sample: [UInt8] = {
        var inputs = ModuleInputs()
        inputs.common[.kernel(TreePath(literal: Array("Makefile".utf8)))] = Digest.of([1])
        inputs.named[.kernel(TreePath(literal: Array("include/linux/module.h".utf8)))] = Digest.of([2])
        inputs.named[.beside(Array("../common/x.h".utf8))] = Digest.of([3])
        inputs.named[.elsewhere(Array("/opt/first/Module.symvers".utf8))] = Digest.of([4])
        return inputs.encode()
    }()

    /// The list's bytes once more; nil where these are none.
    package static func again(_ bytes: [UInt8]) -> [UInt8]? {
        do throws(FormatError) { return try ModuleInputs(decoding: bytes).encode() } catch { return nil }
    }
}
