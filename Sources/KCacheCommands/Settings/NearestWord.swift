/// Finds what somebody may have meant.
enum NearestWord {
    /// The known word that is the fewest letters away; nil if none is near.
    static func find(_ word: String, among known: [String]) -> String? {
        guard word.utf8.count <= 64 else { return nil }
        let near = known.map { (word: $0, distance: distance(Array(word.utf8), Array($0.utf8))) }
            .min { $0.distance < $1.distance }
        guard let near else { return nil }
        // `warm` for `make.warm`: the table was forgotten.
        if let end = known.first(where: { $0.hasSuffix(".\(word)") }) { return end }
        return near.distance <= max(2, near.word.utf8.count / 4) ? near.word : nil
    }

    /// How many letters have to be put in, taken out or replaced (Levenshtein).
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, left) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in b.enumerated() {
                let next = left == right ? diagonal : 1 + min(diagonal, row[j], row[j + 1])
                diagonal = row[j + 1]
                row[j + 1] = next
            }
        }
        return row[b.count]
    }
}
