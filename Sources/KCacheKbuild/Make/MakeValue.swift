/// What a variable holds when make starts to read makefiles.
package enum MakeValue: Hashable, Sendable {
    case unset
    case text(String)
    /// Only make can tell: the value has references, or a shell makes it.
    case computed

    /// The text of a value that needs nothing but make's `$$`.
    static func expanding(_ text: String) -> MakeValue {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return .text(text) }
        let halves = text.replacing("$$", with: "\u{0}")
        return halves.contains("$") ? .computed : .text(halves.replacing("\u{0}", with: "$"))
    }

    /// As Kbuild asks with `ifeq ($(X),)`: nothing there, or nothing in it.
    package var isEmpty: Bool { self == .unset || self == .text("") }
}
