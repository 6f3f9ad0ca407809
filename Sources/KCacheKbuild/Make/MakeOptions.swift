/// The options of `kcache make` itself, apart from make's.
package struct MakeOptions: Hashable, Sendable {
    // What each does: `MakeOption`.
    package var warm = false
    package var push = false
    package var pins = true
    package var always = false
    package var prune = true
    package var probeCache = true
    package var statusLine = true
    package var explain = false
    /// The root to build in, as it was named; nil: this machine's own.
    package var root: String?

    package init() {}

    package subscript(option: MakeOption) -> Bool {
        get {
            switch option {
            case .warm: warm
            case .push: push
            case .pins: pins
            case .always: always
            case .prune: prune
            case .probeCache: probeCache
            case .statusLine: statusLine
            case .explain: explain
            }
        }
        set {
            switch option {
            case .warm: warm = newValue
            case .push: push = newValue
            case .pins: pins = newValue
            case .always: always = newValue
            case .prune: prune = newValue
            case .probeCache: probeCache = newValue
            case .statusLine: statusLine = newValue
            case .explain: explain = newValue
            }
        }
    }

    /// What a word switches, and to what; nil for a word that is none of these.
    package static func switched(by word: String) -> (option: MakeOption, value: Bool)? {
        guard word.hasPrefix("--") else { return nil }
        let name = word.dropFirst(2)
        if let option = MakeOption(rawValue: String(name)) { return (option, true) }
        guard name.hasPrefix("no-"), let option = MakeOption(rawValue: String(name.dropFirst(3))) else {
            return nil
        }
        return (option, false)
    }

    /// Takes options off the front of a command line; the number of words taken.
    ///
    /// The first word that is none ends it: all that follows is make's.
    package mutating func take(from words: [String]) -> Int {
        let front = Self.front(of: words)
        for (i, word) in front.enumerated() {
            if Self.isRoot(word) {
                root = Self.attached(to: word) ?? (i + 1 < front.count ? front[i + 1] : "")
            }
            guard let (option, value) = Self.switched(by: word) else { continue }
            self[option] = value
        }
        return front.count
    }

    /// The words in front that are options of these, or `--help`.
    package static func front(of words: [String]) -> [String] {
        var count = 0
        while count < words.count {
            if isRoot(words[count]) {
                count = min(words.count, count + (attached(to: words[count]) == nil ? 2 : 1))
            } else if words[count] == "--help" || switched(by: words[count]) != nil {
                count += 1
            } else {
                break
            }
        }
        return Array(words[..<count])
    }

    private static let rootName = "--root"

    private static func isRoot(_ word: String) -> Bool { word == rootName || word.hasPrefix(rootName + "=") }

    /// The TEXT of `--root=TEXT`; nil where it is the next word.
    private static func attached(to word: String) -> String? {
        word == rootName ? nil : String(word.dropFirst(rootName.count + 1))
    }

    /// The words of `KCACHE_MAKEFLAGS`.
    package static func words(ofSetting setting: String) -> [String] {
        setting.split(whereSeparator: { " \t\n".contains($0) }).map(String.init)
    }
}
