// KCacheBuild: builds on another machine (`kcache build --on HOST`).
//
// here:   sources → the far store → order → what make prints there → pull        (RemoteBuild)
// there:  order → workspace: sources as there → kcache make → push into the store (WorkspaceBuilder)
//
// Both ends use the store protocol's one connection; all that travels is content that the other side lacks.
// A workspace is a plain kernel tree in the far user's cache folder, one for each tree that builds there; it stays
// warm as any tree does, by make's own rules.
