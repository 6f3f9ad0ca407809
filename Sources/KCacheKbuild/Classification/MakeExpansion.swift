/// Replaces simple variable references in a makefile's words.
struct MakeExpansion {
    let values: [String: [String]]
    /// Values that come from outside of the makefile; they go before its own.
    let given: [String: [String]]
    /// What becomes of a reference to an unknown variable or a function: nil drops the word.
    let unknown: String?

    private static let deepest = 12
    /// Bounds the time for text that expands without end.
    private static let mostSteps = 20_000

    /// All words that these could stand for.
    func expand(_ words: [String]) -> [String] {
        var out: [String] = []
        var steps = 0
        for word in words { expand(word, depth: 0, steps: &steps, into: &out) }
        return out
    }

    private func expand(_ word: String, depth: Int, steps: inout Int, into out: inout [String]) {
        steps += 1
        guard steps < Self.mostSteps else { return }
        guard let open = word.utf8.firstIndex(of: UInt8(ascii: "$")) else {
            out.append(word)
            return
        }
        guard depth < Self.deepest, let (name, end) = Self.reference(word, at: open) else { return }
        let head = word[..<open]
        let tail = word[end...]
        for value in lookUp(name, depth: depth, steps: &steps) {
            expand("\(head)\(value)\(tail)", depth: depth + 1, steps: &steps, into: &out)
        }
    }

    private func lookUp(_ name: String, depth: Int, steps: inout Int) -> [String] {
        if let value = given[name] ?? values[name] { return value.isEmpty ? [""] : value }
        if let value = callsWithWords(name) { return value }
        // Patterns are as good as what they find.
        for function in ["wildcard ", "abspath ", "sort "] where name.hasPrefix(function) {
            return MakeWords.split(Array(name.utf8.dropFirst(function.utf8.count))[...])
        }
        if name.hasPrefix("dir ") {
            var found: [String] = []
            for word in MakeWords.split(Array(name.utf8.dropFirst(4))[...]) {
                expand(word, depth: depth + 1, steps: &steps, into: &found)
            }
            return found.map { word in word.lastIndex(of: "/").map { String(word[...$0]) } ?? "./" }
        }
        return unknown.map { [$0] } ?? []
    }

    /// `addprefix P,WORDS` and `addsuffix S,WORDS`, the two functions that lists of files are made with.
    private func callsWithWords(_ text: String) -> [String]? {
        let isPrefix = text.hasPrefix("addprefix ")
        guard isPrefix || text.hasPrefix("addsuffix "), let comma = text.firstIndex(of: ",") else {
            return nil
        }
        let affix = text[text.index(text.startIndex, offsetBy: 10)..<comma]
        let words = MakeWords.split(Array(text[text.index(after: comma)...].utf8)[...])
        return words.map { isPrefix ? "\(affix)\($0)" : "\($0)\(affix)" }
    }

    /// The text inside `$(…)` and where it ends.
    private static func reference(_ word: String, at dollar: String.Index) -> (String, String.Index)? {
        let text = word.utf8
        let open = text.index(after: dollar)
        guard open < text.endIndex else { return nil }
        let close: UInt8
        switch text[open] {
        case UInt8(ascii: "("): close = UInt8(ascii: ")")
        case UInt8(ascii: "{"): close = UInt8(ascii: "}")
        default: return nil
        }
        var depth = 0
        var i = text.index(after: open)
        let start = i
        while i < text.endIndex {
            if text[i] == text[open] {
                depth += 1
            } else if text[i] == close {
                if depth == 0 { return (String(word[start..<i]), text.index(after: i)) }
                depth -= 1
            }
            i = text.index(after: i)
        }
        return nil
    }
}
