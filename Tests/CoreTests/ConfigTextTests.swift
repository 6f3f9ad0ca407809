import KCacheCore
import Testing

/// The part of TOML that configuration files are written in.
@Suite struct ConfigTextTests {
    private func read(_ text: String) throws -> [[String]] {
        try TomlDocument(parsing: Array(text.utf8)).entries.map {
            let value =
                switch $0.value {
                case .string(let text): "'\(text)'"
                case .integer(let number): "\(number)"
                case .boolean(let flag): "\(flag)"
                }
            return [$0.path.joined(separator: "/"), value, "\($0.line)"]
        }
    }

    @Test func whatIsTaken() throws {
        let text = """
            # a comment
            store = "team" # another

              [ make ]
            warm=true
            \t"push"\t=\tfalse
            'odd.key' = -1_000
            [a."b c".d-_9]
            x.y = 0xff
            x.z = '\\n "'
            [a]
            s = "\\t\\"\\\\\\u00e9\\U0001F600 # none"
            n = +9223372036854775807
            m = -9223372036854775808
            z = 0
            """
        let expected = [
            ["store", "'team'", "2"], ["make/warm", "true", "5"], ["make/push", "false", "6"],
            ["make/odd.key", "-1000", "7"], ["a/b c/d-_9/x/y", "255", "9"],
            ["a/b c/d-_9/x/z", "'\\n \"'", "10"], ["a/s", "'\t\"\\é😀 # none'", "12"],
            ["a/n", "9223372036854775807", "13"], ["a/m", "-9223372036854775808", "14"], ["a/z", "0", "15"],
        ]
        #expect(try read(text) == expected)
        #expect(try read(text.replacing("\n", with: "\r\n")) == expected)
        #expect(try read("") == [])
        #expect(try read("#\u{e9}\n\n") == [])
    }

    @Test(arguments: [
        ("a = 1\na = 2", 2, "a stands in line 1 already: keep one of the two"),
        ("[t]\n[u]\n[t]", 3, "t stands in line 1 already: keep one of the two"),
        ("a.b = 1\n[a]", 2, "a stands in line 1 already: keep one of the two"),
        ("a = 1\n[a.b]", 2, "a stands in line 1 already: keep one of the two"),
        ("a = 1\na.b = 1", 2, "a stands in line 1 already: keep one of the two"),
        ("[a.b]\n[a]\nb.c = 1", 3, "a.b stands in line 1 already: keep one of the two"),
        ("[a.b]\n[a]\nb = 1", 3, "a.b stands in line 1 already: keep one of the two"),
        ("\n[[t]]", 2, "lists of tables are not known here: write [NAME]"),
        ("[t", 1, "a ] is missing after the table's name"),
        ("[t] x", 1, "more stands after the value: one value a line, then nothing or a # comment"),
        ("[]", 1, "a key is missing: write KEY = VALUE, or [TABLE]"),
        ("= 1", 1, "a key is missing: write KEY = VALUE, or [TABLE]"),
        ("a. = 1", 1, "a key is missing: write KEY = VALUE, or [TABLE]"),
        ("a", 1, "no = after the key: write KEY = VALUE"),
        ("a b = 1", 1, "no = after the key: write KEY = VALUE"),
        ("a =", 1, "a value is missing: write true, false, a number, or a text in quotes"),
        ("a = [1]", 1, "[1 is no value that is known here: write true, false, a number, or a text in quotes"),
        ("a = 1 2", 1, "more stands after the value: one value a line, then nothing or a # comment"),
        ("a = \"x", 1, "a \" is missing at the end of the text"),
        ("a = 'x", 1, "a ' is missing at the end of the text"),
        ("a = \"\\", 1, "a \\ stands at the end of the line"),
        ("a = \"\\x\"", 1, "\\x means nothing: write \\\\ for a backslash, or use ' quotes"),
        ("a = \"\\ud800\"", 1, "there is no such character"),
        ("a = \"\\u12\"", 1, "\\u takes 4 and \\U 8 hexadecimal digits"),
        ("a = \"\"\"x\"\"\"", 1, "texts over several lines are not known here: use one quote at each end"),
        ("a = '''x'''", 1, "texts over several lines are not known here: use one quote at each end"),
        ("a = 1\u{1b}", 1, "there is a control character (\\033): remove it"),
    ]) func whatIsRefused(text: String, line: Int, problem: String) {
        #expect(refusal(Array(text.utf8)) == "line \(line): \(problem)")
    }

    @Test(arguments: [
        "True", "yes", "1.5", "1e3", "1__0", "_1", "1_", "01", "0x", "0xg", "+0x1", "--1", "1979-05-27",
        "9223372036854775808", "{a=1}", "inf", "0x-1",
    ]) func noValues(word: String) {
        #expect(refusal(Array("a = \(word)".utf8))?.contains("no value that is known here") == true)
    }

    @Test func noText() {
        #expect(refusal([0x61, 0x3d, 0xff]) == "line 1: this is no UTF-8: save the file as UTF-8")
    }

    private func refusal(_ bytes: [UInt8]) -> String? {
        do throws(TomlDocument.Problem) {
            _ = try TomlDocument(parsing: bytes)
            return nil
        } catch { return "\(error)" }
    }
}
