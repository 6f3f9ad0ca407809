import Foundation
import TestKernel

/// A root of a few megabytes: a shell, make and some tools of this machine with their libraries, and a compiler that
/// only tells its version.
struct SmallRoot {
    let url: URL

    init(_ url: URL, compiler version: String = "gcc (Small Root) 99.1") throws {
        self.url = url
        let script = """
            set -e
            root=$1; mkdir -p "$root/usr/bin" "$root/usr/lib64" "$root/etc" "$root/tmp" "$root/proc"
            ln -s usr/bin "$root/bin"; ln -s usr/lib64 "$root/lib64"; ln -s usr/lib "$root/lib"; mkdir "$root/usr/lib"
            for tool in dash make cat cp mkdir rm touch env ls sleep; do
                file=$(readlink -f "$(command -v $tool)")
                cp "$file" "$root/usr/bin/$tool"
                ldd "$file" | grep -o '/[^ ]*' | while read -r library; do
                    mkdir -p "$root/usr$(dirname "${library#/usr}")"
                    cp -L "$library" "$root/usr$(dirname "${library#/usr}")/"
                done
            done
            ln -s dash "$root/usr/bin/sh"
            # Absolute, as alternatives are.
            ln -s /usr/bin/gcc-99 "$root/usr/bin/gcc"
            """
        let made = try Shell.run(["sh", "-c", script, "sh", url.path])
        _ = made
        try put("etc/marker", "small root\n")
        try putProgram("usr/bin/gcc-99", "#!/bin/sh\ntest \"$1\" = --version && echo '\(version)'\n")
    }

    func put(_ path: String, _ text: String) throws {
        let file = url.appending(path: path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: false, encoding: .utf8)
    }

    func putProgram(_ path: String, _ text: String) throws {
        try put(path, text)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: url.appending(path: path).path)
    }
}
