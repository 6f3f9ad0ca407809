// KCacheStore: where packs and snapshots live.
//
// write: FrameInput → PackWriter (drops what is known, compresses) → PackBuilder → packs/, then index/,
//        then StoreSession.commit → snapshots/, signatures/, catalog/.
// read:  index/ → ChunkIndex → ReadPlan (frames in the order of the disk) → FrameDecompressor → chunks, each
//        checked against its digest.
// prune: GarbageCollector, under the exclusive lock, in the reverse order.
// A store itself is a dumb place for immutable objects (ObjectReader, ObjectWriter, ObjectPruner). This
// module knows nothing of trees on the disk, of make or of Kbuild. docs/format.md says every byte.
