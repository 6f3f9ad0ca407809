/// Why a tree could not be pushed, pulled or judged.
package struct KbuildError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        case notKbuild, noConfig, notBuilt, interrupted, noSnapshot, unfit, noMake
        /// A signature is missing or does not count, can't be made or can't be checked.
        case untrusted
    }

    package let code: Code
    /// What failed, on what, and what to do: one line, or a line each.
    package let message: String

    package init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }

    package var description: String { message }
}
