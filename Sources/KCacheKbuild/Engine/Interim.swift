import KCacheCore
import KCacheSystem

struct SourceDifferences { init(changed: [TreePath], added: [TreePath], removed: [TreePath]) {} }
enum Invalidation {
    static func names(outputs: [TreePath], differences: SourceDifferences, in: Directory) throws -> [TreePath]
    { [] }
}
enum KheadersSums {
    static func path(in o: [TreePath]) -> TreePath? { nil }
    static func compute(in: Directory, host: Host) throws -> [UInt8]? { nil }
}
