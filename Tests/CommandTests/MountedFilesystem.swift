import Foundation
import TestKernel

/// A filesystem that is mounted for one test, in a mount namespace of its own.
///
/// The namespace lives as long as one process, and that one as long as a pipe from here: whatever happens to the test,
/// nothing stays mounted. Programs run in it by `nsenter`; files are reached from outside through `/proc`.
final class MountedFilesystem {
    enum Kind: String, CaseIterable, CustomStringConvertible {
        case ext4WholeSeconds = "ext4 with 128-byte inodes"
        case ext2, btrfs, xfs
        case xfsWithoutReflink = "xfs without reflink"
        case tmpfs, overlay
        case foldingCase = "ntfs that folds case"
        case bindfs = "bindfs without xattr"

        var description: String { rawValue }

        /// Shell lines that mount it at `$M`; `$I` is a file for an image, `$L` a folder with trees.
        var lines: String {
            func image(_ megabytes: Int, _ make: String, _ mount: String = "mount -o loop") -> String {
                "truncate -s \(megabytes)M $I; \(make) $I; \(mount) $I $M"
            }
            return switch self {
            case .ext4WholeSeconds: image(96, "mkfs.ext4 -q -F -I 128")
            case .ext2: image(96, "mkfs.ext2 -q -F -I 128")
            case .btrfs: image(256, "mkfs.btrfs -q")
            case .xfs: image(320, "mkfs.xfs -q -m reflink=1")
            case .xfsWithoutReflink: image(320, "mkfs.xfs -q -m reflink=0")
            case .tmpfs: "mount -t tmpfs none $M"
            case .overlay:
                "mkdir $I; mount -t tmpfs none $I; mkdir $I/upper $I/work; "
                    + "mount -t overlay -o lowerdir=$L,upperdir=$I/upper,workdir=$I/work none $M"
            case .foldingCase: image(96, "mkfs.ntfs -q -F -f", "lowntfs-3g -o ignore_case")
            case .bindfs: "mkdir $I; bindfs --xattr-none $I $M"
            }
        }

        /// Build records are not kept there.
        var isForeign: Bool { self == .foldingCase || self == .bindfs }
        var clones: Bool { self == .btrfs || self == .xfs }
    }

    struct NotMounted: Error, CustomStringConvertible {
        let description: String
    }

    /// The mount point, as programs in the namespace see it.
    let place: URL
    private let holder = Process()
    private let pipe = Pipe()

    init(_ kind: Kind, in work: Workplace) throws {
        place = work.place("mounted")
        let log = work.place("mount.log")
        let ready = work.place("mount.ready")
        for folder in [place, work.place("lower")] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        try Data().write(to: log)
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        holder.arguments = [
            "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-ec",
            "\(kind.lines); : >$R; cat",
        ]
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = (environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin"
        environment["M"] = place.path
        environment["I"] = work.place("image").path
        environment["L"] = work.place("lower").path
        environment["R"] = ready.path
        holder.environment = environment
        holder.standardInput = pipe
        holder.standardOutput = FileHandle.nullDevice
        holder.standardError = try FileHandle(forWritingTo: log)
        try holder.run()
        while !FileManager.default.fileExists(atPath: ready.path) {
            guard holder.isRunning else {
                throw NotMounted(
                    description: "can't mount \(kind): "
                        + ((try? String(contentsOf: log, encoding: .utf8)) ?? ""))
            }
            usleep(5_000)
        }
    }

    deinit { end() }

    /// Unmounts it.
    func end() {
        try? pipe.fileHandleForWriting.close()
        holder.waitUntilExit()
    }

    /// A path on it, for programs in the namespace.
    func inside(_ name: String) -> URL { place.appending(path: name) }

    /// The same path, for this process.
    func outside(_ name: String) -> URL {
        URL(fileURLWithPath: "/proc/\(holder.processIdentifier)/root\(place.path)/\(name)")
    }

    /// Runs a program in the namespace to its end.
    func run(_ words: [String], environment: [String: String]) throws -> BuildResult {
        try Shell.outcome(
            ["nsenter", "--mount", "--target", "\(holder.processIdentifier)", "--"] + words,
            environment: environment)
    }
}
