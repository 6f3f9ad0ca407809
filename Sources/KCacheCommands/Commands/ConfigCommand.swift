import ArgumentParser
import KCacheKbuild
import SystemPackage

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Shows each setting, and where its value comes from.",
        discussion: HelpText.flowing(
            """
            Settings are read from $XDG_CONFIG_HOME/kcache/config.toml (~/.config/kcache/config.toml). Environment
            variables come over the file, options of the command line over those. The file may hold, with their
            defaults:

              store = "desk"             # KCACHE_STORE, --store: a name, /FOLDER or ssh://HOST; the cache folder
              [signing]
              key = "~/.ssh/KEY.pub"     # sign each push with it (kcache push --sign-key); none
              allowed-signers = "/FILE"  # whose signatures count, as for git; none
              require-signature = false  # kcache pull --require-signature: refuse all others
              [make]                     # KCACHE_MAKEFLAGS, and options of kcache make
              warm = false               # --warm: pull first where nothing has been built
              push = false               # --push: push after a make that succeeded
              pins = true                # --no-pins
              prune = true               # --no-prune
              probe-cache = true         # --no-probe-cache
              status-line = true         # --no-status-line
              explain = false            # --explain

            Examples:

              kcache config
              ${EDITOR:-vi} "$(kcache config --path)"
            """))

    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Print where the file is looked for, and read nothing.")
    var path = false

    func run() throws {
        let invocation = Invocation.current()
        if path {
            let file = try invocation.configFolder().appending(ConfigurationFile.name)
            invocation.console.print(global.format == .json ? try JSONText.of(file.string) : file.string)
            return
        }
        var settings = try Settings(
            file: try ConfigurationFile.read(invocation), environment: invocation.environment)
        settings.override(store: global.store, option: "--store")
        let shown = Self.shown(settings, invocation)
        if global.format == .json {
            invocation.console.print(try JSONText.of(shown))
        } else {
            let rows = shown.map { [$0.key, $0.value ?? "", $0.origin] }
            for line in TextTable.lines(["key", "value", "from"], rows) { invocation.console.print(line) }
        }
    }

    private static func shown(_ settings: Settings, _ invocation: Invocation) -> [ShownSetting] {
        [ShownSetting("store", settings.store ?? defaultStore(invocation), settings.storeOrigin)]
            + SigningSettings.Key.allCases.map {
                ShownSetting("signing.\($0.rawValue)", settings.signing.shown($0), settings.origin($0))
            }
            + ConfigurationFile.makeKeys.map {
                ShownSetting("make.\($0.rawValue)", "\(settings.make[$0])", settings.origin($0))
            }
    }

    /// Nil where there is none.
    private static func defaultStore(_ invocation: Invocation) -> String? {
        do throws(SettingsError) { return try invocation.cacheFolder().string } catch { return nil }
    }
}

/// One of `config --format json`.
private struct ShownSetting: Encodable {
    let key: String
    let value: String?
    let origin: String
    /// Where the origin is the file.
    let file: String?
    let line: Int?

    init(_ key: String, _ value: String?, _ origin: Settings.Origin) {
        (self.key, self.value) = (key, value)
        switch origin {
        case .standard: (self.origin, file, line) = ("default", nil, nil)
        case .file(let path, let number):
            (self.origin, file, line) = ("\(path.string):\(number)", path.string, number)
        case .environment(let name): (self.origin, file, line) = ("$\(name)", nil, nil)
        case .option(let name): (self.origin, file, line) = (name, nil, nil)
        }
    }
}
