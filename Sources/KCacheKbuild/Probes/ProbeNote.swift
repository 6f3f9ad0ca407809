/// One probe that was asked and answered in a run, as make noted it.
package struct ProbeNote: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case tryRun = "t"
        case shell = "s"
    }

    /// The file that answers for this directory go into.
    package let file: String
    package let kind: Kind
    /// Percent-encoded.
    package let key: String
    package let value: String
    /// What the key stands for.
    package let arguments: [String]
    package let answer: String

    /// Nil where a part isn't what make would have written.
    package init?(
        file: some StringProtocol, kind: some StringProtocol, key: some StringProtocol,
        value: some StringProtocol
    ) {
        guard ProbeText.isFileName(file), let kind = Kind(rawValue: String(kind)),
            ProbeText.isEncoded(key.utf8), value.hasPrefix(ProbeText.mark), ProbeText.isEncoded(value.utf8),
            key.utf8.count < 32768, let answer = ProbeText.decode(value.dropFirst(ProbeText.mark.count))
        else { return nil }
        var arguments: [String] = []
        // `;` is not encoded, but a `%` before it can only be the separator's.
        for part in String(key).split(separator: ProbeText.separator, omittingEmptySubsequences: false) {
            guard let text = ProbeText.decode(part) else { return nil }
            arguments.append(text)
        }
        (self.file, self.kind, self.arguments, self.answer) = (String(file), kind, arguments, answer)
        (self.key, self.value) = (String(key), String(value))
    }

    /// The whole notes of one file; torn ones are passed over.
    package static func parse(_ bytes: [UInt8]) -> [ProbeNote] {
        guard let text = String(validating: bytes, as: UTF8.self) else { return [] }
        var notes: [ProbeNote] = []
        var lines: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            guard line == "end" else {
                lines.append(line)
                continue
            }
            if lines.count == 4,
                let note = ProbeNote(file: lines[0], kind: lines[1], key: lines[2], value: lines[3])
            {
                notes.append(note)
            }
            lines.removeAll()
        }
        return notes
    }
}
