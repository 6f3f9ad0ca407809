import KCacheCore
import KCacheSystem
import KCacheTree
package import SystemPackage

/// Fills an empty folder with a root from elsewhere.
struct RootMaker {
    let host: HostEnvironment
    let tell: @Sendable (String) -> Void

    /// What a build of most configurations needs, by Debian's names.
    static let packages = [
        "bc", "bison", "cpio", "flex", "gcc", "kmod", "libc6-dev", "libelf-dev", "libssl-dev", "make", "perl",
        "xz-utils", "zstd",
    ]

    /// - Returns: what could not be read, and stays out.
    func fill(_ folder: FilePath, from source: RootSource) throws -> [(path: TreePath, reason: String)] {
        switch source {
        case .folder(let path): return try copy(path, to: folder)
        case .archive(let path):
            try run(
                [
                    "tar", "--extract", "--file", path.string, "--directory", folder.string,
                    "--no-same-owner",
                    "--no-same-permissions", "--delay-directory-restore", "--exclude=./dev/*",
                    "--exclude=dev/*",
                ], "unpack \(path)")
        case .debootstrap(let suite):
            tell("making a root of \(suite); this takes a minute or more")
            let packages = Self.packages.joined(separator: ",")
            let search = host.environment["PATH"] ?? ""
            if ExecutableLookup.find("mmdebstrap", path: search) != nil {
                try run(
                    ["mmdebstrap", "--variant=minbase", "--include=\(packages)", suite, folder.string],
                    "make a root of \(suite)")
            } else if ExecutableLookup.find("debootstrap", path: search + ":/usr/sbin:/sbin") != nil {
                var environment = host.environment
                environment["PATH"] = search + ":/usr/sbin:/sbin"
                try run(
                    ["debootstrap", "--variant=minbase", "--include=\(packages)", suite, folder.string],
                    "make a root of \(suite)", environment)
            } else {
                throw KbuildError(
                    .unfit,
                    "neither mmdebstrap nor debootstrap is in PATH: install one, or give a folder or a tarball"
                )
            }
        }
        return []
    }

    private func run(_ words: [String], _ what: String, _ environment: [String: String]? = nil) throws {
        let result: ProcessResult
        do throws(SystemError) {
            result = try host.runner.run(
                ["sh", "-c", "exec \"$@\" 2>&1", "sh"] + words, environment: environment ?? host.environment)
        } catch { throw KbuildError(.unfit, "could not \(what): \(error)") }
        guard result.status == 0 else {
            let last = result.text.split(separator: "\n").last { !$0.isEmpty }.map { ": \($0)" } ?? ""
            throw KbuildError(
                .unfit, "could not \(what): \(words[0]) ended with status \(result.status)\(last)")
        }
    }

    // MARK: Folders

    private func copy(_ from: FilePath, to folder: FilePath) throws -> [(path: TreePath, reason: String)] {
        let (source, target) = (try Directory.open(from), try Directory.open(folder))
        let listing = try TreeScanner().scan(source)
        try target.makeParents(of: listing.files.lazy.map(\.path))
        let unread = try Parallel.map(listing.files.count) { i in
            try copy(listing.files[i], source, target) ? nil : listing.files[i].path
        }
        return unread.compactMap { $0.map { ($0, "can't be read") } }
            + listing.special.map { ($0, "a device, socket or pipe") }
            + listing.files.filter { $0.status.permissions & 0o6000 != 0 && $0.status.kind == .file }
            .map { ($0.path, "its set-id bits") }
    }

    /// False for a file that its owner lets nobody read.
    private func copy(_ file: ScannedFile, _ source: Directory, _ target: Directory) throws -> Bool {
        guard file.status.kind == .file else {
            try target.makeLink(file.path, target: try source.readLink(file.path))
            return true
        }
        do throws(SystemError) {
            guard let from = try source.openFile(file.path) else {
                throw SystemError("copy", "\(source.path)/\(file.path)", .noSuchFileOrDirectory)
            }
            let to = try target.createFile(file.path, mode: file.status.isExecutable ? 0o777 : 0o666)
            if try !to.reflink(from: from) { try to.copy(from: from, size: file.status.size) }
            return true
        } catch {
            guard error.errno == .permissionDenied else { throw error }
            return false
        }
    }
}

/// Where a root comes from.
package enum RootSource: Hashable, Sendable {
    case folder(FilePath)
    /// What tar unpacks.
    case archive(FilePath)
    /// A suite of Debian or of what is like it.
    case debootstrap(String)

    /// - Parameter text: a folder, a file, or `debootstrap:SUITE`.
    package init(_ text: String, path: FilePath) throws {
        if text.hasPrefix("debootstrap:") {
            let suite = String(text.dropFirst("debootstrap:".count))
            guard !suite.isEmpty, !suite.hasPrefix("-"),
                suite.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
            else { throw KbuildError(.unfit, "\(text) names no suite, as debootstrap:trixie does") }
            self = .debootstrap(suite)
            return
        }
        switch try HostStatus.of(path, followingLinks: true)?.kind {
        case .directory?: self = .folder(path)
        case .file?: self = .archive(path)
        default: throw KbuildError(.unfit, "\(path) is neither a folder nor a tarball")
        }
    }
}
