package import KCacheCore
package import SystemPackage

/// What a probe need not find out twice; passed in, so that the probe holds no state of its own.
package struct ToolchainMemory: Sendable {
    /// The digest of a program's content. May be called concurrently.
    package var digest: @Sendable (FilePath) throws -> Digest
    /// What a program answered earlier; nil if that is not known.
    package var recall: @Sendable (Digest) -> [UInt8]?
    package var remember: @Sendable (Digest, [UInt8]) -> Void

    package init(
        digest: @escaping @Sendable (FilePath) throws -> Digest,
        recall: @escaping @Sendable (Digest) -> [UInt8]? = { _ in nil },
        remember: @escaping @Sendable (Digest, [UInt8]) -> Void = { _, _ in }
    ) {
        (self.digest, self.recall, self.remember) = (digest, recall, remember)
    }
}
