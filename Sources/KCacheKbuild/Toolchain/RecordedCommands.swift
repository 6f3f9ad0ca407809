import KCacheCore
package import KCacheSystem
package import KCacheTree

/// The commands that built a tree, as its saved commands tell them.
package enum RecordedCommands {
    /// Kbuild's own files that every build of a kernel makes, and the variable that their command starts with.
    private static let witnesses: [(variable: String, file: String)] = [
        ("CC", "scripts/mod/.empty.o.cmd"), ("CC", "kernel/.bounds.s.cmd"), ("CC", "init/.main.o.cmd"),
        ("HOSTCC", "scripts/basic/.fixdep.cmd"), ("LD", ".vmlinux.o.cmd"),
        ("OBJCOPY", "arch/x86/boot/.vmlinux.bin.cmd"), ("OBJCOPY", "arch/arm64/boot/.Image.cmd"),
        ("OBJCOPY", "arch/riscv/boot/.Image.cmd"),
    ]

    /// Commands by variable, without their options; empty for a tree that was never built.
    ///
    /// - Parameters:
    ///   - listing: what stands in the tree; without it only a kernel's own files are looked at.
    ///   - isOfModules: the tree is a directory of external modules.
    package static func read(
        in directory: Directory, _ listing: TreeListing?, isOfModules: Bool = false
    ) throws(SystemError) -> [String: String] {
        var found: [String: String] = [:]
        for (variable, file) in witnesses where found[variable] == nil {
            guard let text = try KbuildTree.read(file, directory) else { continue }
            found[variable] = command(text)
        }
        if let listing, found["CC"] == nil {
            found["CC"] = try compiler(in: directory, listing, isOfModules: isOfModules)
        }
        if let listing, found["LD"] == nil { found["LD"] = try linker(in: directory, listing) }
        return found
    }

    /// The compiler of the first object that is not a host program's: what Kbuild projects without a kernel's own
    /// files have.
    private static func compiler(
        in directory: Directory, _ listing: TreeListing, isOfModules: Bool
    ) throws(SystemError) -> String? {
        var looks = 0
        for file in listing.files where file.path.name.first == UInt8(ascii: ".") {
            let path = file.path
            guard path.hasSuffix(".o.cmd") || path.hasSuffix(".s.cmd"), !path.hasPrefix("scripts/"),
                !path.hasPrefix("tools/")
            else { continue }
            looks += 1
            if looks > mostLooks { return nil }
            guard let text = try directory.readFile(path, limit: 4 << 20), let words = command(text) else {
                continue
            }
            // Host programs of external modules may lie anywhere: only what is for the kernel tells.
            if isOfModules, CompileFlags.place(of: " -D__KERNEL__ ", in: text) == nil { continue }
            let leaf = ToolchainNames.program(words)?.split(separator: "/").last ?? ""
            if leaf == "cc" || leaf.contains("gcc") || leaf.contains("clang") { return words }
        }
        return nil
    }

    /// What linked the first module: external ones have no more.
    private static func linker(in directory: Directory, _ listing: TreeListing) throws(SystemError) -> String?
    {
        for file in listing.files
        where file.path.name.first == UInt8(ascii: ".") && file.path.hasSuffix(".ko.cmd") {
            return try directory.readFile(file.path, limit: 4 << 20).flatMap { command($0) }
        }
        return nil
    }

    /// Directories without a compiled object, such as those of empty archives, are few.
    private static let mostLooks = 500

    /// The words before the first option of the first saved command.
    static func command(_ bytes: [UInt8]) -> String? {
        let line = bytes.prefix(65536).prefix { $0 != UInt8(ascii: "\n") }
        let text = String(decoding: line, as: UTF8.self)
        guard text.hasPrefix("cmd_") || text.hasPrefix("savedcmd_"), let mark = text.firstRange(of: " := ")
        else {
            return nil
        }
        let words = text[mark.upperBound...].split(separator: " ").prefix { !$0.hasPrefix("-") }
        // Shell text, variables and quotes are no plain call of a tool.
        guard !words.isEmpty, words.allSatisfy({ word in !word.contains { ";&|$`'\"()".contains($0) } })
        else {
            return nil
        }
        return words.joined(separator: " ")
    }
}
