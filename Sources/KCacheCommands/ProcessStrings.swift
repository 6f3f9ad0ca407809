import Glibc

/// This process's arguments and environment as bytes, as the kernel handed them over.
enum ProcessStrings {
    static func arguments() -> [[UInt8]] { strings(CommandLine.unsafeArgv) }

    static func environment() -> [[UInt8]] { strings(environ) }

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
