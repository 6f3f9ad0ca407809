package import Foundation

/// What a make has made, told by modification times: all but `.cmd` and `.d` files, temporaries, and the stamps
/// of syncconfig.
package enum MadeTargets {
    /// Times of the files that count, by path.
    package static func times(_ tree: URL) throws -> [String: Int64] {
        var times: [String: Int64] = [:]
        for path in try Shell.files(in: tree) {
            let name = path.split(separator: "/").last ?? ""
            let isCommand = name.hasPrefix(".") && name.hasSuffix(".cmd")
            if name.hasPrefix(".tmp_") || isCommand || name.hasSuffix(".d") { continue }
            // Stamps of syncconfig, which makes no more of a symbol than its time.
            if path.hasPrefix("include/config/"), !path.hasPrefix("include/config/auto.conf") { continue }
            var status = stat()
            // Links are made anew by every make that comes by (arch/x86/Makefile, bzImage).
            guard lstat(tree.appending(path: path).path, &status) == 0, status.st_mode & S_IFMT == S_IFREG
            else { continue }
            times[path] = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        }
        return times
    }
}
