import KCacheCore
import KCacheStore
import KCacheSystem
import Synchronization
import SystemPackage

/// Judges the signatures of a store's snapshots, each once.
final class SignatureCheck: Sendable {
    let trust: SnapshotTrust
    private let store: Store

    private struct State: Sendable {
        var judgements: [SnapshotID: SignatureJudgement] = [:]
        var refused = 0
        /// Listed once: most of a store may be unsigned.
        var signed: Set<SnapshotID>?
    }
    private let state = Mutex(State())

    /// So many signatures that don't count, and a pull gives up: a store can hold any number of them.
    static let mostRefused = 64

    init(_ trust: SnapshotTrust, _ store: Store) { (self.trust, self.store) = (trust, store) }

    var isRequired: Bool { trust.requiresSignature }

    /// Refuses to begin where signatures are required and can't be checked.
    func begin() throws {
        guard isRequired else { return }
        guard trust.allowedSigners != nil else {
            throw KbuildError(
                .untrusted,
                "signatures are required, and no allowed-signers file is set: set signing.allowed-signers "
                    + "(kcache config --help), or pull --no-require-signature")
        }
        _ = try allowedSigners()
    }

    /// - Throws: where nothing can be checked: no ssh-keygen, no such file.
    func judge(_ id: SnapshotID) throws -> SignatureJudgement {
        guard let allowed = try allowedSigners() else { return .notAsked }
        if let known = state.withLock({ $0.judgements[id] }) { return known }
        let judgement = try judge(id, allowed)
        state.withLock {
            $0.judgements[id] = judgement
            if case .refused = judgement { $0.refused += 1 }
        }
        return judgement
    }

    /// Whether a wanted snapshot may be taken; what is to be said of it, in a line.
    ///
    /// - Throws: if it may not.
    func admit(_ id: SnapshotID) throws -> (judgement: SignatureJudgement, warning: String?) {
        do {
            let judgement = try judge(id)
            let warning = judgement.problem.map { "snapshot \(id.short) \($0)" }
            if isRequired, !judgement.isGood {
                let problem = warning ?? "nobody looked"
                throw KbuildError(
                    .untrusted, "nothing was pulled, since signatures are required: \(problem)")
            }
            return (judgement, warning)
        } catch let error as KbuildError where !isRequired {
            return (.notAsked, "signatures were not checked: \(error)")
        }
    }

    /// True once too much was refused to go on.
    var isExhausted: Bool { state.withLock { $0.refused >= Self.mostRefused } }

    // MARK: Steps

    private func allowedSigners() throws -> FilePath? {
        guard let file = trust.allowedSigners else { return nil }
        let bytes: [UInt8]?
        do throws(SystemError) { bytes = try HostFile.contents(of: file, limit: 16 << 20) } catch {
            throw KbuildError(.untrusted, "cannot read the allowed-signers file: \(error)")
        }
        guard bytes != nil else {
            throw KbuildError(.untrusted, "there is no allowed-signers file \(file.string)")
        }
        return file
    }

    private func isSigned(_ id: SnapshotID) throws -> Bool {
        if let known = state.withLock({ $0.signed }) { return known.contains(id) }
        let signed = try store.signedSnapshots()
        state.withLock { $0.signed = signed }
        return signed.contains(id)
    }

    /// One signature that counts is enough: who signs anew with a new key leaves the old one in place.
    private func judge(_ id: SnapshotID, _ allowed: FilePath) throws -> SignatureJudgement {
        guard try isSigned(id) else { return .unsigned }
        let signatures: [SshSignature]
        do {
            guard let found = try store.signatures(id) else { return .unsigned }
            signatures = found
        } catch let error as StoreError where error.code == .damaged {
            return .refused("can't be told signed: \(error)")
        }
        var reasons: [String] = []
        for signature in signatures {
            let judgement = try trust.keygen.judge(signature, of: id, allowed: allowed)
            if judgement.isGood { return judgement }
            if let problem = judgement.problem { reasons.append(problem) }
        }
        let more = reasons.count > 1 ? " (and \(reasons.count - 1) more signatures that don't count)" : ""
        return .refused((reasons.first ?? "has no signature") + more)
    }
}
