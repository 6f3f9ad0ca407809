import KCacheCore
import KCacheSystem
import KCacheTree

extension ClassifierPass {
    /// Takes sources that do nothing but include one of the tree's own, as U-Boot's tools/Makefile writes them
    /// (cmd_wrap): `tools/lib/crc32.c` is `#include <../lib/crc32.c>`. What a makefile writes holds no more, and
    /// there must be an object of it with a saved command.
    mutating func applyWrapped() throws(SystemError) {
        for i in files.indices where classes[i] == .source && hasSuffix(i, ".c") {
            let path = files[i].path
            guard files[i].status.kind == .file, files[i].status.size < 1024,
                let slash = path.bytes.firstIndex(of: UInt8(ascii: "/"))
            else { continue }
            let rest = path.bytes[(slash + 1)...]
            let text = Array("#include <../".utf8) + rest + Array(">\n".utf8)
            guard files[i].status.size == UInt64(text.count),
                let wrapped = TreePath(rest), listing.index(of: wrapped) != nil,
                let object = TreePath(path.bytes.dropLast() + [UInt8(ascii: "o")]), isOutput(object),
                try directory.readFile(path, limit: 1024) == text
            else { continue }
            prove(i, .directoryRule)
        }
    }
}
