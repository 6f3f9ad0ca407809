import KCacheCore
import KCacheSystem
import KCacheTree

/// What the makefiles of external modules look at outside their directory.
///
/// They are people's own, and do what they like: where one leads out of the directory by anything but an absolute
/// path, there is no record.
enum ModuleMakefiles {
    /// - Throws: `RecordRefusal`, or `SystemError` for a makefile that can't be read.
    static func watch(_ scan: RootScan, into watched: inout WatchedPaths) throws {
        for file in scan.listing.files where RuleFiles.isMakefile(file.path.name) {
            guard let text = try scan.root.directory.readFile(file.path, limit: 1 << 22) else { continue }
            let names = try self.names(text, of: file.path)
            for name in names { watched.insert(name) }
        }
    }

    /// The absolute paths that a makefile names.
    ///
    /// - Throws: `RecordRefusal` for one that leads out.
    static func names(_ text: [UInt8], of makefile: TreePath) throws(RecordRefusal) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let line = line.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            if line.first == UInt8(ascii: "#") { continue }
            let words = line.split { $0 <= 0x20 || "\"'`;|<>&,=:@".utf8.contains($0) }
            // Kbuild's own makefiles, of which the module's are a part.
            let whole = line.split { $0 <= 0x20 }
            if let first = whole.first,
                ["include", "-include", "sinclude"].contains(where: { first.elementsEqual($0.utf8) })
            {
                for word in whole.dropFirst() where !isOwn(word) && word.first != UInt8(ascii: "/") {
                    throw RecordRefusal("\(makefile) includes a makefile by a computed name")
                }
            }
            // Where the compiler looks for headers, saved commands name them.
            for var word in words where word.first != UInt8(ascii: "-") {
                while word.last == UInt8(ascii: ")") { word = word.dropLast() }
                let parts = word.split(separator: UInt8(ascii: "/"))
                if parts.contains(where: { $0.elementsEqual("..".utf8) }) {
                    throw RecordRefusal("\(makefile) leads out of its directory")
                }
                if word.first == UInt8(ascii: "/"), !word.contains(UInt8(ascii: "$")) {
                    found.append(Array(word))
                }
            }
        }
        return found
    }

    /// True for a makefile of the directory itself.
    private static func isOwn(_ word: ArraySlice<UInt8>) -> Bool {
        var rest = word
        for start in ["$(src)/", "$(obj)/", "$(M)/", "$(KBUILD_EXTMOD)/"] where rest.starts(with: start.utf8)
        {
            rest = rest.dropFirst(start.utf8.count)
        }
        return !rest.contains(UInt8(ascii: "$"))
    }
}
