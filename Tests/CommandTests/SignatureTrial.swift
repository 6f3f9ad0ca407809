import Foundation
import TestKernel

/// A machine with ssh keys, two trees and a store: who signs what, and what another makes of it.
struct SignatureTrial {
    let work: Workplace
    private(set) var program: Program

    init() throws {
        work = try Workplace()
        program = work.program
        // ssh-keygen, and no compiler that would be asked for its version.
        let bin = work.place("bin")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        let found = try Shell.run(["sh", "-c", "command -v ssh-keygen"])
        try FileManager.default.createSymbolicLink(
            at: bin.appending(path: "ssh-keygen"),
            withDestinationURL: URL(fileURLWithPath: found.trimmingCharacters(in: .whitespacesAndNewlines)))
        program.environment["PATH"] = bin.path
        for name in ["alice", "mallory"] { try makeKey(name) }
        try allow("alice@example.com \(publicKey("alice"))")
        try configure()
    }

    var store: URL { work.place("home/.cache/kcache") }
    var allowed: URL { work.place("allowed_signers") }

    // MARK: Keys

    func makeKey(_ name: String, type: String = "ed25519") throws {
        try Shell.run(
            ["ssh-keygen", "-q", "-t", type, "-N", "", "-C", name, "-f", key(name)])
    }

    func key(_ name: String) -> String { work.place("key-\(name)").path }

    /// Its algorithm and bytes.
    func publicKey(_ name: String) throws -> String {
        try String(contentsOfFile: key(name) + ".pub", encoding: .utf8).split(separator: " ").prefix(2)
            .joined(separator: " ")
    }

    /// As ssh-keygen shows it.
    func fingerprint(_ name: String) throws -> String {
        let words = try Shell.run(["ssh-keygen", "-l", "-f", key(name)]).split(separator: " ")
        return String(words[1])
    }

    func allow(_ lines: String...) throws {
        try (lines.joined(separator: "\n") + "\n").write(to: allowed, atomically: false, encoding: .utf8)
    }

    func configure(_ more: String = "") throws {
        let folder = work.place("home/.config/kcache")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try "[signing]\nallowed-signers = \"\(allowed.path)\"\n\(more)\n".write(
            to: folder.appending(path: "config.toml"), atomically: false, encoding: .utf8)
    }

    // MARK: Store

    /// Pushes a small tree; the snapshot's number.
    func push(_ options: String..., tree: String = "a", seed: UInt64 = 1) throws -> String {
        let root = work.place(tree)
        if !FileManager.default.fileExists(atPath: root.path) { _ = try SmallTree(root, seed: seed) }
        let result = try program.run(["push", "--format", "json"] + options, in: root)
        struct Pushed: Decodable { let snapshot: String }
        guard result.status == 0 else { throw Failed(result: result) }
        return try JSONDecoder().decode([Pushed].self, from: Data(result.output.utf8))[0].snapshot
    }

    struct Failed: Error { let result: Program.Result }

    func signature(_ snapshot: String) -> URL { store.appending(path: "signatures/\(snapshot)") }

    func statement(_ snapshot: String) -> String {
        "kcache snapshot signature 1\nrecord sha256 \(snapshot)\n"
    }

    /// What `ssh-keygen -Y sign` makes, without kcache.
    func sign(_ text: String, by name: String, namespace: String = "kcache") throws -> String {
        let file = work.place("text-\(UUID())")
        try text.write(to: file, atomically: false, encoding: .utf8)
        try Shell.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key(name), file.path])
        return try String(contentsOfFile: file.path + ".sig", encoding: .utf8)
    }

    func put(_ text: String, asSignatureOf snapshot: String) throws {
        try FileManager.default.createDirectory(
            at: signature(snapshot).deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: signature(snapshot), atomically: false, encoding: .utf8)
    }

    /// Takes a snapshot off the store, as somebody does who has a copy of an earlier state.
    func withhold(_ snapshot: String) throws {
        for folder in ["catalog", "signatures", "snapshots"] {
            let file = store.appending(path: "\(folder)/\(snapshot)")
            if FileManager.default.fileExists(atPath: file.path) {
                try FileManager.default.removeItem(at: file)
            }
        }
    }

    // MARK: Pull

    func pull(_ options: String..., into tree: String = "b") throws -> Program.Result {
        try FileManager.default.createDirectory(at: work.place(tree), withIntermediateDirectories: true)
        return try program.run(["pull"] + options, in: work.place(tree))
    }

    /// Every path with its type, size and time.
    func listing(_ tree: String) throws -> String {
        try Shell.run(["find", work.place(tree).path, "-printf", "%P %y %s %T@\n"])
    }
}
