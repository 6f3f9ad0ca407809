import Foundation
import Glibc
import KCacheCore
import KCacheSystem
import KCacheTree
import Synchronization
import SystemPackage
import TestKernel

/// A fake kernel that has been built, and a clean environment: what the doctor finds nothing wrong with.
final class DoctorTrial {
    let work: Workplace
    var program: Program
    var tree: URL
    /// In front of the working directory's options.
    var options: [String] = []

    init() throws {
        work = try Workplace()
        program = work.program
        program.environment["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        program.environment.merge(FakeKernel.pins) { $1 }
        tree = work.place("tree")
        try Shell.run(["cp", "-a", try Self.built().path, tree.path])
    }

    private static let shared = Mutex<Result<URL, any Error>?>(nil)

    /// A tree that is built once; copies of it have nothing to do either.
    private static func built() throws -> URL {
        try shared.withLock { known in
            if let known { return try known.get() }
            let result = Result { try build() }
            known = result
            return try result.get()
        }
    }

    private static func build() throws -> URL {
        let kernel = try FakeKernel.prepared()
        let place = kernel.base.deletingLastPathComponent().appending(path: "doctor-1")
        if FileManager.default.fileExists(atPath: place.path) { return place }
        let attempt = kernel.base.deletingLastPathComponent().appending(path: "work-\(UUID().uuidString)")
        try kernel.makeTree(at: attempt, kernel.initial)
        let made = try kernel.build(attempt)
        guard made.status == 0 else { throw NotBuilt(log: made.log) }
        do { try FileManager.default.moveItem(at: attempt, to: place) } catch {
            // Another test process was quicker.
            try? FileManager.default.removeItem(at: attempt)
        }
        return place
    }

    struct NotBuilt: Error { let log: String }

    // MARK: Planting

    func file(_ path: String) -> URL { tree.appending(path: path) }

    func put(_ path: String, _ text: String) throws {
        try FileManager.default.createDirectory(
            at: file(path).deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file(path), atomically: false, encoding: .utf8)
    }

    /// Changes what the tree was configured with, as if it had been built so: the times stay.
    func configure(_ lines: String..., without: String = "CONFIG_NOTHING=") throws {
        for name in [".config", "include/config/auto.conf"] {
            try keepingTime(name) {
                let text = try String(contentsOf: file(name), encoding: .utf8).split(separator: "\n")
                let kept = text.filter { !$0.hasPrefix(without) }.map(String.init)
                try ((kept + lines).joined(separator: "\n") + "\n").write(
                    to: file(name), atomically: false, encoding: .utf8)
            }
        }
    }

    func keepingTime(_ path: String, _ body: () throws -> Void) throws {
        let copy = work.place("time-\(UUID())")
        try Shell.run(["touch", "-r", file(path).path, copy.path])
        try body()
        try Shell.run(["touch", "-r", copy.path, file(path).path])
    }

    /// A folder in front of PATH with one program.
    func shadow(_ name: String, _ script: String) throws {
        let bin = work.place("shadow")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        let program = bin.appending(path: name)
        try script.write(to: program, atomically: false, encoding: .utf8)
        try Shell.run(["chmod", "755", program.path])
        self.program.environment["PATH"] = "\(bin.path):\(self.program.environment["PATH"] ?? "")"
    }

    /// The only PATH: what a build starts, but for these.
    func hide(_ hidden: String...) throws {
        let bin = work.place("bin")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        let script = """
            for n in make gcc g++ ld as ar nm objcopy objdump readelf strip sh sed grep find xargs ls md5sum cut \\
                sort mktemp rm mkdir cat head git uname gzip xz cpio bc bison flex perl awk openssl expr tr; do
                case " $HIDDEN " in *" $n "*) continue ;; esac
                p=$(command -v $n) && ln -s "$p" "$BIN/$n"
            done
            true
            """
        try Shell.run(
            ["sh", "-c", script], environment: ["HIDDEN": hidden.joined(separator: " "), "BIN": bin.path])
        program.environment["PATH"] = bin.path
    }

    func git(_ arguments: String...) throws {
        try Shell.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
                + arguments,
            in: tree)
    }

    /// Makes the sources a repository.
    func commit() throws {
        try git("init", "-q")
        let sources = try FakeKernel.prepared().initial.files.keys.sorted()
        try Shell.run(
            ["git", "add", "-f", "--"] + sources + ["scripts/setlocalversion", "Makefile"], in: tree)
        try git("commit", "-q", "-m", "a")
    }

    /// From now on the tree is one that `make O=` has made for this one.
    func leaveForOutputTree() throws {
        let out = work.place("out")
        try FileManager.default.createDirectory(at: out, withIntermediateDirectories: true)
        try "include \(tree.path)/Makefile\n".write(
            to: out.appending(path: "Makefile"), atomically: false, encoding: .utf8)
        tree = out
    }

    var store: URL { work.place("home/.cache/kcache") }

    func push(_ words: String..., environment: [String: String] = [:]) throws {
        var other = program
        other.environment.merge(environment) { $1 }
        let pushed = try other.run(["push"] + words, in: tree)
        guard pushed.status == 0 else { throw Failed(result: pushed) }
    }

    func settings(_ text: String) throws {
        let folder = work.place("home/.config/kcache")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try text.write(to: folder.appending(path: "config.toml"), atomically: false, encoding: .utf8)
    }

    /// From now on kcache runs as somebody who owns nothing here; false where that can't be.
    func becomeStranger() throws {
        guard geteuid() == 0 else { return }
        program.prefix = ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        let home = work.place("guest")
        try Shell.run(["mkdir", "-m", "777", home.path])
        program.environment["HOME"] = home.path
    }

    // MARK: Asking

    struct Failed: Error { let result: Program.Result }

    struct Answer: Decodable {
        struct Finding: Decodable {
            let id: String
            let severity: String
            let what: String
            let cost: String
            let mend: String
            let paths: [String]
        }
        let well: Bool
        let tree: String?
        let store: String?
        let findings: [Finding]
        let notes: [Finding]

        var ids: Set<String> { Set(findings.map(\.id)) }
        func finding(_ id: String) -> Finding? { (findings + notes).first { $0.id == id } }
    }

    func text() throws -> Program.Result { try program.run(["doctor"] + options, in: tree) }

    /// The JSON answer; its exit status must say the same.
    func ask() throws -> Answer {
        let result = try program.run(["doctor", "--format", "json"] + options, in: tree)
        guard result.error.isEmpty, result.status == 0 || result.status == 1 else {
            throw Failed(result: result)
        }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(result.output.utf8))
        guard (result.status == 0) == answer.well, answer.well == answer.findings.isEmpty else {
            throw Failed(result: result)
        }
        return answer
    }

    /// All that a doctor may not change: names, types, sizes, times and change times.
    func everything() throws -> String {
        try Shell.run(
            [
                "find", tree.path, work.place("home").path, "-not", "-path", "*/out-*", "-not", "-path",
                "*/err-*",
                "-not", "-path", work.place("home").path, "-printf", "%p %y %m %s %T@ %C@\n",
            ])
    }
}
