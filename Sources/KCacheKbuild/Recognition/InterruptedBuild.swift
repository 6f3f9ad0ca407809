package import KCacheCore
import KCacheSystem
import KCacheTree

/// A sign that a tree's last build did not come to its end.
package struct BuildFinding: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// There is no output at all.
        case neverBuilt
        /// A compiler's dependency list that scripts/basic/fixdep has not taken in: the compile was cut off.
        case unfinishedCompile
        /// A saved command whose target is missing.
        case missingTarget
        /// A target newer than its saved command, which Kbuild writes after it: the step was cut off.
        case unsavedCommand
        /// A file that a step was writing, or moves in place at its end.
        case temporaryFile
        /// A link's passes are there without the vmlinux that they lead to, or newer.
        case unfinishedLink
        /// Objects are there, the program that they are linked to is not (vmlinux, u-boot, busybox): the build did
        /// not get to its end, or had another goal.
        case noProgram
        /// An empty file where a linked or archived one belongs.
        case emptyOutput
    }

    package let kind: Kind
    /// What shows it; nil for `neverBuilt`.
    package let path: TreePath?
    /// What the build would have ended in.
    package let program: TreePath

    package init(_ kind: Kind, _ path: TreePath? = nil, program: TreePath = LinkedProgram.kernel) {
        (self.kind, self.path, self.program) = (kind, path, program)
    }

    package var description: String {
        let name = path.map { "\($0)" } ?? ""
        return switch kind {
        case .neverBuilt: "nothing has been built here"
        case .unfinishedCompile: "\(name): a compile was cut off before its dependencies were saved"
        case .missingTarget: "\(name): its saved command is there, the file is not"
        case .unsavedCommand: "\(name): newer than its saved command, so the step that writes it did not end"
        case .temporaryFile: "\(name): left over from a step that did not end"
        case .unfinishedLink: "\(name): newer than vmlinux, so the last link did not end"
        case .noProgram: "\(name): compiled, but there is no \(program), so it was not linked"
        case .emptyOutput: "\(name): empty, so the step that writes it did not end"
        }
    }
}

/// Looks for signs that a build was interrupted or failed.
package enum InterruptedBuild {
    /// The findings, in the order of their paths. Empty for a build that ended well.
    ///
    /// Looks at names, sizes and times alone: nothing is read.
    package static func findings(_ classification: Classification) -> [BuildFinding] {
        let listing = classification.listing
        var findings: [BuildFinding] = []
        var built = false
        var object: TreePath?
        let program = classification.program
        let vmlinux = program == LinkedProgram.kernel ? listing[program] : nil
        for (i, file) in listing.files.enumerated() {
            switch classification.classes[i] {
            case .output(let evidence):
                built = built || evidence == .savedCommand
                if object == nil, isKernelObject(file.path) { object = file.path }
                if let finding = finding(file, evidence, classification) { findings.append(finding) }
                if isNewer(file, than: vmlinux) { findings.append(BuildFinding(.unfinishedLink, file.path)) }
            case .leftOut(.intermediate):
                if isNewer(file, than: vmlinux) { findings.append(BuildFinding(.unfinishedLink, file.path)) }
            case .leftOut, .source, .configuration: break
            }
        }
        if !built { return [BuildFinding(.neverBuilt)] }
        if listing[program] == nil, let object {
            findings.append(BuildFinding(.noProgram, object, program: program))
        }
        return findings
    }

    /// Outputs that a step may have left half written, with what makes them look whole. Make would keep them:
    /// an object that was cut off while it was compiled again still has its saved command.
    package static func unfinished(_ classification: Classification) -> Set<TreePath> {
        var found: Set<TreePath> = []
        for finding in findings(classification) {
            guard let path = finding.path else { continue }
            switch finding.kind {
            case .unfinishedCompile:
                found.insert(path)
                let target = path.bytes[..<path.nameStart] + path.name.dropFirst().dropLast(2)
                if let target = TreePath(target) { found.insert(target) }
            case .unsavedCommand, .temporaryFile, .emptyOutput: found.insert(path)
            case .neverBuilt, .missingTarget, .unfinishedLink, .noProgram: continue
            }
        }
        return found
    }

    private static func finding(
        _ file: ScannedFile, _ evidence: OutputEvidence, _ classification: Classification
    ) -> BuildFinding? {
        let path = file.path
        if evidence == .commandFile {
            guard let name = CommandEvidence.target(of: path.name),
                let target = TreePath(path.bytes[..<path.nameStart] + name)
            else { return nil }
            guard let made = classification.listing[target] else {
                // tools/build also saves commands of intermediate programs that it removes.
                return path.hasPrefix("tools/") ? nil : BuildFinding(.missingTarget, target)
            }
            guard made.status.mtime > file.status.mtime,
                !(classification.addsTypes && target.hasSuffix(".ko"))
            else {
                return nil
            }
            return BuildFinding(.unsavedCommand, target)
        }
        if file.status.kind == .file, file.status.size == 0, evidence == .savedCommand, neverEmpty(path) {
            return BuildFinding(.emptyOutput, path)
        }
        guard path.name.first == UInt8(ascii: "."), evidence == .cleanPattern || evidence == .directoryRule
        else {
            return nil
        }
        // What a device tree's compiler reads and lists stays behind (cmd_dtc in scripts/Makefile.lib).
        let stays = path.hasSuffix(".dts.tmp") || path.hasSuffix(".pre.tmp") || path.hasSuffix(".dtc.tmp")
        if path.hasSuffix(".tmp") && !stays || path.name.starts(with: ".tmp_".utf8) {
            return BuildFinding(.temporaryFile, path)
        }
        return path.hasSuffix(".d") && isUnfinishedCompile(path, classification)
            ? BuildFinding(.unfinishedCompile, path) : nil
    }

    /// `.NAME.d` where fixdep would have made `.NAME.cmd` of it (`if_changed_dep`, scripts/Kbuild.include).
    ///
    /// A finished build has such lists in tools/ (tools/build keeps them), of `usr/.initramfs_data.cpio.d`
    /// (usr/Makefile includes it) and of phony targets; so only those of objects, assembly and the kernel
    /// count, none of which is ever left there.
    private static func isUnfinishedCompile(_ path: TreePath, _ classification: Classification) -> Bool {
        guard !path.hasPrefix("tools/"), !isOfSymbolVersions(path, classification.listing) else {
            return false
        }
        let target = path.name.dropFirst().dropLast(2)
        return [".o", ".s", ".i", ".lds", ".dtb", ".dtbo", ".asn1.c", "vmlinux"].contains {
            target.count >= $0.utf8.count && target.suffix($0.utf8.count).elementsEqual($0.utf8)
        }
    }

    /// With CONFIG_MODVERSIONS a unit that exports symbols is preprocessed once more after its object is made, with the
    /// options that write such a list, and the versions are then added to its saved command (cmd_gensymtypes_c in
    /// scripts/Makefile.build, since Linux 5.19).
    private static func isOfSymbolVersions(_ path: TreePath, _ listing: TreeListing) -> Bool {
        let target = path.name.dropFirst().dropLast(2)
        guard let object = TreePath(path.bytes[..<path.nameStart] + target), let made = listing[object],
            let saved = CommandEvidence.file(of: object).flatMap({ listing[$0] }), let list = listing[path]
        else { return false }
        return made.status.mtime < list.status.mtime && list.status.mtime <= saved.status.mtime
    }

    /// Objects, programs of the kernel and modules: a tool that writes one writes a header at least. (An empty
    /// archive has its magic.)
    private static func neverEmpty(_ path: TreePath) -> Bool {
        path.hasSuffix(".o") || path.hasSuffix(".a") || path.hasSuffix(".ko") || path.hasSuffix("vmlinux")
            || path.hasSuffix("bzImage")
    }

    /// An object of the kernel or a module, not of the programs that help to build it.
    private static func isKernelObject(_ path: TreePath) -> Bool {
        path.hasSuffix(".o") && !path.hasPrefix("scripts/") && !path.hasPrefix("tools/")
            && !path.hasPrefix("usr/")
            && !path.hasPrefix("certs/")
    }

    /// scripts/Makefile.vmlinux and link-vmlinux.sh write these first and vmlinux last, and remove vmlinux if
    /// they fail.
    private static func isNewer(_ file: ScannedFile, than vmlinux: ScannedFile?) -> Bool {
        guard
            file.path.hasPrefix(".tmp_vmlinux") || file.path.hasPrefix(".btf.")
                || file.path.hasPrefix("vmlinux."),
            file.path.parent == nil
        else { return false }
        let names = ["vmlinux.a", "vmlinux.o"]
        guard file.path.hasPrefix(".") || names.contains(where: { file.path.bytes.elementsEqual($0.utf8) })
        else {
            return false
        }
        guard let vmlinux else { return true }
        return file.status.mtime > vmlinux.status.mtime
    }
}
