import KCacheSystem
import SystemPackage

/// The options by which systemd-nspawn runs one program in a root that stays as it is.
enum NspawnOptions {
    static func words(_ call: RootCall) -> [[UInt8]] {
        var words = [
            // Mount points are made in an overlay in memory, not in the root.
            "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--volatile=overlay", "--private-network",
            "--no-new-privileges=yes", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
            call.enclosure == nil ? "--pipe" : "--console=autopipe", "--directory=\(call.view.folder.string)",
        ]
        words += call.writable.map { "--bind=\($0.string.replacing(":", with: "\\:"))" }
        words += call.environment.sorted { $0.key < $1.key }.map { "--setenv=\($0.key)=\($0.value)" }
        if let directory = call.directory { words.append("--chdir=\(directory.string)") }
        return (words + ["--"]).map { Array($0.utf8) }
    }
}
