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

    private static let magic = Array("KCTI".utf8)
    private static let version: UInt8 = 1

    func encode() -> [UInt8] {
        var writer = ByteWriter(capacity: witnesses.count * 120)
        writer.raw(Self.magic)
        writer.u8(Self.version)
        writer.digest(digest)
        let names = programs.sorted()
        writer.varint(UInt64(names.count))
        for name in names { writer.text(name) }
        writer.varint(UInt64(witnesses.count))
        for witness in witnesses { witness.write(to: &writer) }
        writer.digest(Digest.of(writer.bytes))
        return writer.bytes
    }

    /// - Throws: `FormatError` for anything but what `encode` makes.
    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> ToolchainIdentity {
        guard bytes.count > Digest.byteCount else { throw FormatError("toolchain", "cut short") }
        let body = Array(bytes.dropLast(Digest.byteCount))
        guard Digest.of(body).bytes == Array(bytes.suffix(Digest.byteCount)) else {
            throw FormatError("toolchain", "the checksum differs")
        }
        let result = body.withUnsafeBytes { raw -> Result<ToolchainIdentity, FormatError> in
            do throws(FormatError) { return .success(try read(raw)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private static func read(_ raw: UnsafeRawBufferPointer) throws(FormatError) -> ToolchainIdentity {
        var reader = ByteReader(raw, what: "toolchain")
        for byte in magic + [version] where try reader.u8() != byte { throw reader.error("not of this kind") }
        let digest = try reader.digest()
        var programs: Set<String> = []
        for _ in 0..<(try reader.count()) { programs.insert(try reader.text()) }
        var witnesses: [FileWitness] = []
        for _ in 0..<(try reader.count(of: 2)) { witnesses.append(try FileWitness.read(from: &reader)) }
        guard reader.isAtEnd else { throw reader.error("bytes after the end") }
        return ToolchainIdentity(digest: digest, programs: programs, witnesses: witnesses)
    }
}
