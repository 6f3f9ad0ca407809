// KCacheKbuild: all that knows make and Kbuild.
//
// Recognition     is this a Kbuild tree, what does git track, did its last build end well, what pinned it
// Classification  sources, outputs and what stays home, on evidence
// Toolchain, Elf  which programs build here, and how they differ from a snapshot's
// Records         what Kbuild wrote down: `.cmd` files, `.config`, `auto.conf`
// Rebuild         what make would make again, and why
// Invalidation    what make would wrongly take as fresh after a pull
// Relocation      text and objects that hold the tree's own path
// Trust           who signed a snapshot, and whether a store lists less than it did
// Engine          push, pull and status: the calls that commands make
//
// Data flows from the first to the last. It uses stores through KCacheStore's sessions only, and trees through
// KCacheTree, to which it hands its knowledge as roles and content rules.
