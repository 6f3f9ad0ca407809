package import KCacheCore
import KCacheSystem
import SystemPackage

/// The content of everything behind a build's compilers and tools, as one digest.
package struct ToolchainIdentity: Hashable, Sendable {
    /// Over the contents and places of drivers, their parts, libraries and wrappers.
    package let digest: Digest
    /// The first words that call them: `gcc`, `ccache`, `/opt/x/bin/ld`.
    package let programs: Set<String>
    /// Everything that was looked at to find it out.
    package let witnesses: [FileWitness]

    init(digest: Digest, programs: Set<String>, witnesses: [FileWitness]) {
        (self.digest, self.programs, self.witnesses) = (digest, programs, witnesses)
    }

    /// True if nothing that was looked at has changed since.
    package func holds() -> Bool {
        do {
            for witness in witnesses where !(try witness.holds()) { return false }
            return true
        } catch { return false }
    }

    // MARK: File

    private static let format = SealedFormat("toolchain", magic: "KCTI", version: 1)

    func encode() -> [UInt8] {
        Self.format.encode(capacity: witnesses.count * 120) { writer in
            writer.digest(digest)
            let names = programs.sorted()
            writer.varint(UInt64(names.count))
            for name in names { writer.text(name) }
            writer.varint(UInt64(witnesses.count))
            for witness in witnesses { witness.write(to: &writer) }
        }
    }

    /// - Throws: `FormatError` for anything but what `encode` makes.
    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> ToolchainIdentity {
        try format.decode(bytes) { (reader) throws(FormatError) in
            let digest = try reader.digest()
            var programs: Set<String> = []
            for _ in 0..<(try reader.count()) { programs.insert(try reader.text()) }
            var witnesses: [FileWitness] = []
            for _ in 0..<(try reader.count(of: 2)) { witnesses.append(try FileWitness.read(from: &reader)) }
            return ToolchainIdentity(digest: digest, programs: programs, witnesses: witnesses)
        }
    }
}
