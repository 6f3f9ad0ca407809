import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// What the filesystem under a tree can't do.
struct FilesystemTraits: Hashable, Sendable {
    /// Nanoseconds between two times that it tells apart; nil where that can't be told.
    var tick: Int64?
    var isCaseInsensitive = false
    var room: FilesystemRoom
    /// Others write there, or its times and inodes are not this kernel's.
    var isForeign = false

    init(tick: Int64?, isCaseInsensitive: Bool = false, room: FilesystemRoom, isForeign: Bool = false) {
        (self.tick, self.isCaseInsensitive) = (tick, isCaseInsensitive)
        (self.room, self.isForeign) = (room, isForeign)
    }

    /// Looks; writes no name into the tree.
    init(_ tree: TreeCondition) throws {
        tick = try TimeResolution.asking(tree.root)?.tick ?? Self.tick(of: tree.listing)
        isCaseInsensitive = try Self.isCaseInsensitive(tree.root, tree.listing)
        room = try FilesystemRoom.of(tree.root)
        isForeign = FilesystemKind.isForeign(tree.root)
    }

    /// Told by the times that are there, where no file can be made: ctime is the filesystem's own, so that a whole
    /// tree of whole seconds is no accident. Nil where there are too few to tell.
    static func tick(of listing: TreeListing) -> Int64? {
        let times = Set(listing.files.map(\.status.ctime))
        guard times.count >= 8 else { return nil }
        return [2_000_000_000, 1_000_000_000].first { tick in times.allSatisfy { $0 % tick == 0 } } ?? 1
    }

    /// Asks for a file of the tree by its name in other letters. A filesystem may also show another name than it was
    /// given: then what is no tree by its list of files is one when it is asked for.
    static func isCaseInsensitive(_ root: Directory, _ listing: TreeListing) throws -> Bool {
        guard let name = TreePath("Makefile"), let other = TreePath("mAKEFILE"),
            let engine = TreePath("scripts/Kbuild.include"), listing.index(of: other) == nil
        else { return false }
        if listing.index(of: name) == nil {
            return try root.status(name) != nil && root.status(engine) != nil
        }
        return try root.status(name)?.inode == root.status(other)?.inode
    }
}

/// Checks where the tree lies.
enum TreePlaceChecks {
    /// "source directory cannot contain spaces or colons" (top Makefile).
    static func path(_ path: FilePath) -> [DoctorFinding] {
        guard path.string.contains(where: { $0 == " " || $0 == ":" || $0 == "\t" }) else { return [] }
        return [
            DoctorFinding(
                .treePath, "the tree's path has a blank or a colon: \(path.string)",
                cost: "make refuses to build here, and nothing can be pulled for it",
                mend: "mv \(DoctorText.shell(path.string)) to a path without them")
        ]
    }

    static func filesystem(_ traits: FilesystemTraits, _ tree: TreeCondition) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        if let tick = traits.tick, tick > 10_000_000 {
            let text = tick >= 1_000_000_000 ? "\(tick / 1_000_000_000) s" : "\(tick / 1_000_000) ms"
            findings.append(
                DoctorFinding(
                    .coarseTimes, "the filesystem of the tree tells times apart by \(text) only",
                    cost:
                        "an edit within \(text) of the object's making is not seen by make: that object stays "
                        + "stale",
                    mend:
                        "move the tree to a filesystem with fine times (ext4 with 256-byte inodes, xfs, btrfs)"
                ))
        }
        if traits.isCaseInsensitive {
            findings.append(caseInsensitive())
        }
        if traits.room.forbidsPrograms {
            findings.append(
                DoctorFinding(
                    .noPrograms, "the filesystem of the tree is mounted noexec",
                    cost: "no host tool can run (scripts/basic/fixdep is the first): make ends at once",
                    mend: "mount -o remount,exec it, or move the tree"))
        }
        if traits.isForeign {
            findings.append(
                DoctorFinding(
                    .networkFilesystem, "the tree is on a network, FUSE or FAT filesystem",
                    cost: "kcache make remembers nothing of it: a make with nothing to do is a whole one",
                    mend: "nothing is wrong; a local disk is quicker"))
        }
        return findings + space(traits.room, tree)
    }

    static func caseInsensitive() -> DoctorFinding {
        DoctorFinding(
            .caseInsensitive, "the filesystem of the tree takes xt_TCPMSS.h and xt_tcpmss.h for one file",
            cost:
                "kernel sources that differ in capitals only overwrite each other: their objects are not those "
                + "of the kernel",
            mend: "move the tree to a folder where capitals count (chattr -F, before it holds anything)")
    }

    /// A link writes vmlinux up to three times (scripts/link-vmlinux.sh: kallsyms passes), and what is built from
    /// nothing needs about what other builds of it took.
    ///
    /// - Parameter expected: bytes of outputs that a build here is known to make; nil where nobody knows.
    static func space(_ room: FilesystemRoom, _ tree: TreeCondition, expected: UInt64? = nil)
        -> [DoctorFinding]
    {
        var largest: UInt64 = 0
        for (file, fileClass) in zip(tree.listing.files, tree.classification.classes) {
            if case .output = fileClass, file.path.parent == nil { largest = max(largest, file.status.size) }
        }
        let needed = tree.isBuilt ? largest.multipliedReportingOverflow(by: 3).partialValue : expected ?? 0
        guard needed > 0, room.available < needed else { return [] }
        let what = tree.isBuilt ? "the next link of vmlinux" : "the outputs of a build"
        return [
            DoctorFinding(
                .treeSpace, "\(ByteCount(room.available)) are free for the tree",
                cost: "\(what) may need \(ByteCount(needed)): make fails where the disk is full",
                mend: "free some room (kcache gc --max-size SIZE shrinks the store)")
        ]
    }

    /// Links that came as plain files that hold their target's path: archives and git checkouts
    /// (core.symlinks=false) write that where links can't be made.
    static func lostLinks(_ tree: TreeCondition) throws -> [DoctorFinding] {
        var lost: [TreePath] = []
        for file in tree.listing.files
        where file.path.hasPrefix("scripts/dtc/include-prefixes/") && file.status.kind == .file
            && file.status.size < 200
        {
            let text = try tree.root.readFile(file.path, limit: 200) ?? []
            if text.starts(with: "../".utf8), !text.contains(UInt8(ascii: "\n")) { lost.append(file.path) }
        }
        guard !lost.isEmpty else { return [] }
        return [
            DoctorFinding(
                .lostLinks,
                "\(DoctorText.count(lost.count, "symbolic link")) came as plain files: \(DoctorText.paths(lost))",
                cost: "what includes files through them does not compile (device trees)",
                mend: "unpack or check out again where links can be made (git config core.symlinks true)",
                paths: lost)
        ]
    }
}
