package import Foundation

/// A small project that builds with a Kbuild of its own, as BusyBox and U-Boot do: `toolbox` and `loader`, in
/// `OtherProjects/` beside this file. Real make builds them in less than a second.
package enum OtherProject: String, CaseIterable, Sendable {
    /// In the shape of BusyBox: what directories hold is written in their sources; no auto.conf.
    case toolbox
    /// In the shape of U-Boot: a link to the board's headers, images made of the program, wrapped sources.
    case loader

    /// What the build ends in.
    package var programs: [String] {
        switch self {
        case .toolbox: ["toolbox", "toolbox_unstripped"]
        case .loader: ["loader", "loader.bin"]
        }
    }

    private var configuration: String {
        switch self {
        case .toolbox: "# toolbox version: 1\nCONFIG_FAST=y\n"
        case .loader: "# Loader 2 Configuration\nCONFIG_SYS_ARCH=\"toy\"\nCONFIG_FAST=y\n"
        }
    }

    /// Writes the sources as somebody unpacks them, each with the time of now.
    package func unpack(to place: URL) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
            path: "OtherProjects")
        try Shell.run(["cp", "-r", folder.appending(path: rawValue).path, place.path])
        try Shell.run(["cp", "-r", folder.appending(path: "engine").path + "/.", place.path])
        try configuration.write(to: place.appending(path: ".config"), atomically: false, encoding: .utf8)
    }

    /// Runs `make`, with a date that is pinned.
    package func build(_ tree: URL, _ environment: [String: String] = [:]) throws -> BuildResult {
        let pins = ["SOURCE_DATE_EPOCH": "946684800", "LC_ALL": "C"]
        return try Shell.make(tree, [], pins.merging(environment) { $1 })
    }
}

extension BuildResult {
    /// All lines that name a step, sorted: `CC x.o`, `DOC x.txt`.
    package var steps: [String] {
        log.split(separator: "\n").filter { line in
            line.hasPrefix("  ") && line.dropFirst(2).first?.isUppercase == true
        }
        .map { $0.trimmingCharacters(in: .whitespaces) }.sorted()
    }
}
