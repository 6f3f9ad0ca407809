import Glibc
import KCacheCore
import KCacheSystem
import SystemPackage
import Testing

@Suite struct DirectoryTests {
    private func temporary() throws -> Directory {
        try Directory.create(FilePath("/tmp").appending("kcache-system-\(UInt64.random(in: 0 ... .max))"))
    }

    private func path(_ text: String) throws -> TreePath { try #require(TreePath(text)) }

    @Test func renamingWhatIsNotThereFails() throws {
        let folder = try temporary()
        #expect(throws: SystemError.self) { try folder.rename(try path("a"), to: try path("b")) }
        _ = try folder.createFile(try path("a"))
        #expect(throws: SystemError.self) { try folder.rename(try path("a"), to: try path("no/b")) }
        try folder.rename(try path("a"), to: try path("b"))
        #expect(try folder.status(try path("b"))?.kind == .file)
        try folder.remove(try path("b"))
        rmdir(folder.path.string)
    }

    @Test func linksAreNeverFollowed() throws {
        let folder = try temporary()
        try folder.makeLink(try path("out"), target: Array("/tmp".utf8))
        #expect(throws: SystemError.self) { _ = try folder.createFile(try path("out/x")) }
        #expect(throws: SystemError.self) { try folder.makeDirectories(try path("out/y")) }
        #expect(throws: SystemError.self) { _ = try folder.openFile(try path("out")) }
        #expect(try folder.readLink(try path("out")) == Array("/tmp".utf8))
        try folder.remove(try path("out"))
        rmdir(folder.path.string)
    }

    @Test func anExclusiveLockWaitsForSharedOnes() throws {
        let folder = try temporary()
        let name = try path("lock")
        do {
            let shared = try FileLock.take(.shared, on: name, in: folder)
            #expect(try isFree(.shared, name, folder))
            #expect(try !isFree(.exclusive, name, folder))
            shared.end()
        }
        #expect(try isFree(.exclusive, name, folder))
        try folder.remove(name)
        rmdir(folder.path.string)
    }

    private func isFree(_ mode: FileLock.Mode, _ name: TreePath, _ folder: Directory) throws -> Bool {
        switch try FileLock.tryTaking(mode, on: name, in: folder) {
        case .some: true
        case .none: false
        }
    }

    @Test func aChildsStatusIsData() throws {
        let environment = ["PATH": "/usr/bin:/bin"]
        let result = try ProcessRunner.system.run(["sh", "-c", "echo out; exit 3"], environment: environment)
        #expect(result.status == 3 && result.text == "out\n")
        let killed = try ProcessRunner.system.run(["sh", "-c", "kill -9 $$"], environment: environment)
        #expect(killed.status == 137)
        #expect(throws: SystemError.self) {
            try ProcessRunner.system.run(["no-such-program"], environment: environment)
        }
    }
}
