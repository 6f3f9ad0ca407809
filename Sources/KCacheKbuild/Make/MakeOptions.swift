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
        for word in front {
            guard let (option, value) = Self.switched(by: word) else { continue }
            self[option] = value
        }
        return front.count
    }

    /// The words in front that are options of these, or `--help`.
    package static func front(of words: [String]) -> [String] {
        Array(words.prefix { $0 == "--help" || switched(by: $0) != nil })
    }

    /// The words of `KCACHE_MAKEFLAGS`.
    package static func words(ofSetting setting: String) -> [String] {
        setting.split(whereSeparator: { " \t\n".contains($0) }).map(String.init)
    }
}
