import KCacheCore
import KCacheKbuild
import KCacheSystem
import SystemPackage

/// The user's `config.toml`: values of known keys, each with its line.
struct ConfigurationFile {
    let path: FilePath
    private(set) var store: (text: String, line: Int)?
    private(set) var signing = SigningSettings()
    private(set) var signingLines: [SigningSettings.Key: Int] = [:]
    private(set) var make: [MakeOption: (value: Bool, line: Int)] = [:]

    static let name = "config.toml"
    /// What may be set for `kcache make`. Not `always`: who wants that each time, wants plain make.
    static let makeKeys: [MakeOption] = [
        .warm, .push, .pins, .prune, .probeCache, .statusLine, .explain,
    ]
    static let keys =
        ["store"] + SigningSettings.Key.allCases.map { "signing.\($0.rawValue)" }
        + makeKeys.map { "make.\($0.rawValue)" }
    private static let tables = ["signing", "make"]

    /// Where it is looked for; nil if neither XDG_CONFIG_HOME nor HOME tells.
    static func path(_ invocation: Invocation) -> FilePath? {
        do throws(SettingsError) { return try invocation.configFolder().appending(name) } catch { return nil }
    }

    /// Reads the user's file; nil if there is none.
    static func read(_ invocation: Invocation) throws(SettingsError) -> ConfigurationFile? {
        guard let path = path(invocation) else { return nil }
        let bytes: [UInt8]?
        do throws(SystemError) { bytes = try HostFile.contents(of: path, limit: 1 << 20) } catch {
            throw SettingsError("\(error): mend or remove it", status: 2)
        }
        return try bytes.map { bytes throws(SettingsError) in try ConfigurationFile(path, bytes) }
    }

    init(_ path: FilePath, _ bytes: [UInt8]) throws(SettingsError) {
        self.path = path
        let document: TomlDocument
        do throws(TomlDocument.Problem) { document = try TomlDocument(parsing: bytes) } catch {
            throw problem(error.line, error.text)
        }
        for table in document.tables where !Self.tables.contains(where: { table.path == [$0] }) {
            throw unknown(table.path, table.line, "table", among: Self.tables)
        }
        for entry in document.entries { try take(entry) }
    }

    private mutating func take(_ entry: TomlDocument.Entry) throws(SettingsError) {
        let key = entry.path.joined(separator: ".")
        if entry.path == ["store"] {
            guard case .string(let text) = entry.value else {
                throw problem(entry.line, "store takes a text in quotes: a store's name, address or folder")
            }
            store = (try folder(text, entry.line), entry.line)
        } else if entry.path.count == 2, entry.path[0] == "signing",
            let name = SigningSettings.Key(rawValue: entry.path[1])
        {
            guard signing.set(name, entry.value) else {
                throw problem(entry.line, "\(key) takes \(SigningSettings.kind(name))")
            }
            signingLines[name] = entry.line
        } else if entry.path.count == 2, entry.path[0] == "make",
            let option = Self.makeKeys.first(where: { $0.rawValue == entry.path[1] })
        {
            guard case .boolean(let value) = entry.value else {
                throw problem(entry.line, "\(key) takes true or false, without quotes")
            }
            make[option] = (value, entry.line)
        } else {
            throw unknown(entry.path, entry.line, "key", among: Self.keys)
        }
    }

    /// A store's name, or a folder that does not depend on where kcache is started.
    private func folder(_ text: String, _ line: Int) throws(SettingsError) -> String {
        let isAddress = text.split(separator: "/").first?.contains(":") ?? false
        guard !text.isEmpty, text != ".", text != "..",
            text.hasPrefix("/") || !text.contains("/") || isAddress
        else {
            throw problem(line, "store takes a store's name, an address, or a folder that begins with /")
        }
        return text
    }

    private func unknown(_ path: [String], _ line: Int, _ what: String, among known: [String])
        -> SettingsError
    {
        let name = path.joined(separator: ".")
        let near = NearestWord.find(name, among: known)
        let advice = near.map { "is it \($0)?" } ?? "kcache config --help names all"
        return problem(line, "there is no \(what) \(name): \(advice)")
    }

    private func problem(_ line: Int, _ text: String) -> SettingsError {
        SettingsError("\(path.string):\(line): \(quoteForPeople(Array(text.utf8)))", status: 2)
    }
}
