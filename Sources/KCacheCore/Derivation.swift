/// How an output's bytes can be made from others, by whoever has those: a hint that is never believed.
///
/// The result counts only if it has the digests that the entry's content says; the content itself is in the
/// store too. Nothing here is a command: what a pull runs, and with which arguments, stands in the program that
/// pulls, never in a snapshot.
package enum Derivation: Hashable, Sendable {
    /// A `ContentDelta` against content that an earlier build may have left in the tree.
    case patch(base: Digest, delta: Content)
    /// These files of the tree, one after the other, through a compressor.
    case compressed(Compressor, inputs: [TreePath])

    /// The compressors that Kbuild uses and that are cheap: a second or two for a kernel. xz, lzma and zstd take
    /// twenty seconds and more at Kbuild's settings; fetching is quicker on any line above a few Mbit/s.
    package enum Compressor: UInt8, Sendable, CaseIterable {
        /// `gzip -n -f -9` (cmd_gzip in scripts/Makefile.lib).
        case gzip = 1
    }

    /// What a store has to hold for it.
    package var content: Content? {
        if case .patch(_, let delta) = self { delta } else { nil }
    }
}
