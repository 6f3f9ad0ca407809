import Glibc
package import KCacheCore

/// Puts whole files in place, or nothing.
package enum AtomicFile {
    /// Writes `bytes` under a temporary name in the same directory, syncs them, renames.
    ///
    /// A reader sees the old file or the new one, also after a power cut. May run concurrently; the last one wins.
    package static func write(
        _ bytes: [UInt8], to name: TreePath, in directory: Directory, durable: Bool = true
    )
        throws(SystemError)
    {
        if let parent = name.parent { try directory.makeDirectories(parent) }
        let temporary = TemporaryName.beside(name)
        do throws(SystemError) {
            let file = try directory.createFile(temporary)
            try file.write(bytes)
            if durable { try file.sync() }
            try directory.rename(temporary, to: name)
        } catch {
            do throws(SystemError) { try directory.remove(temporary) } catch _ {}
            throw error
        }
        if durable {
            if let parent = name.parent {
                try directory.directory(parent).sync()
            } else {
                try directory.sync()
            }
        }
    }
}

/// Names for files that are not in place yet.
package enum TemporaryName {
    /// What every such name starts with, so that leftovers of killed processes can be told.
    package static let prefix = ReservedName.temporaryPrefix

    /// A new name in the same directory.
    package static func beside(_ name: TreePath) -> TreePath {
        let temporary = atRoot()
        return name.parent?.appending(temporary.bytes) ?? temporary
    }

    /// A new name of one component.
    package static func atRoot() -> TreePath {
        let text = prefix + Array("\(getpid())-\(UInt64.random(in: 0 ... .max))".utf8)
        return TreePath(literal: text)
    }

    /// The name of what is to be taken up again, whoever does.
    package static func unfinished(_ name: String) -> [UInt8] { prefix + Array("unfinished-\(name)".utf8) }

    package static func isTemporary(_ name: some Collection<UInt8>) -> Bool { name.starts(with: prefix) }
}
