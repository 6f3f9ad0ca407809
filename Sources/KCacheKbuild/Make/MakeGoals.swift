/// What kind of work a list of goals asks of a Kbuild tree.
package struct MakeGoals: Hashable, Sendable {
    /// The kinds, the least careful first: a list is as careful as its most careful goal.
    package enum Kind: Int, Comparable, Sendable, CaseIterable {
        /// Makes files in the tree, and nothing but what make's rules follow.
        case build
        /// Makes `.config`.
        case configure
        /// Prints something.
        case readOnly
        case clean
        /// Writes outside the tree, often as root.
        case install
        /// Packages, indexes, checks, and all that is not known here.
        case other

        package static func < (a: Kind, b: Kind) -> Bool { a.rawValue < b.rawValue }
    }

    package let kind: Kind
    /// True if the result of one of them can hold who built it, where and when.
    package let takesPins: Bool

    /// - Parameter goals: as `MakeInvocation.goals` has them; none means Kbuild's `all`.
    package init(_ goals: [String]) {
        let kinds = goals.isEmpty ? [.build] : Set(goals.map(Self.kind))
        kind = kinds.max() ?? .build
        // `clean all` builds all the same.
        takesPins = !kinds.isSubset(of: [.readOnly, .clean])
    }

    /// True if the same goals may be taken as done while nothing has changed.
    package var maySkip: Bool { kind == .build }

    /// True if what is learned on the way may be kept for later.
    package var mayWriteCaches: Bool { kind == .build || kind == .configure }

    /// True if the goals are the kernel or its modules, for which Kbuild descends into every directory.
    package func areWhole(_ goals: [String]) -> Bool {
        kind == .build
            && goals.allSatisfy {
                Self.whole.contains($0) || ["Image.", "zImage.", "uImage."].contains(where: $0.hasPrefix)
            }
    }

    /// True if one of the goals compiles the kernel, a part of it or its modules: not only what prepares that.
    package func areForObjects(_ goals: [String]) -> Bool {
        kind == .build && (goals.isEmpty || !Self.preparing.isSuperset(of: goals))
    }

    private static let preparing: Set<String> = [
        "prepare", "modules_prepare", "scripts", "headers", "dtbs", "archprepare", "prepare0", "archheaders",
        "archscripts", "asm-generic", "scripts_basic",
    ]

    private static let whole: Set<String> = [
        "all", "__all", "_all", "vmlinux", "modules", "bzImage", "zImage", "Image", "uImage", "vmlinuz",
        "vmlinux.bin", "vmlinuz.efi", "xipImage", "bootpImage",
    ]

    static func kind(of goal: String) -> Kind {
        if let known = named[goal] { return known }
        if goal.hasPrefix("tools/") || goal == "tools" || goal.hasPrefix("/") || goal.hasPrefix("..") {
            return .other
        }
        if goal.contains("/") {
            return goal.hasSuffix("/") || hasUnitSuffix(goal) ? .build : .other
        }
        if goal.hasSuffix("config") { return .configure }
        if goal.hasSuffix("install") && goal != "uninstall" { return .install }
        if goal.hasSuffix("help") { return .readOnly }
        if hasUnitSuffix(goal) || ["Image.", "zImage.", "uImage."].contains(where: goal.hasPrefix) {
            return .build
        }
        return .other
    }

    /// What Kbuild calls single targets.
    private static func hasUnitSuffix(_ goal: String) -> Bool {
        [".o", ".ko", ".i", ".s", ".ll", ".lst", ".symtypes", ".mod", ".dtb", ".dtbo", ".a"]
            .contains { goal.hasSuffix($0) }
    }

    private static let named: [String: Kind] = {
        var kinds: [String: Kind] = [:]
        for goal in [
            "all", "__all", "_all", "vmlinux", "modules", "prepare", "modules_prepare", "scripts", "headers",
            "dtbs", "archprepare", "prepare0", "archheaders", "archscripts", "asm-generic", "scripts_basic",
            "bzImage", "zImage", "Image", "uImage", "vmlinuz", "vmlinux.bin", "vmlinuz.efi", "xipImage",
            "bootpImage",
        ] {
            kinds[goal] = .build
        }
        for goal in [
            "help", "dochelp", "kernelversion", "kernelrelease", "image_name", "listnewconfig",
            "helpnewconfig",
        ] {
            kinds[goal] = .readOnly
        }
        for goal in ["clean", "mrproper", "distclean", "archclean", "archmrproper"] { kinds[goal] = .clean }
        return kinds
    }()
}
