import KCacheCore
import KCacheSystem
import SystemPackage

/// A dynamic program's own word of what it needs, as elf(5) has it.
package struct HostProgram: Hashable, Sendable {
    /// EM_X86_64 is 62.
    package let machine: Int
    /// The loader's path (PT_INTERP).
    package let interpreter: String

    /// Nil for anything but a little-endian ELF file with a loader.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 64, bytes[0..<4].elementsEqual([0x7f, 0x45, 0x4c, 0x46]), bytes[5] == 1,
            bytes[4] == 1 || bytes[4] == 2
        else { return nil }
        let (reader, wide) = (LittleEndian(bytes), bytes[4] == 2)
        guard let machine = reader.u16(18), let table = wide ? reader.u64(32) : reader.u32(28),
            let size = reader.u16(wide ? 54 : 42), let count = reader.u16(wide ? 56 : 44),
            size >= (wide ? 56 : 32), table <= bytes.count, count <= (bytes.count - table) / size
        else { return nil }
        var found: String?
        for i in 0..<count {
            let at = table + i * size
            guard reader.u32(at) == 3 else { continue }
            guard let offset = wide ? reader.u64(at + 8) : reader.u32(at + 4),
                let length = wide ? reader.u64(at + 32) : reader.u32(at + 16), length > 0, length <= 4096,
                offset <= bytes.count - length
            else { return nil }
            found = String(decoding: bytes[offset..<(offset + length)].prefix { $0 != 0 }, as: UTF8.self)
            break
        }
        guard let found, found.hasPrefix("/") else { return nil }
        (self.machine, interpreter) = (machine, found)
    }

    /// The numbers of uname(2)'s machines; one that is not here is not judged.
    private static let machines: [String: [Int]] = [
        "x86_64": [62, 3], "i686": [3], "i586": [3], "i486": [3], "i386": [3], "aarch64": [183, 40],
        "armv7l": [40], "armv6l": [40], "riscv64": [243], "ppc64le": [21], "loongarch64": [258],
        "mips64": [8], "mips": [8],
    ]

    /// True for a file that is of the kernel itself by its name: not for this machine.
    static func isKernels(_ path: TreePath) -> Bool {
        let ends: [StaticString] = [".o", ".ko", ".so", "vmlinux", ".dbg", ".elf", ".bin", ".unstripped"]
        return ends.contains { path.hasSuffix($0) }
    }

    /// True if the `.cmd` file saves a command of this compiler.
    static func isMade(by compiler: String, _ command: [UInt8]) -> Bool {
        guard let mark = command.prefix(4096).firstRange(of: " := ".utf8) else { return false }
        return command[mark.upperBound...].starts(with: "\(compiler) ".utf8)
    }

    /// True where it is known to be for another kind of processor.
    func isForeign(to local: String) -> Bool {
        Self.machines[local].map { !$0.contains(machine) } ?? false
    }

    /// False for a program that needs nothing but the C library (its files: glibc, Makeconfig), which the compiler here
    /// needs as well.
    func needsMore(than libraries: SharedLibraries) -> Bool {
        guard libraries.runPath.isEmpty else { return true }
        let own = ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"]
        return !libraries.needed.allSatisfy { own.contains($0) || $0.hasPrefix("ld-linux") }
    }

    /// Why it can't be started here; nil if nothing shows that.
    ///
    /// The loader is asked, which starts no code of the program (ld.so(8), `--list`); only one of the system's own
    /// folders is, whatever the program names.
    /// - Parameter missing: only what the loader says is missing counts; not what it may say of the place of the file.
    func obstacle(_ path: FilePath, machine local: String, host: HostEnvironment, missing: Bool = false)
        throws
        -> String?
    {
        if isForeign(to: local) { return "it is for another kind of processor than \(local)" }
        let folders = ["/lib", "/usr/lib", "/libexec", "/usr/libexec", "/opt", "/nix/store", "/gnu/store"]
        let leaf = interpreter.split(separator: "/").last ?? ""
        let isSystems =
            folders.contains { interpreter.hasPrefix("\($0)/") || interpreter.hasPrefix("\($0)64/") }
            && !interpreter.contains("/../") && ["ld-", "ld.so.", "ld64.so."].contains { leaf.hasPrefix($0) }
        guard isSystems, ExecutableLookup.find(interpreter, path: "") != nil else {
            return "its loader \(quoteForPeople(Array(interpreter.utf8))) is not here"
        }
        let result = try host.runner.run(
            ["sh", "-c", "exec \"$0\" --list \"$1\" 2>&1", interpreter, path.string],
            environment: host.environment.merging(["LC_ALL": "C"]) { $1 })
        guard result.status != 0 else { return nil }
        let lines = result.text.split(separator: "\n").map(String.init)
        let named = lines.first { $0.contains("not found") || $0.contains("cannot open shared object") }
        if missing, named == nil { return nil }
        let line = named ?? lines.first ?? ""
        return Self.reason(line, program: path.string)
    }

    /// The loader's line without what is known already.
    static func reason(_ line: String, program: String) -> String {
        var text = line[...]
        for start in ["\(program): ", "error while loading shared libraries: "] where text.hasPrefix(start) {
            text = text.dropFirst(start.utf8.count)
        }
        return text.isEmpty ? "its loader refuses it" : quoteForPeople(Array(text.utf8))
    }
}
