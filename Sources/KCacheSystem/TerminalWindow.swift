import CKCacheLinux

/// The size of a terminal's window.
package struct TerminalWindow: Hashable, Sendable {
    package var columns: UInt16
    package var rows: UInt16

    package init(columns: UInt16, rows: UInt16) { (self.columns, self.rows) = (columns, rows) }

    /// That of standard output, if standard error is a terminal as well; nil if one of them is none.
    package static var ofOutput: TerminalWindow? {
        var window = TerminalWindow(columns: 0, rows: 0)
        guard kcache_window(2, &window.columns, &window.rows) == 0,
            kcache_window(1, &window.columns, &window.rows) == 0
        else { return nil }
        return window
    }
}
