package import KCacheCore

/// How one tool differs between a snapshot and this machine, and what that means.
package struct ToolDifference: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// The version text is another.
        case version
        /// The same version text, but another program.
        case content
        /// The snapshot has it, this machine has not.
        case missing
        /// This machine has it, the snapshot has not (or could not find it).
        case additional
    }

    /// What a build with the other tool could write differently.
    package enum Effect: UInt8, Sendable, CaseIterable, Comparable {
        case harmless, affectsLinks, affectsEveryObject
        package static func < (a: Effect, b: Effect) -> Bool { a.rawValue < b.rawValue }
    }

    package let role: String
    package let kind: Kind
    package let effect: Effect
    /// Kbuild rebuilds by itself: CONFIG_CC_VERSION_TEXT changes, and every object depends on it
    /// (include/linux/compiler-version.h). Of no other tool does it notice a change.
    package let isNoticedByKbuild: Bool
    package let snapshot: ToolIdentity?
    package let local: ToolIdentity?

    package var description: String {
        switch kind {
        case .version: "\(role): \(snapshot?.version ?? "") there, \(local?.version ?? "") here"
        case .content where local?.version.isEmpty ?? true: "\(role): the files differ"
        case .content: "\(role): both say \"\(local?.version ?? "")\", but the programs differ"
        case .missing: "\(role): \(snapshot?.command ?? "") is missing here"
        case .additional: "\(role): \(local?.command ?? "") is here, the snapshot was made without it"
        }
    }
}

/// Compares a snapshot's toolchain with this machine's.
package enum ToolchainComparison {
    /// The differences, sorted by role; empty if both would make the same bytes.
    package static func differences(snapshot: [ToolIdentity], local: [ToolIdentity]) -> [ToolDifference] {
        let there = Dictionary(snapshot.map { ($0.role, $0) }) { first, _ in first }
        let here = Dictionary(local.map { ($0.role, $0) }) { first, _ in first }
        return Set(there.keys).union(here.keys).sorted().compactMap { role in
            difference(role, there[role], here[role])
        }
    }

    private static func difference(_ role: String, _ there: ToolIdentity?, _ here: ToolIdentity?)
        -> ToolDifference?
    {
        let kind: ToolDifference.Kind
        let isThere = there.map { $0.digest != .zero } ?? false
        let isHere = here.map { $0.digest != .zero } ?? false
        switch (isThere, isHere) {
        case (false, false): return nil
        case (true, false): kind = .missing
        case (false, true): kind = .additional
        case (true, true):
            if there?.digest == here?.digest, there?.version == here?.version { return nil }
            kind = there?.version == here?.version ? .content : .version
        }
        return ToolDifference(
            role: role, kind: kind, effect: effect(of: role),
            isNoticedByKbuild: role == "CC" && kind == .version,
            snapshot: there, local: here)
    }

    /// What a tool takes part in.
    package static func effect(of role: String) -> ToolDifference.Effect {
        switch role {
        // Host programs generate sources, and objtool rewrites every object.
        case "CC", "CC:cc1", "CC:as", "HOSTCC", "HOSTCC:cc1", "HOSTCC:as", "HOSTCC:ld", "HOSTCC:collect2",
            "HOSTCXX",
            "HOSTCXX:cc1plus", "lib:libbfd", "lib:libopcodes", "lib:libLLVM", "lib:libclang-cpp":
            .affectsEveryObject
        case "OBJDUMP", "READELF", "HOSTCXX:as", "HOSTCXX:ld", "HOSTCXX:collect2": .harmless
        case _ where role.hasSuffix(":liblto_plugin.so"): .harmless
        case "LD", "CC:ld", "CC:collect2", "AR", "NM", "OBJCOPY", "STRIP", "PAHOLE": .affectsLinks
        case _ where role.hasPrefix("lib:libctf"): .harmless
        // Libraries of the compiler, the assembler and the linker; an unknown role may be anything.
        default: .affectsEveryObject
        }
    }
}
