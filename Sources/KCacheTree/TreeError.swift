package import KCacheCore

/// Why a tree could not be read or changed as asked.
package struct TreeError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// A file kept changing, or vanished, while it was read.
        case changing
        /// A directory stands where a file has to go, or the other way round.
        case obstructed
        /// A snapshot's entry can't be put into a tree.
        case unusable
    }

    package let code: Code
    package let message: String
    package let path: TreePath?

    package init(_ code: Code, _ message: String, path: TreePath? = nil) {
        (self.code, self.message, self.path) = (code, message, path)
    }

    package var description: String { message }
}
