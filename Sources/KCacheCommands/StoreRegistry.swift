import KCacheCore
import KCacheRemote
import KCacheSystem
import SystemPackage

/// The user's named stores: `stores.toml` in the configuration folder, a table each.
struct StoreRegistry {
    /// One table.
    struct NamedStore: Codable {
        let name: String
        /// A folder, or an address.
        var url: String
        /// The ssh program and options to reach it, separated by blanks.
        var ssh: String?
        /// The kcache there.
        var program: String?
        /// Bytes in a second.
        var limitRate: Int?
    }

    private let invocation: Invocation
    private static let file = TreePath(literal: Array("stores.toml".utf8))

    init(_ invocation: Invocation) { self.invocation = invocation }

    func all() throws -> [NamedStore] {
        let folder: Directory
        do { folder = try Directory.open(try invocation.configFolder()) } catch let error as SystemError {
            if error.errno == .noSuchFileOrDirectory { return [] }
            throw error
        }
        guard let bytes = try folder.readFile(Self.file, limit: 1 << 20) else { return [] }
        let path = folder.path.appending("stores.toml")
        let document: TomlDocument
        do throws(TomlDocument.Problem) { document = try TomlDocument(parsing: bytes) } catch {
            throw problem(path, error.line, error.text)
        }
        var tables: [(name: String, line: Int, values: [String: TomlDocument.Value])] = []
        for table in document.tables where table.path.count == 1 {
            tables.append((table.path[0], table.line, [:]))
        }
        for entry in document.entries {
            guard entry.path.count == 2, let i = tables.firstIndex(where: { $0.name == entry.path[0] }) else {
                throw problem(path, entry.line, "a store is a table: [NAME], then url = \"…\"")
            }
            try check(entry, path)
            tables[i].values[entry.path[1]] = entry.value
        }
        return try tables.map { table in
            guard case .string(let url)? = table.values["url"] else {
                throw problem(path, table.line, "the store \(table.name) has no url")
            }
            return NamedStore(
                name: table.name, url: url, ssh: table.values["ssh"]?.text,
                program: table.values["program"]?.text, limitRate: table.values["limit-rate"]?.number)
        }
    }

    func named(_ name: String) throws -> NamedStore? { try all().first { $0.name == name } }

    /// What a name, a folder or an address means.
    func resolve(_ text: String) throws -> StoreReference {
        if let store = try named(text) { return try reference(store) }
        if let address = try address(text) {
            return StoreReference(location: .ssh(address, SSHTransport.Options()), invocation: invocation)
        }
        guard text.contains("/") || text == "." || text == ".." else {
            throw SettingsError(
                "there is no store named \"\(text)\": `kcache store list` has the names; a folder is written ./\(text)"
            )
        }
        return StoreReference(location: .folder(invocation.absolute(text)), invocation: invocation)
    }

    /// The machine that a store's name, an address or a host's name means, as one that builds.
    func builder(_ text: String) throws -> StoreReference {
        var named = try named(text) ?? NamedStore(name: "", url: text, ssh: nil, program: nil, limitRate: nil)
        if try address(named.url) == nil, !named.url.contains("/") { named.url = "ssh://\(text)" }
        guard case .ssh(let address, var options) = try reference(named).location else {
            throw SettingsError("\(text) is a folder: --on takes a host, as ssh does", status: 2)
        }
        options.builds = true
        return StoreReference(location: .ssh(address.ofHost, options), invocation: invocation)
    }

    /// The store of a setting; the one in the cache folder where nothing is set.
    func reference(ofSetting text: String?) throws -> StoreReference {
        if let text { return try resolve(text) }
        return StoreReference(location: .folder(try invocation.cacheFolder()), invocation: invocation)
    }

    /// True if the text is a store's name, or could be nothing but a store.
    func isStore(_ text: String) throws -> Bool {
        if text.contains("/") || text == "." || text.contains(":") { return true }
        return try named(text) != nil
    }

    /// True if a store has this name.
    func isName(_ text: String) throws -> Bool { try named(text) != nil }

    func reference(_ store: NamedStore) throws -> StoreReference {
        guard let address = try address(store.url) else {
            return StoreReference(location: .folder(FilePath(store.url)), invocation: invocation)
        }
        var options = SSHTransport.Options()
        options.command = (store.ssh ?? "").split(separator: " ").map(String.init)
        options.farProgram = store.program ?? ""
        options.bytesPerSecond = store.limitRate
        return StoreReference(location: .ssh(address, options), invocation: invocation)
    }

    /// True if the text is the address of a store on another machine.
    func isAddress(_ text: String) throws -> Bool { try address(text) != nil }

    func add(_ store: NamedStore) throws {
        try checkNew(store.name)
        try save(try all() + [store])
    }

    /// - Throws: if no store can be given this name.
    func checkNew(_ name: String) throws {
        let letters = name.utf8.allSatisfy { isNameByte($0) }
        guard letters, !name.isEmpty, name.utf8.count <= 64 else {
            throw SettingsError("\"\(name)\" is no name for a store: use letters, digits, `-`, `_` and `.`")
        }
        guard try named(name) == nil else {
            throw SettingsError(
                "there is a store named \"\(name)\" already: `kcache store remove \(name)` first")
        }
    }

    func remove(_ name: String) throws {
        let stores = try all()
        guard stores.contains(where: { $0.name == name }) else {
            throw SettingsError("there is no store named \"\(name)\": `kcache store list` has the names")
        }
        try save(stores.filter { $0.name != name })
    }

    // MARK: Helpers

    /// Nil if the text is a folder's name.
    private func address(_ text: String) throws -> SSHAddress? {
        let address: SSHAddress?
        do throws(SSHAddress.Problem) { address = try SSHAddress(parsing: text) } catch {
            throw SettingsError("\(error)", status: 2)
        }
        if address == nil, text.contains("://") {
            throw SettingsError(
                "\(text): this kcache knows folders and ssh:// as stores, and no other kind of address",
                status: 2)
        }
        return address
    }

    private static let texts = ["url", "ssh", "program"]

    private func check(_ entry: TomlDocument.Entry, _ path: FilePath) throws {
        let key = entry.path[1]
        switch entry.value {
        case .string(let text) where Self.texts.contains(key) && !text.isEmpty: return
        case .integer(let number) where key == "limit-rate" && number > 0: return
        default: break
        }
        if Self.texts.contains(key) { throw problem(path, entry.line, "\(key) takes a text in quotes") }
        if key == "limit-rate" {
            throw problem(path, entry.line, "limit-rate takes a number of bytes in a second")
        }
        let known = Self.texts + ["limit-rate"]
        let advice =
            NearestWord.find(key, among: known).map { "is it \($0)?" }
            ?? "known are \(known.joined(separator: ", "))"
        throw problem(path, entry.line, "there is no key \(key): \(advice)")
    }

    private func problem(_ path: FilePath, _ line: Int, _ text: String) -> SettingsError {
        SettingsError("\(path.string):\(line): \(quoteForPeople(Array(text.utf8)))", status: 2)
    }

    private func save(_ stores: [NamedStore]) throws {
        let text = stores.map { store in
            var entries = [("url", TomlDocument.Value.string(store.url))]
            if let ssh = store.ssh { entries.append(("ssh", .string(ssh))) }
            if let program = store.program { entries.append(("program", .string(program))) }
            if let rate = store.limitRate { entries.append(("limit-rate", .integer(Int64(rate)))) }
            let values = entries.map { TomlDocument.Entry(path: [$0.0], value: $0.1, line: 0) }
            // A bare name may have no dot.
            let name = store.name.contains(".") ? "\"\(store.name)\"" : store.name
            return "[\(name)]\n" + TomlDocument(entries: values).text
        }
        try AtomicFile.write(
            Array(text.joined(separator: "\n").utf8), to: Self.file,
            in: try Directory.create(try invocation.configFolder()))
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

extension TomlDocument.Value {
    fileprivate var text: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    fileprivate var number: Int? {
        if case .integer(let number) = self { return Int(clamping: number) }
        return nil
    }
}
