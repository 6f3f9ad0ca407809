import KCacheCore

/// What a person can do where a snapshot was built in a root.
enum RootAdvice {
    /// A line, where the tools differ and a root would mend it.
    static func lines(built: RootReference?, here: RootImage?, sameTools: Bool) -> [String] {
        guard let built, built.digest != here?.digest, !sameTools else { return [] }
        let name = built.name.isEmpty ? built.digest.short : built.name
        return [
            "the snapshot was built in the root \(name) (\(built.digest.short)): kcache root pull \(name), then "
                + "kcache pull --root \(name)"
        ]
    }
}
