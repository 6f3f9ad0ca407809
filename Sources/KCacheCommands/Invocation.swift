import Glibc
import KCacheKbuild
import KCacheStore
import KCacheSystem
import SystemPackage

/// What this run of the program was given by its process: environment, folders, clock.
struct Invocation {
    let environment: [String: String]
    let workingDirectory: FilePath
    let console = Console.standard

    static func current() -> Invocation {
        var environment: [String: String] = [:]
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            if let cut = text.firstIndex(of: "=") {
                environment[String(text[..<cut])] = String(text[text.index(after: cut)...])
            }
            pointer = pointer.successor()
        }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let here = getcwd(&buffer, buffer.count) == nil ? FilePath(".") : FilePath(platformString: buffer)
        return Invocation(environment: environment, workingDirectory: here)
    }

    /// `$XDG_CACHE_HOME/kcache`, else `~/.cache/kcache`.
    func cacheFolder() throws(SettingsError) -> FilePath {
        try folder("XDG_CACHE_HOME", below: ".cache").appending("kcache")
    }

    /// `$XDG_CONFIG_HOME/kcache`, else `~/.config/kcache`.
    func configFolder() throws(SettingsError) -> FilePath {
        try folder("XDG_CONFIG_HOME", below: ".config").appending("kcache")
    }

    /// `$XDG_STATE_HOME/kcache`, else `~/.local/state/kcache`; nil if nothing tells.
    func stateFolder() -> FilePath? {
        do throws(SettingsError) {
            return try folder("XDG_STATE_HOME", below: ".local/state").appending("kcache")
        } catch { return nil }
    }

    /// A file as a setting names it: `~/` is the home.
    func home(_ text: String) -> FilePath {
        guard text.hasPrefix("~/"), let home = environment["HOME"] else { return FilePath(text) }
        return FilePath(home).pushing(FilePath(String(text.dropFirst(2))))
    }

    func host() throws(SettingsError) -> HostEnvironment {
        HostEnvironment(environment: environment, cacheFolder: try cacheFolder())
    }

    /// `$XDG_DATA_HOME/kcache/roots`, else `~/.local/share/kcache/roots`.
    func roots() throws -> RootLibrary {
        let folder = try folder("XDG_DATA_HOME", below: ".local/share").appending("kcache").appending("roots")
        return RootLibrary(folder, host: try host())
    }

    /// The host with the root that was named; without one the host itself.
    func host(root: String?) throws -> HostEnvironment {
        var host = try host()
        guard let root else { return host }
        let console = console
        host.root = try roots().open(root, path: absolute(root)) {
            console.diagnostic("note: \($0)")
        }
        return host
    }

    /// The path as the user means it, from the directory that they are in.
    func absolute(_ text: String) -> FilePath {
        let path = FilePath(text)
        return path.isAbsolute ? path : workingDirectory.pushing(path)
    }

    private func folder(_ variable: String, below: String) throws(SettingsError) -> FilePath {
        // The XDG base directory specification: relative values are to be ignored.
        if let value = environment[variable], value.hasPrefix("/") { return FilePath(value) }
        guard let home = environment["HOME"], home.hasPrefix("/") else {
            throw SettingsError("neither \(variable) nor HOME is set: set one, or name a store with --store")
        }
        return FilePath(home).pushing(FilePath(below))
    }
}

/// A setting that can't be used.
struct SettingsError: Error, CustomStringConvertible {
    let description: String
    /// 2 where what the user has written down is wrong.
    let status: Int32

    init(_ description: String, status: Int32 = 1) { (self.description, self.status) = (description, status) }
}
