/// Tells whether a call of a compiler or a binary tool reads nothing but its arguments and standard input.
enum CompilerCall {
    /// Nil if it does; else what may read or name a file.
    static func obstacle(_ arguments: [ShellCommand.Word], program: String) -> String? {
        let leaf = program.split(separator: "/").last ?? ""
        if leaf == "ar" || leaf.hasSuffix("-ar"), arguments.count == 2, arguments[0].text.hasPrefix("rc"),
            arguments[0].text.allSatisfy({ $0.isLetter }), arguments[1].text == "$TMP"
        {
            return nil
        }
        if ["nm", "readelf", "objdump"].contains(where: { leaf == $0 || leaf.hasSuffix("-" + $0) }) {
            // They read what the same probe has just made.
            let wrong = arguments.first { word in
                !isScratch(word.text)
                    && !(word.text.hasPrefix("-") && word.text.dropFirst().allSatisfy { $0.isLetter })
            }
            return wrong?.text
        }
        let isLinker = leaf.contains("ld") && !leaf.contains("build")
        let texts = arguments.map { $0.text }
        // Without -c or the like a driver links, which reads start files and libraries.
        let compiles = ["-c", "-S", "-E"].contains { texts.contains($0) }
        let asks = ["--version", "-v", "-V", "-dumpversion", "-dumpfullversion", "-dumpmachine", "--help"]
        let isQuestion =
            asks.contains { texts.contains($0) } && !texts.contains("/dev/null") && !texts.contains("-")
        guard compiles || isQuestion || !texts.contains(where: { $0 == "/dev/null" || $0 == "-" }) else {
            return "it links"
        }
        guard compiles || isQuestion else { return "its input can't be told" }
        var at = 0
        while at < arguments.count {
            let word = arguments[at]
            at += 1
            if word.text == "-o" {
                guard at < arguments.count, isScratch(arguments[at].text) else { return "-o" }
                at += 1
                continue
            }
            if word.usesTemporary { return word.text }
            if takesValue(word.text, isLinker: isLinker) {
                guard at < arguments.count, isPlainValue(arguments[at].text) else { return word.text }
                at += 1
                continue
            }
            if word.text == "-I" || word.text == "-isystem" || word.text == "-idirafter" {
                if texts.contains(where: { $0.contains("missing-include-dirs") }) { return word.text }
                at += 1
                continue
            }
            if ["-", "/dev/null"].contains(word.text) { continue }
            guard word.text.hasPrefix("-"), isHarmless(word.text, isLinker: isLinker, texts) else {
                return word.text
            }
        }
        return nil
    }

    /// True for an output that goes with the probe.
    static func isScratch(_ text: String) -> Bool {
        text == "/dev/null"
            || text.hasPrefix("$TMP") && text.dropFirst(4).allSatisfy { $0.isLetter || $0 == "." }
    }

    /// Options whose next word is their value.
    private static func takesValue(_ option: String, isLinker: Bool) -> Bool {
        if isLinker { return ["-m", "-z", "-e", "--entry"].contains(option) }
        return ["-x", "-D", "-U", "-arch", "-target", "--param", "-mllvm", "-Wframe-larger-than"].contains(
            option)
    }

    private static func isPlainValue(_ text: String) -> Bool {
        !text.isEmpty && !text.contains("/") && !text.hasPrefix("@") && !text.hasPrefix("-")
    }

    /// Families of options whose text says all.
    private static let families = [
        "-W", "-f", "-m", "-O", "-g", "-std=", "-D", "-U", "-x", "-pedantic", "-ansi", "-nost", "-p",
        "--param=", "--target=", "-Q", "-no-", "-integrated-as", "-dumpversion", "-dumpfullversion",
        "-dumpmachine",
        "--version", "-w", "-static", "-shared", "-r", "-z", "-V",
    ]
    private static let exactly: Set = [
        "-c", "-S", "-E", "-v", "-P", "-C", "-h", "-H", "--help", "-EL", "-EB", "-G0",
    ]

    /// Options of these families that read or write a file, or choose another program.
    private static let refused = [
        "-fplugin", "-fpass-plugin", "-fprofile-use", "-fprofile-dir", "-fprofile-sample", "-fprofile-instr",
        "-fprofile-list", "-fprofile-remap", "-fprofile-note", "-fprofile-generate", "-fprofile-filter",
        "-fprofile-exclude", "-fprofile-prefix", "-fauto-profile", "-fcs-profile", "-fmodule",
        "-fsanitize-ignorelist",
        "-fsanitize-blacklist", "-fsanitize-coverage-", "-fxray-", "-frandomize-layout-seed-file", "-fdump",
        "-fopt-info", "-fsave-",
        "-foptimization-record", "-fcallgraph", "-fstack-usage", "-fuse-ld", "-fbuild-session",
        "-fmemory-profile",
        "-fcompare-debug", "-fproc-stat", "-ftime", "-fbasic-block-sections", "-fthinlto", "-fthin",
        "-flto=thin",
        "-fdebug-compilation", "-fcrash", "-fembed", "-fdiagnostics-add", "-fdiagnostics-format",
        "-flto-partition=", "-fcoverage",
        "-print", "-pass", "-gcc-toolchain", "-gsplit", "-gen", "-m32-", "-mlinker", "-mrelax-all=",
        "-Wp,", "-Wl,", "-W1", "-wrapper", "-pch", "-preload", "-static-pie=", "-static-lib",
    ]

    private static func isHarmless(_ option: String, isLinker: Bool, _ all: [String]) -> Bool {
        if option.hasPrefix("-Wa,") {
            return option.split(separator: ",").dropFirst().allSatisfy { part in
                !part.contains("/") && !part.contains("@") && !part.hasPrefix("-I") && !part.hasPrefix("-o")
                    && !part.hasPrefix("-a") && !part.hasPrefix("--MD")
            }
        }
        if option.hasPrefix("-Wp,-D") || option.hasPrefix("-Wp,-U") {
            return !option.dropFirst(4).contains(",")
        }
        for mapped in ["-fmacro-prefix-map=", "-ffile-prefix-map=", "-fdebug-prefix-map="]
        where option.hasPrefix(mapped) { return true }
        if option.hasPrefix("-I") { return !all.contains { $0.contains("missing-include-dirs") } }
        guard !option.contains("/"), !option.contains("@") else { return false }
        if isLinker {
            let linker = [
                "--build-id", "--orphan-handling", "--no-", "--warn-", "--fatal-warnings", "--gc-sections",
                "--emit-relocs", "--discard-", "--strip-debug", "--hash-style", "--pack-dyn-relocs",
                "--fix-cortex-",
                "--be8", "--eh-frame-hdr", "--version", "--icf=", "--pic-veneer", "--stub-group-size", "-v",
                "-V", "-r",
                "-n", "-N", "-s", "-S", "-X", "-x", "-O", "-z", "-EL", "-EB", "-m", "-pie", "-shared",
                "-nostdlib", "-q",
                "--apply-dynamic-relocs", "--use-android-relr-tags", "--lto-", "-mllvm", "-Bsymbolic",
                "-Bstatic",
            ]
            return linker.contains { option.hasPrefix($0) }
        }
        if refused.contains(where: { option.hasPrefix($0) }) { return false }
        return exactly.contains(option) || families.contains { option.hasPrefix($0) }
    }
}
