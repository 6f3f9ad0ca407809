import KCacheCore
import KCacheSystem
struct SourceDifferences { init(changed: [TreePath], added: [TreePath], removed: [TreePath]) {} }
enum Invalidation { static func names(outputs: [TreePath], differences: SourceDifferences, in: Directory) throws -> [TreePath] { [] } }
