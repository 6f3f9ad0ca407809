import KCacheCore
import KCacheStore
import KCacheSystem
import KCacheTree
import SystemPackage

/// Completes a tree of which a pull brought only a part (`kcache pull --only`), before make starts there.
///
/// Whatever goes wrong is told in one line: every output here has a stamp older than any source, and make makes
/// them all.
struct MakeCompleting {
    let build: MakeBuild
    let host: HostEnvironment
    let store: MakeStore

    /// Lines for `--explain`.
    func run() -> [String] {
        guard build.goals.areForObjects(build.invocation.goals), build.location.module == nil,
            let note
        else { return [] }
        if build.invocation.modes.contains(.alwaysMake) { return ["not completed: -B makes everything anew"] }
        do {
            try pull(note)
        } catch {
            store.tell(
                "only a part of snapshot \(note.snapshot.short) is here, and it was not completed: "
                    + "\(MakeStore.line(error)); make builds everything")
        }
        return []
    }

    private var note: PartialPull? {
        do {
            let root = try Directory.open(build.location.output)
            return try TreeState(cache: host.cacheFolder, root: root).partial(in: root)
        } catch { return nil }
    }

    private func pull(_ note: PartialPull) throws {
        let (opened, near) = try store.openNamed(note.store)
        var request = KbuildPuller.Request(MakeTransfer.place(build))
        let (tell, isSilent) = (store.tell, build.invocation.modes.contains(.silent))
        request.snapshot = note.snapshot.description
        request.storeName = note.store
        request.progress = store.progress
        request.waiting = tell
        request.remark = tell
        request.trust = store.trust(opened)
        if !isSilent {
            tell("only a part of snapshot \(note.snapshot.short) is here: completing it from \(note.store)")
        }
        let report = try KbuildPuller(host: MakeTransfer.host(host, for: build), store: opened, near: near)
            .pull(request)
        for remark in report.announcement.warnings + report.remarks { tell(remark) }
        if !isSilent { tell("pulled \(report.written) files (\(report.writtenBytes))") }
    }
}
