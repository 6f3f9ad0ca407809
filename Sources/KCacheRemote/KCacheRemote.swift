// KCacheRemote: stores on other machines.
//
// WireConnection (greeting, request numbers, one thread that takes the replies apart) → WireObjects (an object
// store like any other, with reads asked for ahead of time). This module knows nothing of trees, of make or of
// Kbuild. docs/protocol.md says every byte.
