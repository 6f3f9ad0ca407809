package import KCacheCore
import SystemPackage

/// One thing that is not well: what it is, what it costs, and what mends it.
package struct DoctorFinding: Hashable, Sendable {
    package let id: DoctorID
    /// What was found, on what.
    package let what: String
    /// In terms of a kernel's build, counted where it can be.
    package let cost: String
    /// The one command or setting that mends it.
    package let mend: String
    /// All files that it is about, where it is about files; `what` names the first.
    package let paths: [TreePath]

    package init(
        _ id: DoctorID, _ what: String, cost: String, mend: String, paths: [TreePath] = []
    ) {
        (self.id, self.what, self.cost, self.mend, self.paths) = (id, what, cost, mend, paths)
    }

    package var severity: DoctorSeverity { id.severity }

    /// The same, where its command has to be run in a certain directory: among the sources it would build in these.
    func run(in directory: FilePath) -> DoctorFinding {
        let words = ["make ", "kcache ", "rm ", "find ", "scripts/"]
        guard words.contains(where: { mend.hasPrefix($0) }) else { return self }
        return DoctorFinding(
            id, what, cost: cost, mend: "cd \(DoctorText.shell(directory.string)) && \(mend)", paths: paths)
    }
}

/// How findings name numbers and files.
enum DoctorText {
    /// `1 object`, `2,849 objects`.
    static func count(_ number: Int, _ noun: String) -> String {
        var digits = Array(String(number))
        var at = digits.count - 3
        while at > 0 {
            digits.insert(",", at: at)
            at -= 3
        }
        return "\(String(digits)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// `a`, `a and b`, `a, b and 7 more`.
    static func names(_ names: [String]) -> String {
        switch names.count {
        case 0: "none"
        case 1: names[0]
        case 2: "\(names[0]) and \(names[1])"
        case 3: "\(names[0]), \(names[1]) and \(names[2])"
        default: "\(names[0]), \(names[1]) and \(names.count - 2) more"
        }
    }

    static func paths(_ paths: [TreePath]) -> String { names(paths.map(\.description)) }

    /// A word for a shell, quoted where it has to be.
    static func shell(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: "/._-+=,@%:".utf8.contains(byte)
            }
        }
        return isPlain && !text.isEmpty ? text : "'\(text.replacing("'", with: "'\\''"))'"
    }
}
