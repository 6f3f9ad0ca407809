package import KCacheCore

/// Picks the snapshot that will save the most here; a pure value.
///
/// The order: the tree's architecture; a toolchain that is the same; then the fewest differences, counted as
/// sources plus configuration symbols; then a finished build before an interrupted one; then the newest.
package struct SnapshotChoice: Sendable {
    /// What is known of the tree here.
    package struct Here: Sendable {
        /// Empty where unknown (no `.config`, nothing built).
        package var architecture = ""
        package var sourcesDigest = Digest.zero
        package var configDigest = Digest.zero
        package var hasSources = true
        package var layout = TreeLayout.together
        package init() {}
    }

    package struct Candidate: Sendable {
        package var id: SnapshotID
        package var header: SnapshotHeader
        /// The toolchain that Kbuild would use here is the snapshot's.
        package var sameToolchain: Bool
        /// Sources that differ; nil until counted (and 0 where the digests are equal).
        package var differingSources: Int?
        /// CONFIG symbols that differ; nil until counted, or where there is no `.config` here.
        package var differingSymbols: Int?

        package init(id: SnapshotID, header: SnapshotHeader, sameToolchain: Bool, here: Here) {
            (self.id, self.header, self.sameToolchain) = (id, header, sameToolchain)
            if header.sourcesDigest == here.sourcesDigest || !here.hasSources { differingSources = 0 }
            if header.configDigest == here.configDigest || here.configDigest == .zero { differingSymbols = 0 }
        }

        var distance: Int { (differingSources ?? 1_000_000) + (differingSymbols ?? 10_000) }
    }

    /// Candidates that can serve at all: architecture and layout fit, and an empty directory needs the sources.
    package static func usable(_ candidates: [Candidate], here: Here) -> [Candidate] {
        candidates.filter { candidate in
            let architecture = candidate.header.environment.architecture
            guard here.architecture.isEmpty || architecture.isEmpty || architecture == here.architecture
            else {
                return false
            }
            guard candidate.header.environment.layout == here.layout else { return false }
            return here.hasSources || !candidate.header.withoutSources
        }
    }

    /// The best first.
    package static func ranked(_ candidates: [Candidate]) -> [Candidate] {
        candidates.sorted { a, b in
            if a.sameToolchain != b.sameToolchain { return a.sameToolchain }
            if a.distance != b.distance { return a.distance < b.distance }
            if a.header.partial != b.header.partial { return b.header.partial }
            if a.header.created != b.header.created { return a.header.created > b.header.created }
            return a.id < b.id
        }
    }

    /// Why this one, in a few words.
    package static func reason(_ candidate: Candidate, here: Here) -> String {
        var parts: [String] = []
        if !here.hasSources {
            parts.append("the newest whole tree")
        } else {
            switch candidate.differingSources {
            case 0?: parts.append("same sources")
            case let count?: parts.append("nearest sources, \(count) differ")
            case nil: parts.append("other sources")
            }
        }
        if here.configDigest != .zero {
            switch candidate.differingSymbols {
            case 0?: parts.append("same configuration")
            case let count?: parts.append("\(count) CONFIG symbol\(count == 1 ? "" : "s") differ")
            case nil: parts.append("another configuration")
            }
        }
        parts.append(candidate.sameToolchain ? "same toolchain" : "another toolchain")
        return parts.joined(separator: ", ")
    }
}
