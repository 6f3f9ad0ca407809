import KCacheCore
import KCacheTree

/// Which directory each file of a listing lies in, found in one pass.
struct DirectoryIndex {
    /// Directories in the order of their first file; nil is the root.
    private(set) var directories: [TreePath?] = []
    /// Places of the files that lie in a directory itself, by number of the directory.
    private(set) var members: [[Int]] = []
    /// Number of each file's directory.
    private(set) var home: [Int] = []
    /// Where each file's name starts.
    private(set) var nameStart: [Int] = []
    private var numbers: [TreePath?: Int] = [:]

    init(_ listing: TreeListing) {
        home.reserveCapacity(listing.files.count)
        nameStart.reserveCapacity(listing.files.count)
        var last = -1
        var lastStart = -1
        for (i, file) in listing.files.enumerated() {
            let start = file.path.bytes.withUnsafeBufferPointer { bytes -> Int in
                var i = bytes.count
                while i > 0, bytes[i - 1] != UInt8(ascii: "/") { i -= 1 }
                return i
            }
            // Sorted by path, most files lie where the one before does.
            if last < 0 || start != lastStart || !Self.samePrefix(file.path, listing.files[i - 1].path, start)
            {
                last = number(of: file.path.parent)
                lastStart = start
            }
            members[last].append(i)
            home.append(last)
            nameStart.append(start)
        }
    }

    func number(existing directory: TreePath?) -> Int? { numbers[directory] }

    private mutating func number(of directory: TreePath?) -> Int {
        if let known = numbers[directory] { return known }
        directories.append(directory)
        members.append([])
        numbers[directory] = directories.count - 1
        return directories.count - 1
    }

    private static func samePrefix(_ a: TreePath, _ b: TreePath, _ count: Int) -> Bool {
        a.bytes.withUnsafeBufferPointer { p in
            b.bytes.withUnsafeBufferPointer { q in
                guard p.count >= count, q.count >= count else { return false }
                // Directories differ at their ends.
                var i = count
                while i > 0 {
                    i -= 1
                    if p[i] != q[i] { return false }
                }
                // The other file may lie deeper below the same prefix.
                return !q[count...].contains(UInt8(ascii: "/"))
            }
        }
    }
}
