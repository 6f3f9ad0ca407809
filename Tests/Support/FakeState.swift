package import Foundation
package import KCacheCore

/// The sources and the configuration of a fake kernel at one moment.
package struct FakeState: Hashable, Sendable {
    /// Text by path. What begins with `#!` is executable.
    package var files: [String: String]
    /// `.config`, complete; empty for none.
    package var config: String

    package init(files: [String: String], config: String) { (self.files, self.config) = (files, config) }

    /// The files of `Skeleton/`, beside this file.
    static func skeleton() throws -> FakeState {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Skeleton")
        var files: [String: String] = [:]
        for path in try Shell.files(in: folder) {
            files[path] = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
        }
        return FakeState(files: files, config: "")
    }

    package var digest: Digest {
        var builder = DigestBuilder()
        for path in files.keys.sorted() {
            builder.update("\(path)\u{0}\(files[path] ?? "")\u{0}")
        }
        builder.update(config)
        return builder.finish()
    }

    /// The value of a symbol in the configuration; `n` for none.
    package func value(_ symbol: String) -> String {
        for line in config.split(separator: "\n") where line.hasPrefix("CONFIG_\(symbol)=") {
            return String(line.dropFirst(symbol.count + 8))
        }
        return "n"
    }

    /// Writes what differs from `earlier` (nil: everything) into the tree, as an editor would: only files
    /// whose content changes get a new time. The first write waits until the clock has moved on from
    /// whatever was made before.
    package func write(to tree: URL, replacing earlier: FakeState? = nil) throws {
        Thread.sleep(forTimeInterval: 0.012)
        for path in (earlier?.files.keys.sorted() ?? []) where files[path] == nil {
            try FileManager.default.removeItem(at: tree.appending(path: path))
        }
        for path in files.keys.sorted() where earlier == nil || earlier?.files[path] != files[path] {
            try put(files[path] ?? "", at: path, in: tree)
        }
        if earlier?.config != config, !config.isEmpty { try put(config, at: ".config", in: tree) }
    }

    private func put(_ text: String, at path: String, in tree: URL) throws {
        let file = tree.appending(path: path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: false, encoding: .utf8)
        if text.hasPrefix("#!") {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        }
    }
}
