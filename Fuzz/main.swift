// libFuzzer's loop around one of `FuzzTarget`'s parsers; started by scripts/fuzz.
//
// KCACHE_FUZZ_TARGET names the parser. With KCACHE_FUZZ_SEEDS=DIR it writes the samples there instead, as the
// first corpus, and a dictionary beside them.

import FuzzTargets
import Glibc
import KCacheCore
import KCacheSystem
import SystemPackage

private func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

guard let name = variable("KCACHE_FUZZ_TARGET"), let target = FuzzTarget(rawValue: name) else {
    let names = "KCACHE_FUZZ_TARGET: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))\n"
    _ = write(2, names, names.utf8.count)
    exit(2)
}

if let place = variable("KCACHE_FUZZ_SEEDS") {
    let folder = try Directory.create(FilePath(place))
    for (i, sample) in target.samples.enumerated() {
        try AtomicFile.write(sample, to: TreePath(literal: Array("sample-\(i)".utf8)), in: folder)
    }
    exit(0)
}

/// A C function pointer captures nothing.
private enum Chosen {
    static let target = variable("KCACHE_FUZZ_TARGET").flatMap { FuzzTarget(rawValue: $0) }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argc: UnsafeMutablePointer<CInt>,
    _ argv: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(
    runDriver(&count, &arguments) { data, size in
        Chosen.target?.run(Array(UnsafeBufferPointer(start: data, count: size)))
        return 0
    })
