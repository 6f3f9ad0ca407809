/// The part of the environment that can change what a make does.
///
/// Makefiles see every variable, so an unknown one counts. Left out is only what shells and terminals set anew
/// for each window or command.
enum EnvironmentWords {
    private static let idle: Set<String> = [
        "_", "SHLVL", "OLDPWD", "TERM", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "COLUMNS",
        "LINES", "WINDOWID", "DISPLAY", "WAYLAND_DISPLAY", "HISTFILE", "HISTSIZE", "HISTFILESIZE",
        "HISTCONTROL", "LS_COLORS", "PS1", "PS2", "PS4", "PROMPT_COMMAND", "SSH_AUTH_SOCK", "SSH_AGENT_PID",
        "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "TMUX", "TMUX_PANE", "STY", "WINDOW", "MAKE_TERMOUT",
        "MAKE_TERMERR", "MFLAGS", "INVOCATION_ID", "JOURNAL_STREAM", "DBUS_SESSION_BUS_ADDRESS",
    ]

    /// Sorted `NAME=value` words.
    static func relevant(_ environment: [String: String]) -> [String] {
        environment.compactMap { name, value -> String? in
            if idle.contains(name) || name.hasPrefix("XDG_SESSION_") { return nil }
            if name == "MAKEFLAGS" || name == "GNUMAKEFLAGS" {
                let flags = makeFlags(value)
                return flags.isEmpty ? nil : "\(name)=\(flags)"
            }
            return "\(name)=\(value)"
        }.sorted()
    }

    /// MAKEFLAGS less what only says how many jobs run and how much is printed.
    static func makeFlags(_ value: String) -> String {
        var words: [Substring] = []
        for (i, word) in value.split(separator: " ").enumerated() {
            if i == 0, !word.hasPrefix("-"), !word.contains("=") {
                // The letters of the short flags that take no value.
                let letters = word.filter { !"kswj".contains($0) }
                if !letters.isEmpty { words.append(letters[...]) }
                continue
            }
            let idle = [
                "-j", "-l", "-O", "--jobserver", "--no-print-directory", "--print-directory", "--sync-",
            ]
            if idle.contains(where: { word.hasPrefix($0) }) || ["-k", "-s", "-w", "--"].contains(word) {
                continue
            }
            words.append(word)
        }
        return words.joined(separator: " ")
    }
}
