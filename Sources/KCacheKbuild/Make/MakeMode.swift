/// A way of running that an option of make switches on.
package enum MakeMode: Sendable, CaseIterable {
    /// `-B`
    case alwaysMake
    /// `-L`
    case checkLinkTimes
    /// `-d`, `--debug`
    case debug
    /// `-n`
    case dryRun
    /// `-e`
    case environmentOverrides
    /// `-h`
    case help
    /// `-i`
    case ignoreErrors
    /// `-k`
    case keepGoing
    /// `--no-print-directory`
    case noPrintDirectory
    /// `-r`
    case noBuiltinRules
    /// `-R`
    case noBuiltinVariables
    /// `-p`
    case printDatabase
    /// `-w`
    case printDirectory
    /// `-q`
    case question
    /// `-s`
    case silent
    /// `-t`
    case touch
    /// `--trace`
    case trace
    /// `-v`
    case version
    /// `--warn-undefined-variables`, `--warn`
    case warn
}
