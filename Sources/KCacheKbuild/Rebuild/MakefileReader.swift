import KCacheCore

/// Reads a Kbuild Makefile as far as its variables go, and knows where it does not understand it.
///
/// Variables, conditionals, includes and make's text functions are worked out. What would need a shell, a
/// compiler or a variable of another make becomes *doubt*, which sticks to every variable that it touches:
/// then the answer for that variable is "can't tell", never a guess.
struct MakefileReader {
    typealias Bytes = [UInt8]

    struct Variable {
        var text: Bytes
        /// `:=`: already expanded.
        var isSimple: Bool
        var isDoubtful: Bool
    }

    /// An explicit rule: `targets: prerequisites`, both expanded.
    struct Rule {
        var targets: [Bytes]
        var prerequisites: [Bytes]
        var isDoubtful: Bool
    }

    var variables: [Bytes: Variable] = [:]
    var rules: [Rule] = []
    /// Gives a file's bytes by its path in the tree; nil if there is none.
    let read: (TreePath) -> Bytes?
    /// Tells if a path of the tree is there.
    let exists: (TreePath) -> Bool
    let config: AutoConf
    /// Set by an expansion that met something unknown.
    var doubt = false
    private var depth = 0
    /// Expansions still allowed: a Makefile that refers to itself must not take for ever.
    var budget = 1 << 20
    /// Conditionals that could not be told: everything assigned inside is doubtful.
    private var doubtfulBlocks = 0

    init(config: AutoConf, read: @escaping (TreePath) -> Bytes?, exists: @escaping (TreePath) -> Bool) {
        (self.config, self.read, self.exists) = (config, read, exists)
        for (name, value) in [
            ("srctree", "."), ("objtree", "."), ("comma", ","), ("empty", ""), ("space", " "), ("pound", "#"),
            ("squote", "'"), ("quote", "\""),
        ] {
            set(name, value)
        }
    }

    mutating func set(_ name: String, _ value: String) {
        variables[Array(name.utf8)] = Variable(text: Array(value.utf8), isSimple: true, isDoubtful: false)
    }

    /// The words of a variable; nil if they can't be told.
    mutating func words(_ name: String) -> [Bytes]? {
        doubt = false
        let value = expandVariable(Array(name.utf8))
        return doubt ? nil : Self.words(value)
    }

    // MARK: Lines

    mutating func run(_ text: Bytes) {
        guard depth < 16 else {
            doubt = true
            return
        }
        depth += 1
        defer { depth -= 1 }
        // Of each open conditional: is this branch taken, was one taken already, can't it be told.
        var blocks: [(taken: Bool, done: Bool, doubtful: Bool)] = []
        var inRecipe = false
        var define: Bytes?
        var body: Bytes = []
        for line in Self.logicalLines(text) {
            if let name = define {
                if Self.trim(line).starts(with: "endef".utf8) {
                    variables[name] = Variable(
                        text: body, isSimple: false, isDoubtful: doubtfulBlocks > 0)
                    define = nil
                } else {
                    body += line + [UInt8(ascii: "\n")]
                }
                continue
            }
            if inRecipe, line.first == UInt8(ascii: "\t") { continue }
            let content = Self.trim(Self.withoutComment(line))
            guard !content.isEmpty else { continue }
            if conditional(content, &blocks) { continue }
            guard blocks.allSatisfy(\.taken) else { continue }
            if content.starts(with: "define ".utf8) {
                define = Self.words(content).dropFirst().first ?? []
                body = []
                inRecipe = false
            } else if let files = Self.after(["include ", "-include ", "sinclude "], content) {
                inRecipe = false
                include(files, mustExist: content.first == UInt8(ascii: "i"))
            } else {
                inRecipe = statement(content)
            }
        }
        for block in blocks where block.doubtful { doubtfulBlocks -= 1 }
    }

    /// Takes an assignment or a rule; true if lines after it may be a recipe.
    private mutating func statement(_ line: Bytes) -> Bool {
        var line = line
        for word in ["export ", "override ", "private ", "unexport "] where line.starts(with: word.utf8) {
            line = Self.trim(Array(line.dropFirst(word.utf8.count)))
        }
        guard let (place, op) = Self.operatorPlace(line) else { return false }
        if op == ":" {
            let after = Array(line[(place + 1)...])
            // `target: VAR := value` holds for one target only.
            if let inner = Self.operatorPlace(after), inner.1 != ":" { return true }
            doubt = false
            let left = Self.words(expand(line[..<place]))
            let right = Self.words(expand(after.prefix { $0 != UInt8(ascii: ";") }[...]))
            rules.append(Rule(targets: left, prerequisites: right, isDoubtful: doubt || doubtfulBlocks > 0))
            return true
        }
        doubt = false
        let name = Self.trim(expand(line[..<place]))
        let nameDoubt = doubt
        let value = Self.trimLeft(Array(line[(place + op.utf8.count)...]))
        if name.isEmpty || nameDoubt {
            // `obj-$(unknown) += …` may add to any of these.
            if nameDoubt { spoil(line[..<place]) }
            return false
        }
        assign(name, op, value)
        return false
    }

    /// A variable whose name can't be told: all that it may be become doubtful.
    private mutating func spoil(_ name: ArraySlice<UInt8>) {
        let prefix = Array(name.prefix { $0 != UInt8(ascii: "$") })
        guard !prefix.isEmpty else { return }
        for suffix in ["y", "m", "objs"] {
            let full = prefix + Array(suffix.utf8)
            var variable = variables[full] ?? Variable(text: [], isSimple: true, isDoubtful: true)
            variable.isDoubtful = true
            variables[full] = variable
        }
    }

    private mutating func assign(_ name: Bytes, _ op: String, _ value: Bytes) {
        doubt = false
        switch op {
        case ":=", "::=":
            let text = expand(value[...])
            variables[name] = Variable(text: text, isSimple: true, isDoubtful: doubt || doubtfulBlocks > 0)
        case "+=":
            var variable = variables[name] ?? Variable(text: [], isSimple: false, isDoubtful: false)
            let text = variable.isSimple ? expand(value[...]) : value
            variable.text += variable.text.isEmpty ? text : [UInt8(ascii: " ")] + text
            variable.isDoubtful = variable.isDoubtful || doubt || doubtfulBlocks > 0
            variables[name] = variable
        case "?=":
            if variables[name] == nil {
                variables[name] = Variable(text: value, isSimple: false, isDoubtful: doubtfulBlocks > 0)
            }
        case "!=": variables[name] = Variable(text: [], isSimple: true, isDoubtful: true)
        default: variables[name] = Variable(text: value, isSimple: false, isDoubtful: doubtfulBlocks > 0)
        }
    }

    private mutating func include(_ files: Bytes, mustExist: Bool) {
        doubt = false
        let paths = Self.words(expand(files[...]))
        if doubt { doubtfulInclude() }
        for path in paths {
            // auto.conf is `config`, the others are Kbuild's own machinery.
            if path.hasSuffix("auto.conf") { continue }
            guard let file = PathResolver(root: []).resolve(path) else {
                doubtfulInclude()
                continue
            }
            if let text = read(file) { run(text) } else if mustExist { doubtfulInclude() }
        }
    }

    /// A file that can't be read may set anything.
    private mutating func doubtfulInclude() {
        for name in ["obj-y", "obj-m", "lib-y", "ccflags-y", "asflags-y", "subdir-ccflags-y", "always-y"] {
            spoil(Array(name.utf8).dropLast()[...])
        }
    }

    // MARK: Conditionals

    private mutating func conditional(
        _ line: Bytes, _ blocks: inout [(taken: Bool, done: Bool, doubtful: Bool)]
    ) -> Bool {
        if Self.isWord(line, "endif") {
            if let last = blocks.popLast(), last.doubtful { doubtfulBlocks -= 1 }
            return true
        }
        if Self.isWord(line, "else") {
            guard var last = blocks.popLast() else { return true }
            let rest = Self.trim(Array(line.dropFirst(4)))
            if last.doubtful {
                // Each branch may be the one: all are read, and all that they assign is doubtful.
                last.taken = true
            } else if last.done || !blocks.allSatisfy(\.taken) {
                last.taken = false
            } else if let answer = test(rest) {
                last.taken = answer ?? true
                last.done = last.taken
                if answer == nil {
                    last.doubtful = true
                    doubtfulBlocks += 1
                }
            } else {
                (last.taken, last.done) = (true, true)
            }
            blocks.append(last)
            return true
        }
        guard
            Self.isWord(line, "ifeq") || Self.isWord(line, "ifneq") || Self.isWord(line, "ifdef")
                || Self.isWord(line, "ifndef")
        else { return false }
        guard blocks.allSatisfy(\.taken) else {
            blocks.append((false, true, false))
            return true
        }
        guard let answer = test(line) else {
            blocks.append((true, true, false))
            return true
        }
        if let answer {
            blocks.append((answer, answer, false))
        } else {
            doubtfulBlocks += 1
            blocks.append((true, true, true))
        }
        return true
    }

    /// The condition's value; nil inside if it can't be told, nil outside if there is no condition.
    private mutating func test(_ line: Bytes) -> Bool?? {
        doubt = false
        for (word, wanted) in [("ifdef", true), ("ifndef", false)] where Self.isWord(line, word) {
            let name = Self.trim(expand(line[word.utf8.count...]))
            let isSet = !expandVariable(name).isEmpty
            return .some(doubt ? nil : isSet == wanted)
        }
        for (word, wanted) in [("ifeq", true), ("ifneq", false)] where Self.isWord(line, word) {
            guard let (a, b) = Self.comparison(Self.trim(Array(line.dropFirst(word.utf8.count)))) else {
                return .some(nil)
            }
            let left = Self.trimRight(expand(a[...]))
            let right = Self.trimLeft(expand(b[...]))
            return .some(doubt ? nil : (left == right) == wanted)
        }
        return nil
    }
}
