import KCacheCore

/// The makefiles that make reads first, through `MAKEFILES`.
struct ProbeMakefile {
    /// Where they and the notes of unknown probes lie; a plain path.
    var folder: String
    /// The output tree: only makes that run there take more than the entry file.
    var tree: String
    /// The folder with the answers of this toolchain; nil if nothing is to be cached.
    var answers: String?
    var probes: KbuildProbes
    /// What the make's variables held at the start, for `CompilerEnvironment.names`.
    var environment: [String: String]
    /// Further text for makes of the tree itself.
    var extra: String
    /// Each answer adds a byte to a file.
    var countsAnswers = false

    static let entryName = "enter.mk"
    static let bodyName = "body.mk"
    static let notePrefix = "note."
    static let countName = "answered"

    /// What every sub-make reads. Where the rest is gone, make goes on as plain make.
    var entry: String {
        """
        kcache-files := $(filter-out \(folder)/\(Self.entryName),$(MAKEFILE_LIST))
        kcache-empty :=
        kcache-hash := \\#
        kcache-backslash := \\$(kcache-empty)
        define kcache-newline


        endef
        kcache-tree := \(ProbeText.value(tree))
        ifeq ($(CURDIR),$(kcache-tree))
        -include \(folder)/\(Self.bodyName)
        endif
        MAKEFILE_LIST := $(kcache-files)

        """
    }

    /// What makes in the output tree read.
    var body: String {
        var parts = [Self.encoding, guarded]
        if let answers { parts.append(lookup(answers)) }
        parts.append("endif\n")
        return parts.joined() + commands + extra + (extra.isEmpty || extra.hasSuffix("\n") ? "" : "\n")
    }

    // MARK: Parts

    /// Encodes and decodes as `ProbeText` does.
    private static var encoding: String {
        let name: [Character: String] = [
            " ": "$(kcache-space)", "\t": "$(kcache-tab)", "\n": "$(kcache-newline)", "#": "$(kcache-hash)",
            "$": "$$", "(": "$(kcache-open)", ")": "$(kcache-close)", "{": "$(kcache-brace)",
            "}": "$(kcache-unbrace)", "\\": "$(kcache-backslash)",
        ]
        var encode = "$(1)"
        for (character, code) in ProbeText.codes {
            encode = "$(subst \(name[character] ?? String(character)),\(code),\(encode))"
        }
        var decode = "$(subst \(ProbeText.mark),,$(1))"
        for (character, code) in ProbeText.codes.reversed() {
            decode = "$(subst \(code),\(name[character] ?? String(character)),\(decode))"
        }
        return """
            kcache-space := $(kcache-empty) $(kcache-empty)
            kcache-tab := $(kcache-empty)\t$(kcache-empty)
            kcache-open := (
            kcache-close := )
            kcache-brace := {
            kcache-unbrace := }
            kcache-encode = \(encode)
            kcache-decode = \(decode)
            # Not empty for a variable that no command line and no -e has set; or that came from nowhere.
            kcache-free = $(filter undefined default file environment,$(subst $(kcache-space),-,$(origin $(1))))
            kcache-new = $(filter undefined default file,$(subst $(kcache-space),-,$(origin $(1))))

            """
    }

    /// Probes are looked up only where make and its compilers see what they saw at the start.
    private var guarded: String {
        let names = CompilerEnvironment.names
        let now = names.map { "$(value \($0))" }.joined(separator: "|")
        let start = names.map { environment[$0] ?? "" }.joined(separator: "|") + "|/bin/sh|-c"
        return """
            kcache-start := \(ProbeText.value(start))
            kcache-now = \(now)|$(SHELL)|$(.SHELLFLAGS)
            ifeq ($(kcache-now),$(kcache-start))

            """
    }

    /// Goes behind an answer. `$(file …)` starts no process; make knows it from 4.0 on, and before it is the
    /// value of a variable that nobody has.
    private var counted: String { countsAnswers ? "$(file >>\(folder)/\(Self.countName),)" : "" }

    private func lookup(_ answers: String) -> String {
        var text = """
            kcache-file := $(if $(obj),o$(subst /,@1,$(subst @,@0,$(obj))),top).mk
            -include $(wildcard \(answers)/$(kcache-file))
            kcache-same = $(and $(findstring <$(kcache-now)>,<$(kcache-start)>),$(findstring <$(kcache-start)>,<$(kcache-now)>))
            kcache-note = $(shell { printf '%s\\n%s\\n%s\\n%s\\nend\\n' '$(subst ','\\'',$(kcache-file))' $(1) '$(kcache-key)' '\(ProbeText.mark)$(call kcache-encode,$(2))'; } 2>/dev/null >>\(folder)/\(Self.notePrefix)$$$$)
            kcache-noted = $(2)$(call kcache-note,$(1),$(2))

            """
        if let tryRun = probes.tryRun {
            text += """
                ifneq ($(call kcache-free,try-run),)
                kcache-try-run = \(tryRun)
                kcache-try-key = $(call kcache-encode,$(1))%;$(call kcache-encode,$(2))%;$(call kcache-encode,$(3))
                override try-run = $(foreach kcache-key,$(kcache-try-key),$(if $(kcache-same),$(if $(kcache-t/$(kcache-key)),$(call kcache-decode,$(kcache-t/$(kcache-key)))\(counted),$(call kcache-noted,t,$(kcache-try-run))),$(kcache-try-run)))
                endif

                """
        }
        guard !probes.shellVariables.isEmpty else { return text }
        text += """
            kcache-shell = $(foreach kcache-key,$(1)%;$(call kcache-encode,$(2)),$(if $(kcache-same),$(if $(kcache-s/$(kcache-key)),$(call kcache-decode,$(kcache-s/$(kcache-key)))\(counted),$(call kcache-noted,s,$(shell $(2)))),$(shell $(2))))

            """
        for variable in probes.shellVariables { text += Self.override(variable) }
        return text
    }

    /// A sub-make that got the value through its environment keeps that one.
    private static func override(_ variable: KbuildProbes.ShellVariable) -> String {
        let name = variable.name
        let value =
            "\(variable.before)$(call kcache-shell,\(variable.scripts),$(kcache-cmd-\(name)))\(variable.after)"
        return """
            ifneq ($(call kcache-new,\(name)),)
            kcache-cmd-\(name) = \(variable.command)
            override \(name) = \(value)
            endif

            """
    }

    /// An empty command needs no shell. Where it is a part of a longer recipe line, or is to be printed only,
    /// nothing is changed.
    private var commands: String {
        guard let cmd = probes.cmd else { return "" }
        return """
            ifneq ($(call kcache-free,cmd),)
            ifeq ($(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),)
            kcache-cmd = \(cmd)
            override cmd = $(if $(filter cmd,$(0)),$(if $(strip $(cmd_$(1))$($(quiet)cmd_$(1))),$(kcache-cmd),@:),$(kcache-cmd))
            endif
            endif

            """
    }
}
