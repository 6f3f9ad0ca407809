import SystemPackage

extension MakeInvocation {
    /// Reads words as getopt_long(3) hands them to make: in order, options and others mixed.
    mutating func readWords(_ words: [String], fromEnvironment: Bool) {
        var reader = SwitchReader(words: words, fromEnvironment: fromEnvironment)
        reader.readAll(into: &self)
    }

    /// A word that is no option: a definition or a goal.
    fileprivate mutating func readPlain(_ word: String, fromEnvironment: Bool) {
        // For compatibility make passes over it.
        if word == "-" { return }
        if let variable = MakeVariable(word, origin: fromEnvironment ? .makeflags : .commandLine) {
            if variable.name.isEmpty { refuse("empty variable name") }
            if variable.name.contains("$") { doubts.append("a variable's name has to be computed: \(word)") }
            if word.contains(":::=") { doubts.append("versions of make differ in \(word)") }
            variables.append(variable)
        } else if !fromEnvironment, let goal = fileName(word) {
            goals.append(goal)
        }
    }

    /// A file's name as make keeps it: leading `./` and `~` resolved.
    fileprivate mutating func fileName(_ word: String) -> String? {
        if word.isEmpty {
            refuse("empty string invalid as file name")
            return nil
        }
        var rest = word[...]
        if word.hasPrefix("~") {
            guard let home = environment["HOME"], !home.isEmpty, word == "~" || word.hasPrefix("~/") else {
                doubts.append("only make knows what \(word) is")
                return word
            }
            rest = (home + word.dropFirst())[...]
        }
        while rest.hasPrefix("./") { rest = rest.dropFirst(2).drop { $0 == "/" } }
        return rest.isEmpty ? "./" : String(rest)
    }

    fileprivate mutating func refuse(_ why: String) { mistake = mistake ?? why }

    fileprivate mutating func take(_ option: MakeSwitch, _ argument: String?, fromEnvironment: Bool) {
        if fromEnvironment, !option.inEnvironment { return }
        if argument == "", option.argument != .none {
            if !fromEnvironment { refuse("an option has an empty argument") }
            return
        }
        switch option.effect {
        case .mode(let mode): modes.insert(mode)
        case .cancel(let mode): modes.remove(mode)
        case .directory:
            if let argument, let name = fileName(argument) { directory = directory.pushing(FilePath(name)) }
        case .makefile: if let argument, let name = fileName(argument) { makefiles.append(name) }
        case .includeDirectory:
            if let argument, let name = fileName(argument) { includeDirectories.append(name) }
        case .oldFile: if let argument, let name = fileName(argument) { oldFiles.append(name) }
        case .newFile: if let argument, let name = fileName(argument) { newFiles.append(name) }
        case .eval: if let argument { evals.append(argument) }
        case .jobs:
            guard let argument else {
                jobs = .unlimited
                return
            }
            if let count = Int(argument), count > 0, argument.utf8.first != UInt8(ascii: "+") {
                jobs = .limited(count)
            } else if !fromEnvironment {
                refuse("-j wants a positive number, not \(argument)")
            }
        case .none: break
        }
    }
}

/// getopt_long(3) in the mode that make uses, over make's table.
private struct SwitchReader {
    let words: [String]
    let fromEnvironment: Bool
    var next = 0

    /// What stands in the place of an option's argument.
    private struct Following {
        var word: String?
    }

    mutating func readAll(into invocation: inout MakeInvocation) {
        while next < words.count {
            let word = words[next]
            next += 1
            if word == "--" {
                for rest in words[next...] { invocation.readPlain(rest, fromEnvironment: fromEnvironment) }
                return
            }
            if word.hasPrefix("--") {
                readLong(word.dropFirst(2), &invocation)
            } else if word.hasPrefix("-"), word != "-" {
                readShort(Array(word.utf8.dropFirst()), &invocation)
            } else {
                invocation.readPlain(word, fromEnvironment: fromEnvironment)
            }
        }
    }

    private mutating func readLong(_ text: Substring, _ invocation: inout MakeInvocation) {
        let cut = text.firstIndex(of: "=")
        let name = String(text[..<(cut ?? text.endIndex)])
        guard let option = MakeSwitch.long(name) else { return refuse("--\(name)", &invocation) }
        var argument = cut.map { String(text[text.index(after: $0)...]) }
        if argument != nil, option.argument == .none { return refuse("--\(text)", &invocation) }
        if argument == nil {
            guard let found = following(option) else { return refuse("--\(name)", &invocation) }
            argument = found.word
        }
        invocation.take(option, argument, fromEnvironment: fromEnvironment)
    }

    private mutating func readShort(_ letters: [UInt8], _ invocation: inout MakeInvocation) {
        for (i, letter) in letters.enumerated() {
            let name = "-" + String(decoding: [letter], as: UTF8.self)
            guard let option = MakeSwitch.short(letter) else {
                refuse(name, &invocation)
                continue
            }
            if option.argument == .none {
                invocation.take(option, nil, fromEnvironment: fromEnvironment)
                continue
            }
            let attached = letters[(i + 1)...]
            if !attached.isEmpty {
                let text = String(decoding: attached, as: UTF8.self)
                invocation.take(option, text, fromEnvironment: fromEnvironment)
            } else if let found = following(option) {
                invocation.take(option, found.word, fromEnvironment: fromEnvironment)
            } else {
                refuse(name, &invocation)
            }
            return
        }
    }

    /// The argument in the next word, if the option takes it from there; nil where a required one is missing.
    private mutating func following(_ option: MakeSwitch) -> Following? {
        guard option.argument != .none, option.argument != .attached else { return Following() }
        guard next < words.count else { return option.argument == .required ? nil : Following() }
        let word = words[next]
        let digits = word.utf8.prefix { (0x30...0x39).contains($0) }.count
        let fits =
            switch option.argument {
            case .number: digits == word.utf8.count
            case .fraction: digits > 0 || word.hasPrefix(".")
            default: true
            }
        guard fits else { return Following() }
        next += 1
        return Following(word: word)
    }

    private func refuse(_ option: String, _ invocation: inout MakeInvocation) {
        // In the environment make passes over what it does not know.
        if fromEnvironment {
            invocation.doubts.append("MAKEFLAGS has an option that is not known: \(option)")
        } else {
            invocation.refuse("an option that make does not know, or not so: \(option)")
        }
    }
}
