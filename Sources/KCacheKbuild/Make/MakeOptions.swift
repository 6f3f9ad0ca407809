/// The options of `kcache make` itself, apart from make's.
package struct MakeOptions: Hashable, Sendable {
    /// Sets the `KBUILD_BUILD_*` variables that nobody set.
    package var pins = true
    /// Runs make even where nothing has changed.
    package var always = false
    /// Leaves out directories where nothing has changed.
    package var prune = true
    package var probeCache = true
    /// Tells on standard error what was decided, and why.
    package var explain = false
    package var help = false

    package init() {}

    /// Takes one word; false if it is none of these.
    package mutating func take(_ word: String) -> Bool {
        switch word {
        case "--no-pins": pins = false
        case "--always": always = true
        case "--no-prune": prune = false
        case "--no-probe-cache": probeCache = false
        case "--explain": explain = true
        case "--help": help = true
        default: return false
        }
        return true
    }

    /// Takes options off the front of a command line; the number of words taken.
    ///
    /// The first word that is none ends it: all that follows is make's.
    package mutating func take(from words: [String]) -> Int {
        var count = 0
        for word in words {
            guard take(word) else { break }
            count += 1
        }
        return count
    }

    /// Takes the words of `KCACHE_MAKEFLAGS`; the first that is no option, if there is one.
    package mutating func take(setting: String) -> String? {
        for word in setting.split(whereSeparator: { " \t\n".contains($0) }) {
            let word = String(word)
            if word == "--help" || !take(word) { return word }
        }
        return nil
    }
}
