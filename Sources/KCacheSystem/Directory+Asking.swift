import CKCacheLinux
package import KCacheCore
import SystemPackage

extension Directory {
    /// True if this process may write to the file or directory; nil: to this directory itself. (A link's own rights
    /// don't count anywhere: ask about what is behind it.)
    package func mayWrite(_ name: TreePath?) -> Bool {
        guard let name else { return kcache_may_write(fd, ".") == 0 }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: name.bytes.count + 1) { buffer in
            for (i, byte) in name.bytes.enumerated() { buffer[i] = CChar(bitPattern: byte) }
            buffer[name.bytes.count] = 0
            guard let base = buffer.baseAddress else { return false }
            return kcache_may_write(fd, base) == 0
        }
    }

    /// Reads back a time that was set on a file without a name: what the filesystem keeps of it. Nothing that others
    /// see changes.
    ///
    /// - Returns: nil where the filesystem has no such files, or may not be written.
    package func keptTime(_ ns: Int64) throws(SystemError) -> Int64? {
        let fd = kcache_nameless_file(self.fd)
        guard fd >= 0 else { return nil }
        let file = Descriptor(fd: fd, subject: path.string)
        try file.setModificationTime(ns)
        return try file.status().mtime
    }
}
