import KCacheCore
import SystemPackage
import Testing

@testable import KCacheKbuild

/// Which files a record watches for pkg-config.
struct PackageFilesTests {
    @Test func requiredPackagesAndMissingFiles() throws {
        let tree = try LiteralTree([
            "one/libelf.pc": "Name: libelf\nRequires.private: zlib >= 1.2, inner\nLibs: -lelf -louter\n",
            "two/inner.pc": "Requires: deeper\n",
        ])
        let folders = "\(tree.path.string)/one:\(tree.path.string)/two"
        let files = PackageFiles(environment: ["PKG_CONFIG_LIBDIR": folders])
        let paths = Set(
            files.paths(programs: ["pkg-config", "/opt/own"], path: "/usr/local/bin:/usr/bin")
                .map { String(decoding: $0, as: UTF8.self) })
        for name in ["libelf", "libcrypto", "zlib", "inner", "deeper"] {
            for folder in ["one", "two"] {
                #expect(paths.contains("\(tree.path.string)/\(folder)/\(name).pc"), "\(folder)/\(name)")
            }
        }
        #expect(!paths.contains("\(tree.path.string)/one/outer.pc"))
        #expect(!paths.contains("\(tree.path.string)/one/1.2.pc"), "a version is no package")
        #expect(paths.isSuperset(of: ["/usr/local/bin/pkg-config", "/usr/bin/pkg-config", "/opt/own"]))
    }

    @Test func standardFoldersAndTheUsersOwn() {
        let paths = PackageFiles(environment: ["PKG_CONFIG_PATH": "/own"]).paths(programs: [], path: "")
            .map { String(decoding: $0, as: UTF8.self) }
        #expect(paths.contains("/own/libelf.pc"))
        #expect(paths.contains("/usr/share/pkgconfig/libelf.pc"))
    }

    @Test func whatACompilerWouldFind() throws {
        let paths = PackageFiles(environment: ["CPATH": "/own/include", "LIBRARY_PATH": "/own/lib"])
            .paths(programs: [], path: "").map { String(decoding: $0, as: UTF8.self) }
        for file in ["include/dis-asm.h", "include/xxhash.h", "lib/libopcodes.so", "lib/libbfd.a"] {
            #expect(paths.contains("/own/\(file)") && paths.contains("/usr/\(file)"), "\(file)")
        }
    }
}
