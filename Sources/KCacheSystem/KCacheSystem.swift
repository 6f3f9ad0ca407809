// KCacheSystem: the Linux calls.
//
// All that touches files, locks, processes and cores goes through here, so that the modules above hold no
// call of their own. Paths inside a tree are opened relative to the tree's directory and never through a
// symbolic link. Failures are `SystemError` values: what was tried, on what, and errno.
