import KCacheCore
import KCacheStore
import KCacheSystem
import SystemPackage

/// Pushes a tree after a make that succeeded there. Its failure is told in one line, and is none of the make's.
struct MakePushing: Sendable {
    let build: MakeBuild
    let host: HostEnvironment
    let store: MakeStore
    /// Nil where no record is kept.
    let key: BuildKey?

    /// Pushes, unless make did not run and this state was pushed before; lines for `--explain`.
    ///
    /// That make did not run means that all it looks at stands as in the record. So if the record's state was
    /// pushed, a new snapshot could differ in nothing that matters to a build.
    func run(makeRan: Bool) -> [String] {
        guard build.goals.areWhole(build.invocation.goals) else {
            return ["not pushed: the goals are not the kernel or its modules"]
        }
        do {
            // What is noted as the toolchain must be what the make has run.
            try host.root?.verify(cache: host.cacheFolder)
            let (opened, near) = try store.open(.createIfMissing)
            let records = BuildRecords(host: host)
            if !makeRan, let key, let mark = records.pushMark(key), mark.store == opened.place,
                // No journey just to learn that nothing has to be done.
                try near != nil || opened.holds(mark.snapshot)
            {
                return ["not pushed: snapshot \(mark.snapshot.short) is of this state"]
            }
            return try push(to: opened, near)
        } catch {
            store.tell("not pushed: \(MakeStore.line(error))")
            return []
        }
    }

    private func push(to opened: Store, _ near: Store?) throws -> [String] {
        // Read before the push: should the record be of an earlier state, then that will never come back, since
        // no ctime does.
        let records = BuildRecords(host: host)
        let state = key.flatMap { records.state($0) }
        var request = KbuildPusher.Request(MakeTransfer.place(build))
        request.progress = store.progress
        request.waiting = store.tell
        request.sign = store.sign
        let report = try KbuildPusher(host: MakeTransfer.host(host, for: build), store: near ?? opened)
            .push(request)
        guard let id = report.id else { return [] }
        if let near {
            _ = try SnapshotSending(from: near, to: opened).send(
                id, progress: store.progress, waiting: store.tell)
        }
        if !report.alreadyThere, !build.invocation.modes.contains(.silent) {
            store.tell("pushed snapshot \(id.short) (\(report.storedBytes) stored in \(opened.place))")
        }
        var lines = report.alreadyThere ? ["not pushed: snapshot \(id.short) is this tree"] : []
        lines += report.leftOut.map { "left out: \($0.path) (\($0.reason))" }
        if let key, let state {
            do {
                try records.save(PushMark(state: state, store: opened.place, snapshot: id), key)
            } catch { lines.append("the next make pushes again: \(error)") }
        }
        return lines
    }
}
