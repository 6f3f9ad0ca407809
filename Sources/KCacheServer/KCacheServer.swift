// KCacheServer: one store, served to one client over two byte channels (`kcache serve --stdio`, started by ssh).
//
// greeting → welcome → frames in their order: WireRequest → objects → WireReply
// What arrives is checked against its name before it is put in place, and nothing of a client is believed that
// the bytes at hand can't bear out. This module knows nothing of trees, of make or of Kbuild.
// docs/protocol.md says every byte.
