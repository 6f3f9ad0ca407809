import KCacheCore
import KCacheSystem
import SystemPackage

/// The user's named stores: `$XDG_CONFIG_HOME/kcache/stores`, a line `NAME = FOLDER` each.
struct StoreRegistry {
    struct NamedStore: Codable {
        let name: String
        let path: String
    }

    private let invocation: Invocation
    private static let file = TreePath(literal: Array("stores".utf8))

    init(_ invocation: Invocation) { self.invocation = invocation }

    func all() throws -> [NamedStore] {
        let folder: Directory
        do { folder = try Directory.open(try invocation.configFolder()) } catch let error as SystemError {
            if error.errno == .noSuchFileOrDirectory { return [] }
            throw error
        }
        guard let bytes = try folder.readFile(Self.file, limit: 1 << 20) else { return [] }
        var stores: [NamedStore] = []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let text = line.trimmed
            if text.isEmpty || text.hasPrefix("#") { continue }
            guard let cut = text.firstIndex(of: "=") else {
                throw SettingsError(
                    "\(folder.path.string)/stores: no `NAME = FOLDER` in the line \"\(text)\": mend or remove it"
                )
            }
            stores.append(
                NamedStore(name: text[..<cut].trimmed, path: text[text.index(after: cut)...].trimmed))
        }
        return stores
    }

    /// The folder of the store that is set; the cache folder where none is.
    func path(of setting: String?) throws -> FilePath {
        try setting.map { try resolve($0) } ?? invocation.cacheFolder()
    }

    /// The folder that a name or a path means.
    func resolve(_ text: String) throws -> FilePath {
        if let store = try named(text) { return FilePath(store.path) }
        guard text.contains("/") || text == "." || text == ".." else {
            throw SettingsError(
                "there is no store named \"\(text)\": `kcache store list` has the names; a folder is written ./\(text)"
            )
        }
        guard !text.contains("://") else {
            throw SettingsError("\(text): this kcache knows folders only as stores")
        }
        return invocation.absolute(text)
    }

    func named(_ name: String) throws -> NamedStore? { try all().first { $0.name == name } }

    func add(_ name: String, _ path: FilePath) throws {
        let letters = name.utf8.allSatisfy { isNameByte($0) }
        guard letters, !name.isEmpty, name.utf8.count <= 64 else {
            throw SettingsError("\"\(name)\" is no name for a store: use letters, digits, `-`, `_` and `.`")
        }
        var stores = try all()
        guard !stores.contains(where: { $0.name == name }) else {
            throw SettingsError(
                "there is a store named \"\(name)\" already: `kcache store remove \(name)` first")
        }
        stores.append(NamedStore(name: name, path: path.string))
        try save(stores)
    }

    func remove(_ name: String) throws {
        let stores = try all()
        guard stores.contains(where: { $0.name == name }) else {
            throw SettingsError("there is no store named \"\(name)\": `kcache store list` has the names")
        }
        try save(stores.filter { $0.name != name })
    }

    private func save(_ stores: [NamedStore]) throws {
        let text = stores.map { "\($0.name) = \($0.path)\n" }.joined()
        try AtomicFile.write(
            Array(text.utf8), to: Self.file, in: try Directory.create(try invocation.configFolder()))
    }

    private func isNameByte(_ c: UInt8) -> Bool {
        switch c {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        var rest = self[...]
        while let c = rest.first, c.isWhitespace { rest = rest.dropFirst() }
        while let c = rest.last, c.isWhitespace { rest = rest.dropLast() }
        return String(rest)
    }
}
