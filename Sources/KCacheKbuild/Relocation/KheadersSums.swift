package import KCacheCore
package import KCacheSystem
import SystemPackage

/// Recomputes `kernel/kheaders.md5`, by which kernel/gen_kheaders.sh tells whether its archive is of today.
///
/// The sums are over `ls -l`: owner, size and time of every header, so that they hold for one tree only and
/// have to be taken after the last time in the tree is set.
package enum KheadersSums {
    /// The file that the sums stand in, and the archive.
    package static let path = TreePath("kernel/kheaders.md5")
    private static let archive = "kernel/kheaders_data.tar.xz"

    /// The file's new content; nil if the tree has no archive, or its script is of a shape that is not known:
    /// then the file is to be left out, and make builds the archive again.
    ///
    /// Runs find, grep, xargs, ls and md5sum as the script does under make: `ls` must print the same names,
    /// dates and columns, for which no other way is as sure. Nothing of the tree is run.
    /// - Parameter environment: what make will run with: locale, time zone and TIME_STYLE decide the dates.
    package static func content(
        in directory: Directory, architecture: String, environment: [String: String], runner: ProcessRunner
    ) throws(SystemError) -> [UInt8]? {
        let name = "kernel/gen_kheaders.sh"
        guard !architecture.isEmpty, let text = try KbuildTree.read(name, directory),
            let script = KheadersScript(text, architecture: architecture),
            let data = TreePath(archive), try directory.status(data) != nil
        else { return nil }
        var environment = environment
        // The top Makefile: `unexport LC_ALL`, LC_COLLATE=C, LC_NUMERIC=C, and no GREP_OPTIONS.
        environment["LC_ALL"] = nil
        environment["GREP_OPTIONS"] = nil
        environment["LC_COLLATE"] = "C"
        environment["LC_NUMERIC"] = "C"
        let root = try directory.realPath()
        let sources = try directory.base?.directory.realPath()
        // Apart from the sources, their folders come first, by `srctree`.
        let layout = try TreePlace.layout(of: directory, environment: environment)
        let above =
            layout == .together
            ? [] : script.directories.indices.map { "\"$srctree\"/\(script.directories[$0])" }
        environment["srctree"] = layout == .below ? ".." : sources?.string
        let folders = (above + script.directories).joined(separator: " ")
        let filters = script.excluded.indices.map { "grep -v \"$\($0 + 2)\" |" }.joined(separator: " ")
        let commands = """
            find \(folders) -name "*.h" | \(filters) xargs ls -l | md5sum | cut -d ' ' -f1
            ls -l "$1" | md5sum | cut -d ' ' -f1
            md5sum \(archive) | cut -d ' ' -f1
            """
        let result = try runner.run(
            ["sh", "-c", commands, "sh", (sources ?? root).appending(name).string] + script.excluded,
            environment: environment, directory: root)
        let lines = result.output.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard result.status == 0, lines.count == 4, lines[3].isEmpty,
            lines.dropLast().allSatisfy({ $0.count == 32 })
        else { return nil }
        return result.output
    }
}
