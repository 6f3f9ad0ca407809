import Glibc

/// Who and where this process is, as `whoami` and `uname` would tell a makefile.
package struct HostIdentity: Hashable, Sendable {
    package var user: UInt32
    package var node: String
    package var machine: String
    package var release: String

    package init(user: UInt32, node: String, machine: String, release: String) {
        (self.user, self.node, self.machine, self.release) = (user, node, machine, release)
    }

    /// The one of this process (geteuid(2), uname(2)).
    package static func current() -> HostIdentity {
        var name = utsname()
        guard uname(&name) == 0 else {
            return HostIdentity(user: geteuid(), node: "", machine: "", release: "")
        }
        return HostIdentity(
            user: geteuid(), node: text(&name.nodename), machine: text(&name.machine),
            release: text(&name.release))
    }

    private static func text<T>(_ field: inout T) -> String {
        withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
