import Glibc
import KCacheCore
import KCacheSystem
import SystemPackage

/// This process's arguments and environment as bytes, as the kernel handed them over.
enum ProcessStrings {
    static func arguments() -> [[UInt8]] { strings(CommandLine.unsafeArgv) }

    static func environment() -> [[UInt8]] { strings(environ) }

    /// The path of this program's file; nil where /proc does not tell it.
    static func programPath() -> FilePath? {
        do throws(SystemError) {
            let target = try Directory.open("/proc/self").readLink(TreePath(literal: Array("exe".utf8)))
            return FilePath(String(decoding: target, as: UTF8.self))
        } catch { return nil }
    }

    private static func strings(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> [[UInt8]] {
        var strings: [[UInt8]] = []
        var next = list
        while let pointer = next.pointee {
            strings.append(Array(UnsafeRawBufferPointer(start: pointer, count: strlen(pointer))))
            next = next.successor()
        }
        return strings
    }
}
