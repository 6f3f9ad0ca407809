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
            if let (_, attached) = Self.text(word) {
                root = attached ?? (i + 1 < front.count ? front[i + 1] : "")
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
            if let (_, attached) = text(words[count]) {
                count = min(words.count, count + (attached == nil ? 2 : 1))
            } else if words[count] == "--help" || switched(by: words[count]) != nil {
                count += 1
            } else {
                break
            }
        }
        return Array(words[..<count])
    }

    private static let rootName = "--root"

    /// An option that takes a text, and what is attached to it.
    private static func text(_ word: String) -> (name: String, value: String?)? {
        if word == rootName { return (rootName, nil) }
        return word.hasPrefix(rootName + "=") ? (rootName, String(word.dropFirst(rootName.count + 1))) : nil
    }

    /// The words of `KCACHE_MAKEFLAGS`.
    package static func words(ofSetting setting: String) -> [String] {
        setting.split(whereSeparator: { " \t\n".contains($0) }).map(String.init)
    }
}
