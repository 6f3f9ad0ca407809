// swift-tools-version: 6.2
import PackageDescription

/// Set by scripts/fuzz: the engine's modules with coverage counters, and libFuzzer's loop around their parsers.
let fuzzing = Context.environment["KCACHE_FUZZ"] != nil

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// Byte-level code that runs over gigabytes stays optimised in debug builds, so that the tests stay quick.
let hot: [SwiftSetting] =
    strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]
    + (fuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : [])

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "kcache",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "kcache", targets: ["kcache"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .executableTarget(name: "kcache", dependencies: ["KCacheCommands"], swiftSettings: strict),
        .target(
            name: "KCacheCommands",
            dependencies: [
                "KCacheBuild", "KCacheServer", "KCacheRemote", "KCacheKbuild", "KCacheTree",
                "KCacheStore", "KCacheSystem",
                "KCacheCore", system,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .target(
            name: "KCacheBuild",
            dependencies: [
                "KCacheServer", "KCacheRemote", "KCacheKbuild", "KCacheTree", "KCacheStore", "KCacheSystem",
                "KCacheCore", system,
            ],
            swiftSettings: strict),
        .target(
            name: "KCacheServer", dependencies: ["KCacheStore", "KCacheSystem", "KCacheCore"],
            swiftSettings: strict),
        .target(
            name: "KCacheRemote", dependencies: ["KCacheStore", "KCacheSystem", "KCacheCore", system],
            swiftSettings: strict),
        .target(
            name: "KCacheKbuild",
            dependencies: ["KCacheStore", "KCacheTree", "KCacheSystem", "KCacheCore", system],
            swiftSettings: hot),
        .target(
            name: "KCacheTree",
            dependencies: ["KCacheStore", "KCacheSystem", "KCacheCore", system],
            swiftSettings: hot),
        .target(
            name: "KCacheStore", dependencies: ["KCacheSystem", "KCacheCore", "CZstd", system],
            swiftSettings: hot),
        .target(
            name: "KCacheSystem",
            dependencies: [
                "KCacheCore", "CKCacheLinux", system,
            ],
            swiftSettings: hot),
        .target(
            name: "KCacheCore",
            dependencies: ["CKCacheGear", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: hot),
        .target(name: "CKCacheGear"),
        .target(name: "CKCacheLinux", cSettings: [.define("_GNU_SOURCE")]),
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(
            name: "TestKernel", dependencies: ["KCacheCore"], path: "Tests/Support",
            exclude: ["Skeleton", "OtherProjects"],
            swiftSettings: strict),
        .target(
            name: "TestStore", dependencies: ["KCacheStore", "KCacheSystem", "KCacheCore", system],
            path: "Tests/StoreSupport", swiftSettings: strict),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "KCacheServer", "KCacheRemote", "KCacheKbuild", "KCacheTree", "KCacheStore", "KCacheSystem",
                "KCacheCore", "CKCacheLinux",
            ],
            path: "Tests/FuzzTargets", swiftSettings: hot),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "TestKernel"], swiftSettings: strict),
        .testTarget(name: "CoreTests", dependencies: ["KCacheCore"], swiftSettings: strict),
        .testTarget(
            name: "SystemTests", dependencies: ["KCacheSystem", "KCacheCore", system], swiftSettings: strict),
        .testTarget(
            name: "StoreTests",
            dependencies: ["TestStore", "KCacheStore", "KCacheSystem", "KCacheCore", system],
            swiftSettings: strict),
        .testTarget(
            name: "RemoteTests",
            dependencies: [
                "TestStore", "KCacheRemote", "KCacheServer", "KCacheStore", "KCacheSystem", "KCacheCore",
                system,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "TreeTests",
            dependencies: [
                "KCacheTree", "KCacheStore", "KCacheSystem", "KCacheCore", "CKCacheLinux", "TestKernel",
                system,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "KbuildTests",
            dependencies: [
                "TestKernel", "KCacheKbuild", "KCacheTree", "KCacheSystem", "KCacheCore", "CKCacheLinux",
                system,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "kcache", "KCacheCommands", "KCacheBuild", "KCacheKbuild", "KCacheTree", "KCacheStore",
                "KCacheSystem", "KCacheCore", system, "TestKernel",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            exclude: ["other-user.sh", "real-make.sh", "real-twins.sh"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

if fuzzing {
    let kept: Set = [
        "KCacheCore", "KCacheSystem", "KCacheStore", "KCacheServer", "KCacheRemote", "KCacheTree",
        "KCacheKbuild",
        "CKCacheGear",
        "CKCacheLinux",
        "CZstd", "FuzzTargets",
    ]
    package.products = []
    package.targets.removeAll { !kept.contains($0.name) }
    package.targets.append(
        .executableTarget(
            name: "kcache-fuzz", dependencies: ["FuzzTargets", "KCacheSystem", "KCacheCore", system],
            path: "Fuzz",
            swiftSettings: strict,
            linkerSettings: [
                .unsafeFlags([
                    "-sanitize=address", Context.environment["KCACHE_FUZZ_RUNTIME"] ?? "", "-lstdc++", "-lm",
                ])
            ]))
}
