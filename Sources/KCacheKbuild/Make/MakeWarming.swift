import KCacheCore
import KCacheStore
import KCacheSystem
import SystemPackage

/// Pulls a snapshot into a tree in which nothing has been built, before make starts there.
///
/// Whatever goes wrong is told in one line, and make then builds what it would have built without.
struct MakeWarming {
    let build: MakeBuild
    let host: HostEnvironment
    let store: MakeStore

    /// Warms the tree if it is cold; lines for `--explain`.
    func run() -> [String] {
        if let reason = needless { return ["not warmed: \(reason)"] }
        do {
            if let reason = obstacle { throw KbuildError(.unfit, reason) }
            try pull()
        } catch { store.tell("not warmed: \(MakeStore.line(error))") }
        return []
    }

    /// Why a pull would not help this make, where nobody would expect one.
    private var needless: String? {
        if !build.goals.areForObjects(build.invocation.goals) { return "these goals compile nothing" }
        if build.invocation.modes.contains(.alwaysMake) { return "-B makes everything anew" }
        return ColdTree.isCold(build) ? nil : "something is built here"
    }

    private var obstacle: String? {
        if build.location.module == nil, FileIdentity(build.location.output.appending(".config")) == nil {
            return "there is no .config here (kcache pull brings one, where you want that)"
        }
        return nil
    }

    private func pull() throws {
        let (opened, near) = try store.open(.existing)
        let puller = KbuildPuller(host: MakeTransfer.host(host, for: build), store: opened, near: near)
        var request = KbuildPuller.Request(MakeTransfer.place(build))
        let (tell, isSilent) = (store.tell, build.invocation.modes.contains(.silent))
        request.progress = store.progress
        request.waiting = tell
        request.remark = tell
        request.trust = store.trust(opened)
        request.announce = { announcement in
            // Where the toolchain differs, what comes of it is told in the end.
            if announcement.toolchain.isEmpty, !isSilent { tell(Self.line(announcement)) }
        }
        let report = try puller.pull(request)
        // What is wrong with a signature, or missing in the store, is told with -s too.
        for remark in report.announcement.warnings + report.remarks { tell(remark) }
        if isSilent { return }
        if !report.announcement.toolchain.isEmpty {
            tell(([Self.line(report.announcement)] + report.announcement.toolchain).joined(separator: "; "))
        }
        tell("pulled \(report.written) files (\(report.writtenBytes))")
    }

    private static func line(_ announcement: KbuildPuller.Announcement) -> String {
        let header = announcement.header
        var words = ["warming from snapshot \(announcement.id.short)"]
        if !header.name.isEmpty { words.append("\"\(header.name)\"") }
        words.append(header.environment.kernelRelease)
        let signer = announcement.signature.signer.map { ", signed by \($0)" } ?? ""
        return words.joined(separator: " ") + (announcement.reason.map { ": \($0)" } ?? "") + signer
    }
}
