package import KCacheCore
package import KCacheSystem

/// One file or link that a scan met.
package struct ScannedFile: Sendable {
    package let path: TreePath
    package let status: FileStatus
    /// It stands in the directory's base (`DirectoryBase`).
    package let isInBase: Bool

    package init(path: TreePath, status: FileStatus, isInBase: Bool = false) {
        (self.path, self.status, self.isInBase) = (path, status, isInBase)
    }
}

/// What stands in a tree: every file and link, sorted by path; directories are implied.
package struct TreeListing: Sendable {
    package let files: [ScannedFile]
    /// Sockets, pipes, devices: named for people, otherwise passed over.
    package let special: [TreePath]
    /// Paths that stand both in the directory and in its base, where only the former counts. Files in the one that are
    /// folders in the other are among them, but no links from the one to the other.
    package let doubled: [TreePath]

    /// Takes files sorted by path.
    package init(files: [ScannedFile], special: [TreePath] = [], doubled: [TreePath] = []) {
        (self.files, self.special, self.doubled) = (files, special, doubled)
    }

    /// What stands in a directory over a base.
    ///
    /// - Parameters:
    ///   - only: see `DirectoryBase.only`.
    ///   - links: links in the directory to what stands in the base at the same path.
    package init(
        _ own: TreeListing, over base: TreeListing, only: Set<TreePath>, links: Set<TreePath> = []
    ) {
        var merged: [ScannedFile] = []
        merged.reserveCapacity(own.files.count + base.files.count)
        var doubled: [TreePath] = []
        var at = 0
        func takeBase(before path: TreePath?) {
            while at < base.files.count, path.map({ base.files[at].path < $0 }) ?? true {
                merged.append(
                    ScannedFile(path: base.files[at].path, status: base.files[at].status, isInBase: true))
                at += 1
            }
        }
        var checked: TreePath?
        for file in own.files where !only.contains(file.path) {
            takeBase(before: file.path)
            if at < base.files.count, base.files[at].path == file.path {
                if !links.contains(file.path) { doubled.append(file.path) }
                at += 1
            } else if base.holdsFiles(below: file.path) {
                doubled.append(file.path)
            }
            var folder = file.path.parent
            if folder == checked { folder = nil } else { checked = folder }
            while let path = folder {
                if base.index(of: path) != nil, doubled.last != path { doubled.append(path) }
                folder = path.parent
            }
            merged.append(file)
        }
        takeBase(before: nil)
        self.init(files: merged, special: (own.special + base.special).sorted(), doubled: doubled)
    }

    /// The listing without what lies below these directories.
    package func leavingOut(_ directories: Set<TreePath>) -> TreeListing {
        if directories.isEmpty { return self }
        func isKept(_ path: TreePath) -> Bool {
            var above = path.parent
            while let directory = above {
                if directories.contains(directory) { return false }
                above = directory.parent
            }
            return true
        }
        return TreeListing(
            files: files.filter { isKept($0.path) }, special: special.filter(isKept), doubled: doubled)
    }

    /// Place of the path in `files`; nil if it isn't there.
    package func index(of path: TreePath) -> Int? {
        let place = firstIndex(from: path)
        return place < files.count && files[place].path == path ? place : nil
    }

    /// True if the path is a directory with a file somewhere below it.
    package func holdsFiles(below path: TreePath) -> Bool {
        // Names such as `a.b` and `a-b` stand between `a` and what is below it.
        guard let first = path.appending([1]) else { return false }
        let place = firstIndex(from: first)
        return place < files.count && files[place].path.isInside(path)
    }

    /// The place of the first file that is not before the path.
    private func firstIndex(from path: TreePath) -> Int {
        var (low, high) = (0, files.count)
        while low < high {
            let middle = (low + high) / 2
            if files[middle].path < path { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The listing after these paths, sorted, may have changed: each is looked at once more.
    package func looking(again paths: [TreePath], in root: Directory) throws -> TreeListing {
        let found = try Parallel.map((paths.count + 255) / 256) { part in
            try paths[(part * 256)..<min(paths.count, part * 256 + 256)].map { try root.status($0) }
        }
        var merged: [ScannedFile] = []
        merged.reserveCapacity(files.count + paths.count)
        var at = 0
        for (path, status) in zip(paths, found.joined()) {
            while at < files.count, files[at].path < path {
                merged.append(files[at])
                at += 1
            }
            if at < files.count, files[at].path == path { at += 1 }
            guard let status, status.kind == .file || status.kind == .link else { continue }
            merged.append(ScannedFile(path: path, status: status))
        }
        merged += files[at...]
        return TreeListing(files: merged, special: special, doubled: doubled)
    }

    package subscript(path: TreePath) -> ScannedFile? { index(of: path).map { files[$0] } }
}
