import KCacheCore

/// The environment of what runs inside a root: what is for the build, and nothing of the machine outside.
package enum RootEnvironment {
    /// Folders of programs, the same in every distribution.
    static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// By the start of the name.
    private static let prefixes = [
        "KBUILD_", "KCONFIG_", "INSTALL_", "CFLAGS_", "AFLAGS_", "LDFLAGS_", "HOST", "USERC", "USERLD",
    ]
    private static let names: Set<String> = [
        "AFLAGS", "ARCH", "C", "COLUMNS", "CROSS_COMPILE", "CROSS_COMPILE_COMPAT", "GNUMAKEFLAGS", "KAFLAGS",
        "KCFLAGS",
        "KCPPFLAGS", "LINES", "LLVM", "LLVM_IAS", "LOCALVERSION", "MAKEFLAGS", "MFLAGS", "NO_COLOR",
        "SOURCE_DATE_EPOCH", "SRCARCH", "TERM", "TZ", "W",
    ]

    /// Variables of make and of Kbuild are let in; so neither secrets nor paths of the host are.
    package static func isLetIn(_ name: some StringProtocol) -> Bool {
        // HOSTNAME and HOSTTYPE are shells'.
        if name == "HOSTNAME" || name == "HOSTTYPE" { return false }
        return names.contains(String(name)) || prefixes.contains { name.hasPrefix($0) }
    }

    private static let fixed = [
        "PATH": path, "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "USER": "kcache",
        "LOGNAME": "kcache",
        "SHELL": "/bin/sh",
    ]

    package static func values(_ environment: [String: String]) -> [String: String] {
        environment.filter { isLetIn($0.key) }.merging(fixed) { $1 }
    }

    /// The same for entries as the kernel hands them out.
    package static func entries(_ environment: [[UInt8]]) -> [[UInt8]] {
        let kept = environment.filter { entry in
            guard let cut = entry.firstIndex(of: UInt8(ascii: "=")) else { return false }
            return isLetIn(String(decoding: entry[..<cut], as: UTF8.self))
        }
        return kept + fixed.sorted { $0.key < $1.key }.map { Array("\($0.key)=\($0.value)".utf8) }
    }
}
