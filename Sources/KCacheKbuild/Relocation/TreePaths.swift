import KCacheCore
import KCacheSystem

/// The absolute paths that Kbuild writes into what it makes: that of the tree, and with `O=` that of the sources too; of
/// external modules their own and those of the kernel.
package struct TreePaths: Hashable, Sendable {
    struct Item: Hashable, Sendable {
        let path: [UInt8]
        /// Stands for the path in stored text.
        let token: [UInt8]
        /// Stands for it in stored objects: an ordinary path, since the object stays an object.
        let inObjects: [UInt8]
    }

    /// The longer path first, since one of them may lie in the other.
    let items: [Item]
    /// Those of external modules, where no directory is one of programs for the build.
    let isOfModules: Bool

    /// A path that can't be told from others in a text (the root's) is left alone.
    ///
    /// - Parameters:
    ///   - source: of the sources, where they lie apart; for modules, of the kernel's sources.
    ///   - kernel: for modules: of what is built of the kernel, where that lies apart.
    package init(
        tree: [UInt8], source: [UInt8]? = nil, kernel: [UInt8]? = nil, isOfModules: Bool = false
    ) {
        self.isOfModules = isOfModules
        var items = [
            Item(path: tree, token: PathPlaceholder.token, inObjects: ElfPathRelocation.storedPath)
        ]
        if let source {
            items.append(
                Item(
                    path: source, token: PathPlaceholder.sourceToken,
                    inObjects: ElfPathRelocation.storedSourcePath))
        }
        if let kernel {
            items.append(
                Item(
                    path: kernel, token: PathPlaceholder.kernelToken,
                    inObjects: ElfPathRelocation.storedKernelPath))
        }
        self.items = items.filter { PathRelocation.isUsable($0.path) }.sorted {
            $0.path.count > $1.path.count
        }
    }

    /// True if none of them occurs, not even as a part of something longer.
    func areAbsent(from bytes: UnsafeRawBufferPointer) -> Bool {
        items.allSatisfy { ByteSearch.first($0.path, in: bytes) == nil }
    }
}
