import ArgumentParser
import Glibc
import KCacheCore
import KCacheKbuild
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage

/// The one place where errors become text, hints and exit codes.
enum ErrorReport {
    /// Ends the process: 2 for wrong usage or settings, 1 for everything that failed, 0 for `--help` and the like.
    static func end(_ error: any Error) -> Never {
        if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
        guard let line = describe(error) else {
            let code = KCache.exitCode(for: error)
            let text = KCache.fullMessage(for: error)
            if code.isSuccess {
                Console.standard.print(text)
            } else {
                Console.standard.diagnostic(text)
            }
            Glibc.exit(code.isSuccess ? 0 : 2)
        }
        tell(line)
        Glibc.exit((error as? SettingsError)?.status ?? 1)
    }

    /// Prints what `describe` gave.
    static func tell(_ line: String) {
        Console.standard.diagnostic(
            "kcache: \(line.split(separator: "\n").map { quoteForPeople(Array($0.utf8)) }.joined(separator: "\n"))"
        )
    }

    /// The text for an error of ours; nil for the argument parser's.
    static func describe(_ error: any Error) -> String? {
        switch error {
        case let error as SystemError: error.description + hint(error)
        case let error as StoreError: error.description + (error.systemError.map(hint) ?? "")
        case let error as TreeError: error.description
        case let error as KbuildError: error.description
        case let error as FormatError: error.description
        case let error as SettingsError: error.description
        default: nil
        }
    }

    private static func hint(_ error: SystemError) -> String {
        switch error.errno.rawValue {
        case ENOSPC, EDQUOT:
            ": free some room (kcache gc --max-size SIZE shrinks the store), then run it again"
        case EROFS: ": it is read-only here"
        case EACCES, EPERM: ": this user may not"
        case ELOOP: ": a symbolic link stands in the way; kcache follows none inside a tree"
        default: ""
        }
    }
}
