/// What the caches have saved one make.
package struct MakeSavings: Hashable, Sendable {
    /// Questions to compilers that were answered without one.
    package var answers: Int
    /// Directories that make was kept out of.
    package var directories: Int

    package init(answers: Int, directories: Int) {
        (self.answers, self.directories) = (answers, directories)
    }
}
