package import KCacheCore
import KCacheSystem
import KCacheTree
package import SystemPackage

/// The user's roots by name: folders below one folder.
package struct RootLibrary: Sendable {
    package let folder: FilePath
    let host: HostEnvironment

    /// - Parameter folder: made when the first root is.
    package init(_ folder: FilePath, host: HostEnvironment) { (self.folder, self.host) = (folder, host) }

    package struct Listed: Sendable {
        package let name: String
        package let digest: Digest
        package let files: Int
        package let size: ByteCount
    }

    /// What became of a root's making.
    package struct Made: Sendable {
        package let root: Listed
        package let leftOut: [(path: TreePath, reason: String)]
        /// It stood there before.
        package var alreadyThere = false
    }

    /// - Throws: `KbuildError` for what can't be a root's name.
    package static func check(_ name: String) throws {
        guard isName(name) else {
            throw KbuildError(
                .unfit,
                "\"\(name)\" can't be a root's name: at most 64 letters, digits and -_.+, a letter or digit first"
            )
        }
    }

    private static func isName(_ name: String) -> Bool {
        name.utf8.count <= 64 && name.first.map { $0.isASCII && ($0.isLetter || $0.isNumber) } == true
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.+".contains($0)) }
    }

    func place(_ name: String) -> FilePath { folder.appending(name) }

    /// False for what is no name: `.` is no root, nor what is unfinished.
    func exists(_ name: String) throws -> Bool {
        try Self.isName(name)
            && HostStatus.of(place(name), followingLinks: false)?.kind == .directory
    }

    // MARK: Looking

    package func list() throws -> [Listed] {
        guard try HostStatus.of(folder, followingLinks: true) != nil else { return [] }
        return try Directory.open(folder).entries().compactMap { entry in
            guard entry.status.kind == .directory, let name = String(validating: entry.name, as: UTF8.self),
                Self.isName(name)
            else { return nil }
            return try listed(name)
        }.sorted { $0.name < $1.name }
    }

    func listed(_ name: String) throws -> Listed {
        let contents = try RootContents.read(place(name), cache: host.cacheFolder)
        return Listed(
            name: name, digest: contents.digest, files: contents.entries.count,
            size: contents.entries.reduce(ByteCount.zero) { $0 + $1.size })
    }

    /// Opens a root to build in: by its name here, or a folder, or a tarball, which is unpacked once.
    ///
    /// - Parameter path: the text as a path of the host, if it is one.
    package func open(
        _ text: String, path: FilePath, tell: @escaping @Sendable (String) -> Void
    ) throws -> RootImage {
        guard !text.isEmpty else {
            throw KbuildError(.unfit, "--root names no root: kcache root list has the names")
        }
        if try exists(text) { return try open(place(text), name: text) }
        guard let status = try HostStatus.of(path, followingLinks: true) else {
            throw KbuildError(
                .unfit, "there is no root named \(text), and no such file: kcache root list has the names")
        }
        if status.kind == .directory { return try open(path, name: text) }
        guard status.kind == .file else {
            throw KbuildError(.unfit, "\(text) is neither a folder nor a tarball")
        }
        let stamp = "\(path) \(status.device) \(status.inode) \(status.size) \(status.mtime) \(status.ctime)"
        let stem = (path.lastComponent?.string ?? "").prefix(40)
            .filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        let name = "root-\(stem)-\(Digest.of(Array(stamp.utf8)).short)"
        if try !exists(name) {
            tell("unpacking \(path) as the root \(name)")
            _ = try create(name, from: .archive(path), tell: tell)
        }
        return try open(place(name), name: name)
    }

    private func open(_ folder: FilePath, name: String) throws -> RootImage {
        let view = try RootView(folder)
        return RootImage(
            name: name, folder: view.folder,
            digest: try RootContents.digest(of: folder, cache: host.cacheFolder))
    }

    // MARK: Changing

    /// Makes a root of that name.
    package func create(_ name: String, from source: RootSource, tell: @escaping @Sendable (String) -> Void)
        throws
        -> Made
    {
        try Self.check(name)
        return try make(name) { folder, path in
            var leftOut = try RootMaker(host: host, tell: tell).fill(path, from: source)
            var sweep = RootSweep()
            try sweep.run(folder)
            leftOut += sweep.leftOut
            // What no snapshot can hold goes as well, so that both ends have the same.
            let contents = try RootContents(folder, index: StatIndex())
            for (path, reason) in contents.leftOut {
                try folder.remove(path)
                leftOut.append((path, reason))
            }
            guard !contents.entries.isEmpty else {
                throw KbuildError(.unfit, "there is nothing in that root")
            }
            return leftOut
        }
    }

    /// Fills a new folder, and gives it its name when it is whole.
    func make(
        _ name: String, _ fill: (Directory, FilePath) throws -> [(path: TreePath, reason: String)]
    ) throws -> Made {
        let home = try Directory.create(folder)
        guard let target = TreePath(Array(name.utf8)) else { throw KbuildError(.unfit, "\(name) is no name") }
        if try exists(name) {
            throw KbuildError(
                .unfit,
                "there is a root \(name) already: take another name, or run kcache root remove \(name) first")
        }
        let lock = try lock(home)
        defer { lock.end() }
        let temporary = TemporaryName.atRoot()
        let path = folder.appending(String(decoding: temporary.bytes, as: UTF8.self))
        do {
            try home.makeDirectories(temporary)
            let leftOut = try fill(try home.directory(temporary), path)
            // A root that has its name is whole, also after a power cut.
            try home.syncFilesystem()
            try home.rename(temporary, to: target)
            try home.sync()
            return Made(root: try listed(name), leftOut: leftOut)
        } catch {
            discard(temporary, in: home)
            throw error
        }
    }

    package func remove(_ name: String) throws {
        guard let target = TreePath(Array(name.utf8)), target.depth == 1, try exists(name) else {
            throw KbuildError(.unfit, "there is no root named \(name): kcache root list has the names")
        }
        let home = try Directory.open(folder)
        let lock = try lock(home)
        defer { lock.end() }
        // Nothing finds half of it.
        let temporary = TemporaryName.atRoot()
        try home.rename(target, to: temporary)
        try home.removeTree(temporary)
    }

    /// Holds off who would take what is being filled for left over; takes away what was.
    private func lock(_ home: Directory) throws -> FileLock {
        let name = TreePath(literal: Array(".lock".utf8))
        if let alone = try FileLock.tryTaking(.exclusive, on: name, in: home) {
            defer { alone.end() }
            for entry in try home.entries() where TemporaryName.isTemporary(entry.name) {
                if let leftover = TreePath(entry.name) { discard(leftover, in: home) }
            }
        }
        return try FileLock.take(.shared, on: name, in: home)
    }

    private func discard(_ temporary: TreePath, in home: Directory) {
        // The first error is the one to tell.
        do { if try home.status(temporary) != nil { try home.removeTree(temporary) } } catch {}
    }
}
