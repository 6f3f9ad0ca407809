/// One program of the toolchain, as it was found.
package struct ToolIdentity: Hashable, Sendable {
    /// Kbuild's name for it: `CC`, `LD`, `HOSTCC`, … or, for what a compiler runs, `CC:cc1`.
    package var role: String
    /// As it was called: `gcc`, `aarch64-linux-gnu-ld`.
    package var command: String
    /// The first line of its `--version`.
    package var version: String
    /// The content of the program itself; `.zero` where it could not be found.
    package var digest: Digest

    package init(role: String, command: String, version: String, digest: Digest) {
        (self.role, self.command, self.version, self.digest) = (role, command, version, digest)
    }
}

/// What a tree was built with and from, apart from its files.
package struct BuildEnvironment: Hashable, Sendable {
    /// Kbuild's SRCARCH: `x86`, `arm64`. Empty where unknown.
    package var architecture = ""
    /// `include/config/kernel.release`. Empty where there is none.
    package var kernelRelease = ""
    /// Sorted by role.
    package var toolchain: [ToolIdentity] = []
    /// `KBUILD_BUILD_USER` and the like, as the tree's generated files tell them. Sorted by name.
    package var pins: [Pin] = []
    package var layout = TreeLayout.together

    package struct Pin: Hashable, Sendable {
        package var name: String
        package var value: String
        package init(name: String, value: String) { (self.name, self.value) = (name, value) }
    }

    package init() {}

    /// One digest over the toolchain's contents and versions.
    package var toolchainDigest: Digest {
        var hash = DigestBuilder()
        for tool in toolchain {
            for text in [tool.role, tool.command, tool.version] {
                hash.update(text)
                hash.update([0])
            }
            hash.update(tool.digest)
        }
        return hash.finish()
    }
}
