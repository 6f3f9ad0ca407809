import KCacheCore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Modification times as make sees them: through symbolic links.
struct TreeTimes {
    let root: Directory
    let listing: TreeListing

    /// Nanoseconds; nil where nothing is. A directory counts as there, and as very old.
    func time(of path: TreePath, depth: Int = 0) -> Int64? {
        if let file = listing[path] {
            guard file.status.kind == .link else { return file.status.mtime }
            guard depth < 16, let next = target(ofLink: path) else { return nil }
            return time(of: next, depth: depth + 1)
        }
        // Perhaps one of its directories is a link.
        var prefix = path.parent
        while let directory = prefix {
            if let link = listing[directory], link.status.kind == .link, depth < 16 {
                guard let real = target(ofLink: directory),
                    let next = TreePath(real.bytes + path.bytes[directory.bytes.count...])
                else { return nil }
                return time(of: next, depth: depth + 1)
            }
            prefix = directory.parent
        }
        return isDirectory(path) ? Int64.min : nil
    }

    private func target(ofLink path: TreePath) -> TreePath? {
        do {
            return PathResolver(root: []).resolve(try root.readLink(path), in: path.parent)
        } catch {
            return nil
        }
    }

    private func isDirectory(_ path: TreePath) -> Bool {
        var (low, high) = (0, listing.files.count)
        let prefix = path.bytes + [UInt8(ascii: "/")]
        while low < high {
            let middle = (low + high) / 2
            if compareBytes(listing.files[middle].path.bytes, prefix) < 0 {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < listing.files.count && listing.files[low].path.bytes.starts(with: prefix)
    }

    /// Of a file outside the tree, as a system header; nil where nothing is.
    static func outside(_ path: [UInt8], in root: RootView? = nil) -> Int64? {
        guard let root else { return HostFile.modificationTime(path) }
        do throws(SystemError) {
            return try root.resolve(FilePath(String(decoding: path, as: UTF8.self)))?.status.mtime
        } catch { return nil }
    }
}
