package import Foundation

/// What a make has made, told by modification times.
package enum MadeTargets {
    /// Times of the files that count as targets: not `.cmd` and `.d` files, temporaries, or the stamps and
    /// headers that syncconfig writes besides `auto.conf`.
    package static func times(_ tree: URL) throws -> [String: Int64] {
        var times: [String: Int64] = [:]
        for path in try Shell.files(in: tree) {
            let name = path.split(separator: "/").last ?? ""
            if name.hasPrefix(".tmp_") || name.hasSuffix(".cmd") || name.hasSuffix(".d") { continue }
            if path.hasPrefix("include/config/"), path != "include/config/auto.conf" { continue }
            if ["include/generated/autoconf.h", "include/generated/rustc_cfg"].contains(path) { continue }
            var status = stat()
            guard lstat(tree.appending(path: path).path, &status) == 0 else { continue }
            times[path] = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        }
        return times
    }
}
