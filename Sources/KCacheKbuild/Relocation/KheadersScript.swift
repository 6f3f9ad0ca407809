/// What a tree's `kernel/gen_kheaders.sh` takes its sums over, if it is of the shape that is known here.
///
/// From 5.2 on the script keeps three lines in `kernel/kheaders.md5`: md5 of `ls -l` of the headers, of
/// `ls -l` of itself, and of the archive. (Kernels of 2025 use dependencies instead and have no such file.)
struct KheadersScript: Hashable {
    /// Directories whose headers count, with `$SRCARCH` filled in.
    let directories: [String]
    /// What `grep -v` takes out of the list.
    let excluded: [String]

    /// Nil where the text is not of that shape.
    init?(_ bytes: [UInt8], architecture: String) {
        var text = ""
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        for line in lines where !line.drop(while: { $0 == " " || $0 == "\t" }).hasPrefix("#") {
            text += line + "\n"
        }
        guard let list = Self.between("dir_list=\"", "\"", text),
            let sum = Self.between("headers_md5=\"$(", ")\"", text),
            let own = Self.between("this_file_md5=\"$(", ")\"", text)
        else { return nil }
        directories = list.split { $0.isWhitespace }.map {
            String($0).replacing("$SRCARCH", with: architecture)
        }
        guard !directories.isEmpty,
            directories.allSatisfy({ name in
                !name.hasPrefix("/") && !name.contains { "$`\\*?[('\";&|<>".contains($0) }
            }),
            !directories.contains(where: { $0.split(separator: "/").contains("..") || $0.hasPrefix("-") }),
            Self.words(own) == ["ls", "-l", "$sfile", "|", "md5sum", "|", "cut", "-d", "'", "'", "-f1"]
        else { return nil }

        // find … | grep -v … | xargs ls -l | md5sum | cut …
        var stages = sum.split(separator: "|").map { Self.words(String($0)) }
        guard stages.count >= 4, stages.removeFirst() == ["find", "$all_dirs", "-name", "\"*.h\""] else {
            return nil
        }
        let end = [["xargs", "ls", "-l"], ["md5sum"], ["cut", "-d", "'", "'", "-f1"]]
        guard Array(stages.suffix(3)) == end else { return nil }
        var names: [String] = []
        for stage in stages.dropLast(3) {
            guard stage.count == 3, stage[0] == "grep", stage[1] == "-v", stage[2].hasPrefix("\""),
                stage[2].hasSuffix("\""), stage[2].utf8.count > 2
            else { return nil }
            names.append(String(stage[2].dropFirst().dropLast()))
        }
        excluded = names
    }

    private static func words(_ text: String) -> [String] {
        text.split { $0.isWhitespace || $0 == "\\" }.map { String($0) }
    }

    private static func between(_ start: String, _ end: String, _ text: String) -> String? {
        guard let from = text.firstRange(of: start),
            let to = text[from.upperBound...].firstRange(of: end)
        else { return nil }
        return String(text[from.upperBound..<to.lowerBound])
    }
}
