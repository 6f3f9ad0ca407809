import ArgumentParser

/// Options of `pull` about who has signed.
struct SignatureOptions: ParsableArguments {
    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            """
            Pull only what somebody in the allowed-signers file has signed. Default: what `kcache config` says.
            """))
    var requireSignature: Bool?
    @Flag(
        name: .long,
        help: "Take the store's catalog although snapshots that it listed here before are gone.")
    var acceptOlder = false
}
