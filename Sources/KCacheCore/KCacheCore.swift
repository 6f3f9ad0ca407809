// KCacheCore: values and codecs.
//
// Everything that the other modules speak of has its type here: digests, paths inside a tree, byte counts,
// the snapshot and its binary form. Data flows through it as plain values; it does no I/O, knows no clock,
// and imports nothing but Crypto, for SHA-256. Decoders take bytes of any origin and never trap.
