import KCacheCore
import KCacheSystem
import SystemPackage

/// The options of bwrap(1) by which a program sees a root, and the trees at their own paths.
///
/// The root is never written to, so its folders can't get mount points. Where a tree's path leads through folders of the
/// root, these are made anew in memory and what else is in them is bound there one by one.
struct BubblewrapLayout {
    private(set) var words: [[UInt8]] = []

    /// Made by the engine, whatever the root has there.
    private static let own: Set<String> = ["dev", "proc", "run", "sys", "tmp"]

    /// - Throws: `KbuildError` for a tree whose path can't be had inside.
    init(_ call: RootCall) throws {
        add("--unshare-all", "--cap-drop", "ALL", "--hostname", "kcache")
        for target in call.writable {
            guard let first = target.components.first?.string, !["proc", "sys"].contains(first) else {
                throw KbuildError(
                    .unfit, "\(target) can't be built in a root: move the tree to another place")
            }
        }
        let folder = try Directory.open(call.view.folder)
        // A working directory outside of the trees is an empty one, from which paths lead as they do outside.
        var empty: FilePath?
        if let directory = call.directory, !call.writable.contains(where: { directory.starts(with: $0) }),
            try call.view.resolve(directory)?.status.kind != .directory
        {
            empty = directory
        }
        try expose(folder, at: "/", call.view.folder, call.writable + [empty].compactMap { $0 })
        add("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run", "--perms", "1777", "--tmpfs", "/tmp")
        // The shorter path first: one may lie in the other.
        for target in call.writable.sorted(by: { $0.components.count < $1.components.count }) {
            add("--bind", target.string, target.string)
        }
        if let empty { add("--dir", empty.string) }
        add("--remount-ro", "/")
        if let directory = call.directory { add("--chdir", directory.string) } else { add("--chdir", "/") }
        if let enclosure = call.enclosure {
            add("--seccomp", "\(enclosure.filter)", "--sync-fd", "\(enclosure.held)")
        } else {
            add("--new-session", "--die-with-parent")
        }
        add("--")
    }

    private mutating func add(_ texts: String...) { words += texts.map { Array($0.utf8) } }

    private mutating func expose(
        _ folder: Directory, at inside: FilePath, _ outside: FilePath, _ targets: [FilePath]
    ) throws {
        for entry in try folder.entries().sorted(by: { compareBytes($0.name, $1.name) < 0 }) {
            // A name that is no text can't be what a build looks for.
            guard let name = String(validating: entry.name, as: UTF8.self), let path = TreePath(entry.name)
            else {
                continue
            }
            if inside == "/", Self.own.contains(name) { continue }
            let (here, there) = (inside.appending(name), outside.appending(name))
            let below = targets.filter { $0.starts(with: here) }
            switch entry.status.kind {
            case .link:
                guard below.isEmpty else {
                    throw KbuildError(
                        .unfit,
                        "\(below[0]) can't be built in this root, which has a link at \(here): move the tree to another "
                            + "place")
                }
                words += [Array("--symlink".utf8), try folder.readLink(path), Array(here.string.utf8)]
            case .directory:
                if below.contains(here) { continue }
                if below.isEmpty {
                    add("--ro-bind", there.string, here.string)
                } else {
                    add("--dir", here.string)
                    try expose(try folder.directory(path), at: here, there, below)
                }
            case .file:
                if below.isEmpty { add("--ro-bind", there.string, here.string) }
            case .other: break
            }
        }
    }
}
