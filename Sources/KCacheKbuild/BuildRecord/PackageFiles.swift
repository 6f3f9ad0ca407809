import KCacheCore
import KCacheSystem
import SystemPackage

/// What pkg-config reads when makefiles of host tools ask it for flags.
///
/// Make notices another answer by the command that it gives. The program starts at each question; a record looks
/// at its files.
struct PackageFiles {
    private let folders: [String]

    /// Libraries that makefiles of the kernel's host tools ask for.
    private static let libraries = ["libelf", "libcrypto", "zlib", "libzstd", "libxxhash"]

    init(environment: [String: String]) {
        func list(_ name: String) -> [String]? {
            environment[name].map { $0.split(separator: ":").map(String.init) }
        }
        folders = (list("PKG_CONFIG_PATH") ?? []) + (list("PKG_CONFIG_LIBDIR") ?? Self.standardFolders())
    }

    /// Where distributions have them; a folder per architecture stands below `lib`.
    private static func standardFolders() -> [String] {
        var folders: [String] = []
        for base in ["/usr/local", "/usr"] {
            do throws(SystemError) {
                for entry in try Directory.open(FilePath("\(base)/lib")).entries() {
                    let name = String(decoding: entry.name, as: UTF8.self)
                    if name.contains("-linux-") { folders.append("\(base)/lib/\(name)/pkgconfig") }
                }
            } catch _ {}
            folders += ["lib64", "lib", "share"].map { "\(base)/\($0)/pkgconfig" }
        }
        return folders
    }

    /// Absolute paths of the libraries' descriptions and of those that they require, there or not, and of the
    /// programs.
    func paths(programs: [String], path: String) -> [[UInt8]] {
        // Objtool's makefile asks the preprocessor what this header declares; this is where another would be found first.
        var found = [Array("/usr/local/include/libelf.h".utf8)]
        for program in programs {
            let places =
                program.hasPrefix("/") ? [program] : path.split(separator: ":").map { "\($0)/\(program)" }
            found += places.map { Array($0.utf8) }
        }
        var pending = Self.libraries
        var seen: Set<String> = []
        while let name = pending.popLast(), seen.count < 256 {
            guard seen.insert(name).inserted else { continue }
            for folder in folders where folder.hasPrefix("/") {
                let file = "\(folder)/\(name).pc"
                found.append(Array(file.utf8))
                if let text = HostFile.read(FilePath(file), limit: 1 << 16) { pending += Self.required(text) }
            }
        }
        return found
    }

    /// Names in the lines `Requires:` and `Requires.private:`.
    private static func required(_ description: [UInt8]) -> [String] {
        String(decoding: description, as: UTF8.self).split(separator: "\n").flatMap { line -> [String] in
            guard line.hasPrefix("Requires"), let colon = line.firstIndex(of: ":") else { return [] }
            return line[line.index(after: colon)...].split { " ,\t<>=!".contains($0) }
                .filter { $0.first?.isNumber == false }.map(String.init)
        }
    }
}
