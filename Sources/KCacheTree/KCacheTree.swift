// KCacheTree: a tree on the disk, as files and times.
//
// push: TreeScanner → TreeListing → TreePusher (hashes through the StatIndex, fills packs) → Snapshot.
// pull: Snapshot + TreeListing → RestorePlan (a pure value) → TreeRestorer → Freshness (mtimes).
// It knows nothing of make or Kbuild: what is a source and what an output is told to it.
