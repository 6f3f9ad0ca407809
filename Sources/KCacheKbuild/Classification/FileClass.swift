/// What a path of a tree is to a snapshot.
package enum FileClass: Hashable, Sendable {
    /// The build reads it, or nothing proves that the build made it.
    case source
    /// The build made it, and this is how that is known.
    case output(OutputEvidence)
    /// `.config` at the root.
    case configuration
    /// Never part of a snapshot.
    case leftOut(LeftOutReason)
}

/// The proof that the build made a file. `.gitignore` is none.
package enum OutputEvidence: UInt8, Sendable, CaseIterable {
    /// A saved command (`.NAME.cmd`) that assigns `cmd_…NAME` or `savedcmd_…NAME` (scripts/Kbuild.include).
    case savedCommand
    /// It is such a saved command itself.
    case commandFile
    /// It lies in a directory that the top Makefile's CLEAN and MRPROPER lists remove as a whole.
    case generatedDirectory
    /// The top Makefile, the architecture's or scripts/link-vmlinux.sh removes exactly this path.
    case cleanRule
    /// It fits a pattern of the top Makefile's `clean` and stands beside an output of the same stem.
    case cleanPattern
    /// The Makefile of a directory that was built in names it as what it makes (scripts/Makefile.clean).
    case directoryRule
    /// `NAME_shipped` stands beside it (scripts/Makefile.lib copies it).
    case shipped
    /// A pull of a part of a build brought it, without its saved command, and nobody has written to it since.
    case pulled
    /// `NAME-in.o` with a saved command stands beside it: tools/build links programs from such (tools/build/Makefile).
    case linkedTool
}

/// Why a path never becomes part of a snapshot.
package enum LeftOutReason: UInt8, Sendable, CaseIterable {
    case versionControl
    /// Backups, swap files, patch leftovers and indexes that editors make or read.
    case editor
    /// A private key or a secret seed.
    case secret
    /// What a packaging goal made.
    case packaging
    /// An output that no later step reads, so that a missing one costs nothing.
    case intermediate
    /// kcache's own unfinished files.
    case temporary
}
