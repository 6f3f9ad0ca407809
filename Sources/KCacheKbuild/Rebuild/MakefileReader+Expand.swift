import KCacheCore

extension MakefileReader {
    /// Expands references; sets `doubt` where one can't be told.
    mutating func expand(_ text: ArraySlice<UInt8>, level: Int = 0) -> Bytes {
        guard text.contains(UInt8(ascii: "$")) else { return Array(text) }
        budget -= 1
        guard level < 24, budget > 0, text.count < 1 << 20 else {
            doubt = true
            return []
        }
        var out: Bytes = []
        var at = text.startIndex
        while at < text.endIndex {
            let byte = text[at]
            guard byte == UInt8(ascii: "$"), at + 1 < text.endIndex else {
                out.append(byte)
                at += 1
                continue
            }
            let open = text[at + 1]
            if open == UInt8(ascii: "$") {
                out.append(open)
                at += 2
            } else if open == UInt8(ascii: "(") || open == UInt8(ascii: "{") {
                let close = open == UInt8(ascii: "(") ? UInt8(ascii: ")") : UInt8(ascii: "}")
                var nesting = 1
                var end = at + 2
                while end < text.endIndex {
                    if text[end] == open { nesting += 1 }
                    if text[end] == close {
                        nesting -= 1
                        if nesting == 0 { break }
                    }
                    end += 1
                }
                out += reference(Array(text[(at + 2)..<end]), level: level + 1)
                at = min(end + 1, text.endIndex)
            } else {
                // `$@`, `$<`, `$*`, `$1`: arguments are set as variables, the rest belongs to recipes.
                out += expandVariable([open], level: level + 1)
                at += 2
            }
        }
        return out
    }

    mutating func expandVariable(_ name: Bytes, level: Int = 0) -> Bytes {
        if let variable = variables[name] {
            if variable.isDoubtful { doubt = true }
            return variable.isSimple ? variable.text : expand(variable.text[...], level: level + 1)
        }
        if name.starts(with: "CONFIG_".utf8), name.count > 7 {
            let symbol = String(decoding: name.dropFirst(7), as: UTF8.self)
            if symbol == "SHELL" { return Array("sh".utf8) }
            return config.values[symbol].map { Array($0.utf8) } ?? []
        }
        if Self.isForeign(name) { doubt = true }
        return []
    }

    /// Variables that the top Makefile, the environment or the command line sets.
    private static func isForeign(_ name: Bytes) -> Bool {
        name.starts(with: "KBUILD_".utf8) || name.starts(with: "CC_FLAGS".utf8)
            || name.starts(with: "RETPOLINE".utf8)
            || foreign.contains(name)
    }

    private static let foreign: Set<Bytes> = Set(
        [
            "CC", "LD", "AR", "NM", "CPP", "AS", "OBJCOPY", "OBJDUMP", "STRIP", "HOSTCC", "ARCH", "SUBARCH",
            "UTS_MACHINE", "BITS", "MAKECMDGOALS", "MAKEFLAGS", "LDFLAGS_vmlinux", "REALMODE_CFLAGS",
            "DEBUG_CFLAGS", "CFLAGS_GCOV", "CFLAGS_KASAN", "CFLAGS_KCSAN", "CROSS_COMPILE", "LINUXINCLUDE",
            "NOSTDINC_FLAGS", "PERL", "PYTHON3", "AWK", "@", "<", "^", "*", "?", "KERNELRELEASE",
            "abs_srctree",
            "abs_objtree", "CLANG_FLAGS", "RANDSTRUCT_CFLAGS", "GCC_PLUGINS_CFLAGS", "PROFILING", "M",
            "building_out_of_srctree", "CFLAGS_UBSAN", "CFLAGS_KCOV", "CFLAGS_KMSAN",
        ].map { Array($0.utf8) })

    /// The inside of `$(…)`: a function, a substitution reference or a variable's name.
    private mutating func reference(_ inside: Bytes, level: Int) -> Bytes {
        if let blank = inside.firstIndex(where: { $0 == 0x20 || $0 == 0x09 }) {
            let name = String(decoding: inside[..<blank], as: UTF8.self)
            let rest = Array(inside[(blank + 1)...].drop { $0 == 0x20 || $0 == 0x09 })
            if let value = function(name, rest, level: level) { return value }
        }
        let name = expand(inside[...], level: level)
        // `$(name:a=b)`
        if let colon = name.firstIndex(of: UInt8(ascii: ":")),
            let equals = name[colon...].firstIndex(of: UInt8(ascii: "="))
        {
            var from = Array(name[(colon + 1)..<equals])
            var to = Array(name[(equals + 1)...])
            if !from.contains(UInt8(ascii: "%")) {
                from = [UInt8(ascii: "%")] + from
                to = [UInt8(ascii: "%")] + to
            }
            let value = expandVariable(Array(name[..<colon]), level: level)
            return Self.join(Self.words(value).map { Self.substitute($0, from, to) })
        }
        return expandVariable(name, level: level)
    }

    /// A function's value; nil if `name` is no function.
    private mutating func function(_ name: String, _ text: Bytes, level: Int) -> Bytes? {
        switch name {
        case "if", "or", "and", "foreach", "call": return special(name, Self.arguments(text), level: level)
        case "shell", "eval", "origin", "flavor", "error", "warning", "info", "value", "file", "guile",
            "abspath", "realpath":
            doubt = true
            return []
        default: break
        }
        guard let count = Self.argumentCounts[name] else { return nil }
        let arguments = Self.arguments(text, limit: count).map { expand($0[...], level: level) }
        guard arguments.count == count else {
            doubt = true
            return []
        }
        return plain(name, arguments)
    }

    private static let argumentCounts: [String: Int] = [
        "subst": 3, "patsubst": 3, "strip": 1, "findstring": 2, "filter": 2, "filter-out": 2, "sort": 1,
        "word": 2, "words": 1, "firstword": 1, "lastword": 1, "dir": 1, "notdir": 1, "suffix": 1,
        "basename": 1, "addsuffix": 2, "addprefix": 2, "wildcard": 1,
    ]

    private mutating func special(_ name: String, _ arguments: [Bytes], level: Int) -> Bytes {
        switch name {
        case "if":
            let before = doubt
            let condition = Self.trim(expand((arguments.first ?? [])[...], level: level))
            if doubt, !before { return [] }
            let branch = condition.isEmpty ? 2 : 1
            return branch < arguments.count ? expand(arguments[branch][...], level: level) : []
        case "or":
            for argument in arguments {
                let value = Self.trim(expand(argument[...], level: level))
                if !value.isEmpty { return value }
            }
            return []
        case "and":
            var value: Bytes = []
            for argument in arguments {
                value = Self.trim(expand(argument[...], level: level))
                if value.isEmpty { return [] }
            }
            return value
        case "foreach":
            guard arguments.count >= 3 else { return [] }
            let variable = Self.trim(expand(arguments[0][...], level: level))
            let saved = variables[variable]
            defer { variables[variable] = saved }
            let body = Array(arguments[2...].joined(separator: [UInt8(ascii: ",")]))
            var out: [Bytes] = []
            for word in Self.words(expand(arguments[1][...], level: level)) {
                variables[variable] = Variable(text: word, isSimple: true, isDoubtful: false)
                out.append(expand(body[...], level: level))
            }
            return Self.join(out)
        default:
            let values = arguments.map { Self.trim(expand($0[...], level: level)) }
            guard let function = values.first, let variable = variables[function] else {
                doubt = true
                return []
            }
            if variable.isDoubtful { doubt = true }
            let saved = variables
            for (i, value) in values.enumerated() {
                variables[Array(String(i).utf8)] = Variable(text: value, isSimple: true, isDoubtful: false)
            }
            let result = expand(variable.text[...], level: level)
            variables = saved
            return result
        }
    }

    private mutating func plain(_ name: String, _ a: [Bytes]) -> Bytes {
        let last = Self.words(a[a.count - 1])
        switch name {
        case "subst": return Self.replace(a[2], a[0], a[1])
        case "patsubst": return Self.join(last.map { Self.substitute($0, Self.trim(a[0]), Self.trim(a[1])) })
        case "strip": return Self.join(last)
        case "findstring": return Self.contains(a[1], a[0]) ? a[0] : []
        case "filter", "filter-out":
            let patterns = Self.words(a[0])
            let keep = name == "filter"
            return Self.join(
                last.filter { word in patterns.contains { Self.match(word, $0) != nil } == keep })
        case "sort": return Self.join(Set(last).sorted { $0.lexicographicallyPrecedes($1) })
        case "word":
            guard let n = Int(String(decoding: Self.trim(a[0]), as: UTF8.self)), n > 0, n <= last.count else {
                return []
            }
            return last[n - 1]
        case "words": return Array(String(last.count).utf8)
        case "firstword": return last.first ?? []
        case "lastword": return last.last ?? []
        case "dir":
            return Self.join(
                last.map { word in
                    word.lastIndex(of: UInt8(ascii: "/")).map { Array(word[...$0]) } ?? Array("./".utf8)
                })
        case "notdir":
            return Self.join(
                last.map { word in
                    word.lastIndex(of: UInt8(ascii: "/")).map { Array(word[($0 + 1)...]) } ?? word
                })
        case "suffix":
            return Self.join(last.compactMap { Self.dot($0).map { word, at in Array(word[at...]) } })
        case "basename":
            return Self.join(last.map { word in Self.dot(word).map { Array($0.0[..<$0.1]) } ?? word })
        case "addsuffix": return Self.join(last.map { $0 + Self.trim(a[0]) })
        case "addprefix": return Self.join(last.map { Self.trim(a[0]) + $0 })
        case "wildcard":
            return Self.join(
                last.filter { word in
                    if word.contains(where: {
                        [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "[")].contains($0)
                    }) {
                        doubt = true
                        return false
                    }
                    return PathResolver(root: []).resolve(word).map { exists($0) } ?? false
                })
        default:
            doubt = true
            return []
        }
    }

    private static func dot(_ word: Bytes) -> (Bytes, Int)? {
        guard let at = word.lastIndex(of: UInt8(ascii: ".")), !word[at...].contains(UInt8(ascii: "/")) else {
            return nil
        }
        return (word, at)
    }

    private static func replace(_ text: Bytes, _ from: Bytes, _ to: Bytes) -> Bytes {
        guard !from.isEmpty else { return text + to }
        var out: Bytes = []
        var at = 0
        while at < text.count {
            if text[at...].starts(with: from) {
                out += to
                at += from.count
            } else {
                out.append(text[at])
                at += 1
            }
        }
        return out
    }

    private static func contains(_ text: Bytes, _ part: Bytes) -> Bool {
        part.isEmpty || text.indices.contains { text[$0...].starts(with: part) }
    }
}
