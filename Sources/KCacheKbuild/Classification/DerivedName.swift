/// A name that a build makes beside a file of another name, as the top Makefile's clean rules tell it:
/// `find . -name Kbuild.src | sed 's/.src$$//' | xargs rm`.
struct DerivedName: Hashable, Sendable {
    /// The file that stands beside what is made.
    let source: String
    /// What is made.
    let made: String

    /// Nil for a recipe of any other form.
    ///
    /// - Parameter recipe: the words of one line.
    init?(recipe words: [String]) {
        guard let name = words.firstIndex(of: "-name"), name + 1 < words.count,
            let sed = words.firstIndex(of: "sed"), sed > name, sed + 1 < words.count,
            let end = words.firstIndex(of: "xargs"), end > sed, words[end...].contains("rm")
        else { return nil }
        let source = words[name + 1].filter { $0 != "'" && $0 != "\"" }
        let parts = words[sed + 1].filter { $0 != "'" && $0 != "\"" }
            .split(separator: "/", omittingEmptySubsequences: false)
        // One change of the name's end; make's `$$` is sed's `$`.
        guard parts.count == 4, parts[0] == "s", parts[3].isEmpty, parts[1].hasSuffix("$$") else {
            return nil
        }
        let suffix = parts[1].dropLast(2)
        let plain = (source + suffix + parts[2]).utf8.allSatisfy { !"*?[]\\^$&".utf8.contains($0) }
        guard plain, !suffix.isEmpty, source.hasSuffix(suffix), source.utf8.count > suffix.utf8.count else {
            return nil
        }
        self.source = source
        made = String(source.dropLast(suffix.count)) + parts[2]
    }
}
