/// Text of `--help`, as it is written in the source.
enum HelpText {
    /// One line for each paragraph, to be wrapped to the reader's terminal; lines that are indented stay as they are.
    static func flowing(_ text: String) -> String {
        var lines: [String] = []
        var isOpen = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let flows = line.first.map { $0 != " " } ?? false
            if flows, isOpen, let last = lines.popLast() {
                lines.append("\(last) \(line)")
            } else {
                lines.append(String(line))
            }
            isOpen = flows
        }
        return lines.joined(separator: "\n")
    }
}
