/// Shell scripts for the far end, and how their answers are told from whatever else a login shell prints.
///
/// One line each and without exclamation marks, since some shells see them inside of quotes too. An answer is lines between two that hold a
/// nonce, which is the scripts' first argument.
enum FarScript {
    /// Arguments: nonce, the kcache there or nothing. Answers: system, machine, home, the kcache that was found, its
    /// version.
    static let survey = [
        "n=$1", "p=$2", "\(SSHTransport.search)",
        "f=$(command -v \"${p:-kcache}\" 2>/dev/null)",
        "v=; [ -z \"$f\" ] || v=$(\"$f\" --version 2>/dev/null </dev/null | head -n 1)",
        "printf '\\n%s\\n' \"$n\"",
        "for x in \"$(uname -s)\" \"$(uname -m)\" \"$HOME\" \"$f\" \"$v\"; do printf '%s\\n' \"$x\"; done",
        "printf '%s\\n' \"$n\"",
    ].joined(separator: "; ")

    /// Takes a program from standard input, tries it under a temporary name, and puts it in place if nothing is
    /// there. Arguments: nonce, path, size. Answers: how it ended (`Ending`), what the program or the system said,
    /// and the libraries that it lacks.
    static let install = [
        "n=$1", "t=$2", "s=$3", "d=${t%/*}", "m=$d/.kcache-tmp-$n", "umask 022",
        "end() { printf '\\n%s\\n%s\\n%s\\n%s\\n%s\\n' \"$n\" \"$1\" \"$2\" \"$3\" \"$n\"; exit 0; }",
        "first() { printf '%s\\n' \"$1\" | head -n 1; }",
        "o=$(mkdir -p \"$d\" 2>&1) || end unwritable \"$(first \"$o\")\"",
        "if [ -e \"$t\" ]; then end occupied; fi",
        "trap 'rm -f \"$m\"' 0", "trap 'exit 1' 1 2 13 15",
        "o=$({ cat >\"$m\"; } 2>&1) || end unwritable \"$(first \"$o\")\"",
        "[ \"$(wc -c <\"$m\")\" -eq \"$s\" ] || end short",
        "o=$(chmod 755 \"$m\" 2>&1) || end unwritable \"$(first \"$o\")\"",
        "o=$(\"$m\" --version 2>&1 </dev/null) || end unfit \"$(first \"$o\")\" "
            + "\"$(ldd \"$m\" 2>/dev/null | sed -n 's/^[[:space:]]*\\([^ ]*\\) => not found.*/\\1/p' | tr '\\n' ' ')\"",
        "sync \"$m\" 2>/dev/null",
        // A link takes no name that somebody else has taken meanwhile. Not all filesystems have them.
        "ln \"$m\" \"$t\" 2>/dev/null || if [ -e \"$t\" ]; then end occupied; else mv \"$m\" \"$t\"; fi || end occupied",
        "end done \"$(first \"$o\")\"",
    ].joined(separator: "; ")

    enum Ending: String {
        case done, occupied, unwritable, short, unfit
    }

    /// The lines between the last two that are the nonce; nil if there are none.
    static func answer(_ output: [UInt8], nonce: String) -> [String]? {
        let lines = String(decoding: output, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false
        ).map(String.init)
        guard let end = lines.lastIndex(of: nonce), let start = lines[..<end].lastIndex(of: nonce) else {
            return nil
        }
        return Array(lines[(start + 1)..<end])
    }
}
