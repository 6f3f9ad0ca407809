import KCacheKbuild
import SystemPackage

/// What is set for this user, and where: defaults, over them the configuration file, over it the environment.
///
/// Options of the command line come over all of these, and are the commands' own.
struct Settings {
    enum Origin: Hashable {
        case standard
        case file(FilePath, line: Int)
        case environment(String)
        case option(String)
    }

    /// The store's name or folder; nil for the one in the user's cache folder.
    private(set) var store: String?
    var make = MakeOptions()
    private(set) var signing = SigningSettings()
    private(set) var storeOrigin = Origin.standard
    private var makeOrigins: [MakeOption: Origin] = [:]
    private var signingOrigins: [SigningSettings.Key: Origin] = [:]

    func origin(_ option: MakeOption) -> Origin { makeOrigins[option] ?? .standard }

    func origin(_ key: SigningSettings.Key) -> Origin { signingOrigins[key] ?? .standard }

    /// Reads the file and the environment of this run.
    ///
    /// With `KCACHE_MAKE=off` make is plain make, whatever the file holds.
    static func forMake(_ invocation: Invocation) throws(SettingsError) -> Settings {
        let isOff = invocation.environment["KCACHE_MAKE"] == "off"
        return try Settings(
            file: isOff ? nil : try ConfigurationFile.read(invocation), environment: invocation.environment)
    }

    init(file: ConfigurationFile?, environment: [String: String]) throws(SettingsError) {
        if let file {
            if let (text, line) = file.store { (store, storeOrigin) = (text, .file(file.path, line: line)) }
            signing = file.signing
            signingOrigins = file.signingLines.mapValues { .file(file.path, line: $0) }
            for (option, (value, line)) in file.make {
                make[option] = value
                makeOrigins[option] = .file(file.path, line: line)
            }
        }
        if let text = environment["KCACHE_STORE"], !text.isEmpty {
            (store, storeOrigin) = (text, .environment("KCACHE_STORE"))
        }
        for word in MakeOptions.words(ofSetting: environment["KCACHE_MAKEFLAGS"] ?? "") {
            guard let (option, value) = MakeOptions.switched(by: word) else {
                throw SettingsError(
                    "KCACHE_MAKEFLAGS has \(word): it takes the options of kcache make only", status: 2)
            }
            make[option] = value
            makeOrigins[option] = .environment("KCACHE_MAKEFLAGS")
        }
    }

    /// Puts an option of the command line over it.
    mutating func override(store text: String?, option: String) {
        if let text { (store, storeOrigin) = (text, .option(option)) }
    }
}
