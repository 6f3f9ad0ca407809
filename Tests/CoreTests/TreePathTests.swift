import KCacheCore
import Testing

@Suite struct TreePathTests {
    @Test(arguments: ["a", "a/b", ".config", "a/..b", "a/b..", "...", "sp ace/ü"])
    func takesPathsInsideATree(text: String) {
        #expect(TreePath(text)?.description == text)
    }

    @Test(arguments: ["", "/", "/a", "a/", "a//b", ".", "..", "a/.", "./a", "a/../b", "..", "a\0b"])
    func refusesWhatCouldLeaveTheTree(text: String) {
        #expect(TreePath(text) == nil)
    }

    @Test func refusesWhatLinuxCantName() {
        #expect(TreePath(String(repeating: "a", count: 255)) != nil)
        #expect(TreePath(String(repeating: "a", count: 256)) == nil)
        #expect(TreePath(String(repeating: "a/", count: 2047) + "a") != nil)
        #expect(TreePath(String(repeating: "a/", count: 2048) + "a") == nil)
    }

    @Test func ordersByBytesAndQuotesForPeople() throws {
        let a = try #require(TreePath("a-b"))
        let b = try #require(TreePath("a/b"))
        #expect(a < b)
        #expect(TreePath([0x61, 0xff, 0x0a])?.description == "a\\377\\012")
    }

    @Test func knowsItsParts() throws {
        let path = try #require(TreePath("drivers/net/e100.o"))
        #expect(path.parent == TreePath("drivers/net"))
        #expect(Array(path.name) == Array("e100.o".utf8))
        #expect(path.depth == 3)
        #expect(path.isInside(try #require(TreePath("drivers"))))
        #expect(!path.isInside(try #require(TreePath("driver"))))
        #expect(path.hasSuffix(".o") && path.hasPrefix("drivers/"))
    }
}
