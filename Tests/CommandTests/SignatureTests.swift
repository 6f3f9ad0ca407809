import Foundation
import Glibc
import KCacheCore
import KCacheStore
import SystemPackage
import TestKernel
import Testing

/// Signatures by real ssh keys: who is let in, who isn't, and what is said.
@Suite struct SignatureTests {
    private var trial: SignatureTrial

    init() throws { trial = try SignatureTrial() }

    private func expectSigned(
        _ result: Program.Result, _ line: String, _ at: SourceLocation = #_sourceLocation
    ) {
        #expect(
            result.status == 0 && result.output.split(separator: "\n").contains { $0 == line }, "\(result)",
            sourceLocation: at)
    }

    @Test(arguments: ["ed25519", "rsa", "ecdsa"]) func whoSignedIsTold(type: String) throws {
        try trial.makeKey("bob", type: type)
        try trial.allow("bob@example.com,*@team \(trial.publicKey("bob"))")
        let id = try trial.push("--sign=\(trial.key("bob"))")
        let line = "signed by bob@example.com (\(type.uppercased()) \(try trial.fingerprint("bob")))"
        expectSigned(try trial.pull("--require-signature"), line)
        #expect(FileManager.default.fileExists(atPath: trial.work.place("b/d/f1.o").path))
        // Nothing of kcache's is needed to check it.
        try trial.statement(id).write(to: trial.work.place("text"), atomically: false, encoding: .utf8)
        try Shell.run([
            "sh", "-c",
            "ssh-keygen -Y verify -f \(trial.allowed.path) -I bob@example.com -n kcache "
                + "-s \(trial.signature(id).path) < \(trial.work.place("text").path)",
        ])
        let list = try trial.program.run(["list"], in: trial.work.place("a"))
        #expect(list.output.contains("  yes     "), "\(list)")
        let show = try trial.program.run(["show", String(id.prefix(12))], in: trial.work.place("a"))
        #expect(show.output.contains("signature      \(type.uppercased()) SHA256:"), "\(show)")
        #expect(try trial.program.run(["verify"], in: trial.work.place("a")).status == 0)
        let json = try trial.pull("--format", "json", into: "c")
        #expect(json.output.contains("\"signedBy\" : \"bob@example.com\""), "\(json)")
    }

    /// Each is refused where signatures are required, in one line and with nothing written, and told where not.
    @Test(arguments: Attack.allCases) func refused(attack: Attack) throws {
        var trial = trial
        let id = try attack.carryOut(&trial)
        for tree in ["empty", "checkout"] {
            let root = trial.work.place(tree)
            if tree == "checkout" { _ = try SmallTree(root, built: false) }
            try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
            let before = try trial.listing(tree)
            for named in [[], [String(id.prefix(12))]] {
                let result = try trial.program.run(["pull", "--require-signature"] + named, in: root)
                #expect(result.status == 1 && result.output == "", "\(attack): \(result)")
                #expect(result.error.split(separator: "\n").count == 1, "\(attack): \(result)")
                #expect(
                    result.error.hasPrefix("kcache: ") && result.error.contains(attack.reason),
                    "\(attack): \(result)")
                #expect(try trial.listing(tree) == before, "\(attack)")
            }
        }
        // The setting does the same, and an option comes over it.
        try trial.configure("require-signature = true")
        #expect(try trial.pull().status == 1)
        let accepted = try trial.pull("--no-require-signature")
        #expect(accepted.status == 0 && !accepted.output.contains("signed by"), "\(accepted)")
        #expect(accepted.error.contains("note: ") && accepted.error.contains(attack.reason), "\(accepted)")
    }

    enum Attack: String, CaseIterable {
        case unsigned, otherBytes, stranger, expired, notYetValid, namespaceOfAnotherUse, keyForOtherUses
        case damaged, otherThingsAround, oversized, noKeygen, noAllowedSigners

        var reason: String {
            switch self {
            case .unsigned: "is unsigned"
            case .otherBytes: "that is of other bytes"
            case .stranger: "does not allow now: ssh-keygen says \"No principal matched.\""
            case .expired: "key has expired: verify time"
            case .notYetValid: "key is not yet valid"
            case .namespaceOfAnotherUse: "is signed for \"git\", not for kcache"
            case .keyForOtherUses: "not permitted for use in signature namespace"
            case .damaged, .otherThingsAround, .oversized: "is damaged: signature: "
            case .noKeygen: "signatures need ssh-keygen, which is not in PATH"
            case .noAllowedSigners: "there is no allowed-signers file"
            }
        }

        /// The store's newest snapshot, and what is wrong with it.
        func carryOut(_ trial: inout SignatureTrial) throws -> String {
            func signed() throws -> String { try trial.push("--sign-key", trial.key("alice")) }
            func replace(_ change: (String, String) throws -> String) throws -> String {
                let id = try signed()
                let text = try String(contentsOf: trial.signature(id), encoding: .utf8)
                try trial.put(try change(id, text), asSignatureOf: id)
                return id
            }
            let key = try trial.publicKey("alice")
            switch self {
            case .unsigned: return try trial.push()
            case .otherBytes:
                return try replace { _, _ in
                    try trial.sign(trial.statement(String(repeating: "0", count: 64)), by: "alice")
                }
            case .stranger: return try trial.push("--sign-key", trial.key("mallory"))
            case .expired:
                try trial.allow("alice@example.com valid-before=\"20200101\" \(key)")
                return try signed()
            case .notYetValid:
                try trial.allow("alice@example.com valid-after=\"20990101\" \(key)")
                return try signed()
            case .namespaceOfAnotherUse:
                return try replace { id, _ in
                    try trial.sign(trial.statement(id), by: "alice", namespace: "git")
                }
            case .keyForOtherUses:
                try trial.allow("alice@example.com namespaces=\"git,file\" \(key)")
                return try signed()
            case .damaged: return try replace { _, _ in "hello\n" }
            case .otherThingsAround: return try replace { _, text in text + "and more\n" }
            case .oversized:
                return try replace { _, text in String(repeating: text, count: 4000) }
            case .noKeygen:
                let id = try signed()
                try FileManager.default.removeItem(at: trial.work.place("bin/ssh-keygen"))
                return id
            case .noAllowedSigners:
                let id = try signed()
                try FileManager.default.removeItem(at: trial.allowed)
                return id
            }
        }
    }

    @Test func requiredWithoutSigners() throws {
        _ = try trial.push()
        try "".write(
            to: trial.work.place("home/.config/kcache/config.toml"), atomically: false, encoding: .utf8)
        let result = try trial.pull("--require-signature")
        #expect(result.status == 1 && result.error.contains("no allowed-signers file is set"), "\(result)")
        // Nobody asks: nothing is said.
        let plain = try trial.pull()
        #expect(plain.status == 0 && !plain.error.contains("sign"), "\(plain)")
    }

    /// Where signatures are required, the best of what is signed is pulled, however well others would fit.
    @Test func unsignedOnesAreNotChosen() throws {
        let good = try trial.push("--sign-key", trial.key("alice"), "--name", "good")
        let stranger = try trial.push("--sign-key", trial.key("mallory"), "--name", "bad", tree: "m", seed: 2)
        let unsigned = try trial.push("--name", "none", tree: "u", seed: 3)
        #expect(Set([good, stranger, unsigned]).count == 3)
        let required = try trial.pull("--require-signature")
        #expect(required.output.contains("snapshot \(good.prefix(12))"), "\(required)")
        let named = try trial.pull("--require-signature", "none", into: "c")
        #expect(named.status == 1 && named.error.contains("is unsigned"), "\(named)")
    }

    /// Expired keys leave their snapshots to who signs them anew.
    @Test func aSecondSignerHelps() throws {
        let id = try trial.push("--sign-key", trial.key("alice"))
        try trial.makeKey("bob")
        let line = "valid-before=\"20200101\" \(try trial.publicKey("alice"))"
        try trial.allow("alice@example.com \(line)", "bob@example.com \(try trial.publicKey("bob"))")
        #expect(try trial.pull("--require-signature").status == 1)
        let again = try trial.program.run(
            ["push", "--sign=\(trial.key("bob"))"], in: trial.work.place("a"))
        #expect(
            again.output.contains("nothing new") && again.output.contains("signed with ED25519 SHA256:"),
            "\(again)")
        let text = try String(contentsOf: trial.signature(id), encoding: .utf8)
        #expect(text.components(separatedBy: "BEGIN SSH SIGNATURE").count == 3)
        expectSigned(
            try trial.pull("--require-signature"),
            "signed by bob@example.com (ED25519 \(try trial.fingerprint("bob")))")
    }

    /// A catalog entry is not signed: what it says of a signed snapshot has to be what the record says.
    @Test func catalogsThatLieAreRefused() throws {
        let id = try trial.push("--sign-key", trial.key("alice"), "--name", "old")
        let digest = try #require(Digest(hex: id))
        let store = try Store.open(at: FilePath(trial.store.path))
        var header = try #require(try store.catalog()[SnapshotID(digest)]).header
        header.name = "new"
        header.created += 1000
        try Data(CatalogCodec.encode(header)).write(to: trial.store.appending(path: "catalog/\(id)"))
        for words in [["new"], [], ["--require-signature", "new"], ["--require-signature"]] {
            let result = try trial.program.run(["pull"] + words, in: trial.work.place("a"))
            #expect(result.status == 1, "\(words) \(result)")
            #expect(
                result.error.contains("the catalog says other things of snapshot")
                    || result.error.contains("has one that counts"), "\(words) \(result)")
        }
    }

    @Test func keysThatCantSign() throws {
        _ = try SmallTree(trial.work.place("a"))
        func push(_ words: String...) throws -> Program.Result {
            try trial.program.run(["push"] + words, in: trial.work.place("a"))
        }
        let none = try push("--sign")
        #expect(none.status == 1 && none.error.hasPrefix("kcache: --sign has no key"), "\(none)")
        let missing = try push("--sign=nokey")
        #expect(missing.status == 1 && missing.error.contains("there is no key"), "\(missing)")
        // Neither the agent nor a file has the private half.
        try FileManager.default.removeItem(atPath: trial.key("mallory"))
        let half = try push("--sign", "--sign-key", trial.key("mallory") + ".pub")
        #expect(half.status == 1 && half.error.contains("No private key found"), "\(half)")
        #expect(half.error.split(separator: "\n").count == 1)
        #expect(
            try trial.program.run(["list", "--quiet"], in: trial.work.place("a")).output.contains("yes")
                == false)
        // The setting signs each push, and can be passed over.
        try trial.configure("key = \"\(trial.key("alice"))\"")
        #expect(try push("--no-sign").output.contains("signed with") == false)
        #expect(try push("--name", "x").output.contains("signed with ED25519"))
    }

    /// The private key is in the agent only.
    @Test func theAgentSigns() throws {
        _ = try SmallTree(trial.work.place("a"))
        let (key, place) = (trial.key("alice"), trial.work.place("a").path)
        try Shell.run(
            [
                "ssh-agent", "sh", "-c",
                "ssh-add -q \(key) && mv \(key) \(key).away && \(Program.path) push --sign=\(key).pub -C \(place)",
            ], environment: ["HOME": trial.work.place("home").path])
        expectSigned(
            try trial.pull("--require-signature"),
            "signed by alice@example.com (ED25519 \(try Shell.run(["ssh-keygen", "-l", "-f", key + ".pub"]).split(separator: " ")[1]))"
        )
    }

    // MARK: Old catalogs

    @Test func replayedCatalogIsNoticed() throws {
        let old = try trial.push("--sign-key", trial.key("alice"), "--name", "nightly")
        #expect(try trial.pull("--require-signature", into: "b").status == 0)
        // Later by the snapshots' own times, which are in seconds.
        sleep(1)
        let new = try trial.push("--sign-key", trial.key("alice"), "--name", "nightly", tree: "n", seed: 2)
        let seen = try trial.pull("--require-signature", "nightly", into: "c")
        #expect(seen.output.contains("snapshot \(new.prefix(12))"), "\(seen)")

        // It is there, but would not be chosen: without its signature, under another name, damaged.
        let entry = trial.store.appending(path: "catalog/\(new)")
        var header = try CatalogCodec.decode(Array(Data(contentsOf: entry)))
        header.name = "other"
        for (file, bytes) in [
            (trial.signature(new), nil), (trial.signature(new), Array("x".utf8)),
            (entry, CatalogCodec.encode(header)), (entry, [1]),
        ] {
            let good = try Data(contentsOf: file)
            if let bytes {
                try Data(bytes).write(to: file)
            } else {
                try FileManager.default.removeItem(at: file)
            }
            let result = try trial.pull("--require-signature", into: "d")
            #expect(
                result.status == 1 && result.error.contains("no longer lists snapshot \(new.prefix(12))"),
                "\(file.path): \(result)")
            try good.write(to: file)
        }
        #expect(try trial.pull("--require-signature", into: "z").status == 0)

        try trial.withhold(new)
        // What nobody signed does not stand for the newer one.
        _ = try trial.push("--name", "nightly", tree: "m", seed: 3)
        _ = try trial.push("--sign-key", trial.key("mallory"), "--name", "nightly", tree: "o", seed: 4)
        try FileManager.default.createDirectory(at: trial.work.place("d"), withIntermediateDirectories: true)
        for words in [
            ["pull"], ["pull", "nightly"], ["pull", String(old.prefix(12))], ["pull", "--dry-run"],
        ] {
            let result = try trial.program.run(words + ["--require-signature"], in: trial.work.place("d"))
            #expect(result.status == 1 && result.output == "", "\(result)")
            #expect(
                result.error.contains("no longer lists snapshot \(new.prefix(12)) \"nightly\"")
                    && result.error.split(separator: "\n").count == 1, "\(result)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: trial.work.place("d").path) == [])
        }
        let accepted = try trial.pull("--require-signature", "--accept-older", into: "d")
        #expect(accepted.status == 0 && accepted.output.contains("snapshot \(old.prefix(12))"), "\(accepted)")
        // From here on this is the newest that was seen.
        let after = try trial.pull("--require-signature", into: "e")
        #expect(after.status == 0 && !after.error.contains("no longer lists"), "\(after)")
    }

    /// Where signatures are not required, it is told, once; what was forgotten from here is nobody's loss.
    @Test func whatIsGoneIsTold() throws {
        let old = try trial.push("--name", "nightly")
        sleep(1)
        let new = try trial.push("--name", "nightly", tree: "n", seed: 2)
        try "".write(
            to: trial.work.place("home/.config/kcache/config.toml"), atomically: false, encoding: .utf8)
        #expect(try trial.pull(into: "b").status == 0)
        try trial.withhold(new)
        let told = try trial.pull(into: "c")
        #expect(
            told.status == 0 && told.error.contains("no longer lists snapshot \(new.prefix(12))"), "\(told)")
        #expect(try trial.pull(into: "d").error.contains("no longer lists") == false)
        #expect(try trial.program.run(["forget", old], in: trial.work.place("a")).status == 0)
        _ = try trial.push("--name", "other", tree: "n")
        let after = try trial.pull(into: "e")
        #expect(after.status == 0 && !after.error.contains("no longer lists"), "\(after)")
        // A memory that is damaged is none.
        let seen = trial.work.place("home/.local/state/kcache/seen")
        for file in try FileManager.default.contentsOfDirectory(atPath: seen.path) {
            try Data("x".utf8).write(to: seen.appending(path: file))
        }
        #expect(try trial.pull(into: "f").status == 0)
        // Nor is one that can't be kept a reason to fail.
        let state = trial.work.place("home/.local/state/kcache")
        try FileManager.default.removeItem(at: state)
        try Data("x".utf8).write(to: state)
        let forgetful = try trial.pull("--require-signature", into: "g")
        #expect(forgetful.status == 1 && forgetful.error.contains("no allowed-signers file"), "\(forgetful)")
        let kept = try trial.pull(into: "g")
        #expect(
            kept.status == 0 && kept.error.contains("what was seen of this store can't be read"), "\(kept)")
    }
}
