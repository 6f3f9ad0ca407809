package import KCacheSystem
package import SystemPackage

/// The make that is to run.
package struct RealMake: Hashable, Sendable {
    package var program: FilePath
    /// What it is to see as its own name, and so what `$(MAKE)` is.
    package var name: String

    /// Finds `make`, else `gmake`, in PATH: the first that is not this program under that name.
    ///
    /// - Parameter own: this program; nil if it can't be told.
    /// - Parameter isLink: whether this program was called as make. Then, and where the first `make` in PATH
    ///   is this program, the name is a path, so that sub-makes don't come here again.
    package static func find(path: String?, own: FileIdentity?, isLink: Bool) throws(KbuildError) -> RealMake
    {
        var shadowed = isLink
        for name in ["make", "gmake"] {
            // What execvp(3) takes where PATH is not set.
            for folder in (path ?? "/bin:/usr/bin").split(separator: ":") {
                guard let found = ExecutableLookup.find(name, path: String(folder)) else { continue }
                if let own, let other = FileIdentity(found), other.looksLike(own) {
                    shadowed = true
                } else {
                    return RealMake(program: found, name: shadowed ? found.string : name)
                }
            }
        }
        throw KbuildError(.noMake, "no make is in PATH: install GNU make")
    }
}
