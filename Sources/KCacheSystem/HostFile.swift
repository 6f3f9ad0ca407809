import CKCacheLinux
import Glibc

/// Looks at files outside any tree.
package enum HostFile {
    /// stat(2) of the file at an absolute path that ends in NUL, links followed; nil where nothing is.
    package static func status(_ path: UnsafePointer<CChar>) -> FileStatus? {
        var st = kcache_stat()
        return kcache_statat_anew(-1, path, &st) == 0 ? FileStatus(st) : nil
    }

    /// Modification time in ns of the file at an absolute path, links followed; nil where nothing is.
    package static func modificationTime(_ path: [UInt8]) -> Int64? {
        guard path.first == UInt8(ascii: "/") else { return nil }
        var st = stat()
        let done = path.withUnsafeBytes { raw -> Int32 in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: raw.count + 1) { buffer in
                for (i, byte) in raw.enumerated() { buffer[i] = CChar(bitPattern: byte) }
                buffer[raw.count] = 0
                guard let base = buffer.baseAddress else { return -1 }
                return stat(base, &st)
            }
        }
        guard done == 0 else { return nil }
        let (seconds, overflow) = Int64(st.st_mtim.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? nil : seconds &+ Int64(st.st_mtim.tv_nsec)
    }
}
