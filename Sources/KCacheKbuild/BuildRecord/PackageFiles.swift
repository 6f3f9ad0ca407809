import KCacheCore
import KCacheSystem
import SystemPackage

/// What tells makefiles of host tools which libraries there are: the files of pkg-config, and the headers and
/// libraries that they have a compiler look for.
///
/// Make notices another answer by the command that it gives. The program starts at each question; a record looks
/// at its files.
struct PackageFiles {
    private let folders: [String]
    private let headerFolders: [String]
    private let libraryFolders: [String]

    /// Libraries that makefiles of the kernel's host tools ask pkg-config for.
    private static let libraries = ["libelf", "libcrypto", "zlib", "libzstd", "libxxhash"]
    /// Those that they try to link with, and headers that they try to read (tools/objtool of Linux 7.1).
    private static let linked = ["opcodes", "bfd", "iberty", "z", "xxhash"]
    private static let headers = ["libelf.h", "xxhash.h", "dis-asm.h"]

    init(environment: [String: String]) {
        func list(_ name: String) -> [String]? {
            environment[name].map { $0.split(separator: ":").map(String.init) }
        }
        let machines = Self.machines()
        let standard = machines.libraries.map { "\($0)/pkgconfig" }
        folders = (list("PKG_CONFIG_PATH") ?? []) + (list("PKG_CONFIG_LIBDIR") ?? standard)
        headerFolders = ["CPATH", "C_INCLUDE_PATH"].flatMap { list($0) ?? [] } + machines.headers
        libraryFolders = (list("LIBRARY_PATH") ?? []) + machines.libraries
    }

    /// Where distributions have libraries and headers; a folder per architecture stands below `lib`.
    private static func machines() -> (libraries: [String], headers: [String]) {
        var libraries: [String] = []
        var headers: [String] = []
        for base in ["/usr/local", "/usr"] {
            do throws(SystemError) {
                for entry in try Directory.open(FilePath("\(base)/lib")).entries() {
                    let name = String(decoding: entry.name, as: UTF8.self)
                    guard name.contains("-linux-") else { continue }
                    libraries.append("\(base)/lib/\(name)")
                    headers.append("\(base)/include/\(name)")
                }
            } catch _ {}
            libraries += ["lib64", "lib", "share"].map { "\(base)/\($0)" }
            headers.append("\(base)/include")
        }
        return (libraries, headers)
    }

    /// Absolute paths of the libraries' descriptions and of those that they require, of what a compiler would find,
    /// there or not, and of the programs.
    func paths(programs: [String], path: String) -> [[UInt8]] {
        var found = headerFolders.flatMap { folder in Self.headers.map { "\(folder)/\($0)" } }
            .map { Array($0.utf8) }
        for folder in libraryFolders {
            found += Self.linked.flatMap { ["\(folder)/lib\($0).so", "\(folder)/lib\($0).a"] }
                .map { Array($0.utf8) }
        }
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
