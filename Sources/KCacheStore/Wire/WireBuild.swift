package import KCacheCore

/// What a client wants to have built at the far end: the sources are those of a snapshot in the store there.
package struct WireBuildOrder: Hashable, Sendable {
    /// Names the client's tree among all that the far end builds for: 16 hexadecimal digits.
    package var workspace: String
    /// Whose tree it is, for people.
    package var origin: String
    /// Where the tree is at the client: what make prints there reads so.
    package var tree: [UInt8]
    package var sources: SnapshotID
    /// Make's words.
    package var arguments: [String] = []
    /// `NAME=VALUE` entries for make.
    package var environment: [String] = []
    /// Make prints to a terminal; nil: to pipes.
    package var terminal: Terminal?
    /// Builds even if nothing of the result could be used at the client, since the toolchains differ.
    package var acceptsAnyToolchain = false

    /// The client's terminal.
    package struct Terminal: Hashable, Sendable {
        package var columns: UInt16
        package var rows: UInt16
        /// TERM.
        package var type: String

        package init(columns: UInt16, rows: UInt16, type: String) {
            (self.columns, self.rows, self.type) = (columns, rows, type)
        }
    }

    package init(workspace: String, origin: String, tree: [UInt8], sources: SnapshotID) {
        (self.workspace, self.origin, self.tree, self.sources) = (workspace, origin, tree, sources)
    }

    /// True for a name that a workspace can have.
    package static func isWorkspace(_ name: String) -> Bool {
        name.utf8.count == 16 && name.utf8.allSatisfy { hexadecimal.contains($0) }
    }

    func encode(to writer: inout ByteWriter) {
        writer.text(workspace)
        writer.text(origin)
        writer.counted(tree)
        writer.digest(sources.digest)
        for list in [arguments, environment] {
            writer.varint(UInt64(list.count))
            for word in list { writer.text(word) }
        }
        writer.u8((acceptsAnyToolchain ? 1 : 0) | (terminal == nil ? 0 : 2))
        guard let terminal else { return }
        writer.varint(UInt64(terminal.columns))
        writer.varint(UInt64(terminal.rows))
        writer.text(terminal.type)
    }

    init(_ reader: inout ByteReader) throws(FormatError) {
        workspace = try reader.text()
        guard Self.isWorkspace(workspace) else { throw reader.error("no workspace's name") }
        origin = try reader.text()
        tree = try reader.path()
        sources = SnapshotID(try reader.digest())
        arguments = try reader.words()
        environment = try reader.words()
        let flags = try reader.u8()
        guard flags < 4 else { throw reader.error("unknown flags") }
        acceptsAnyToolchain = flags & 1 != 0
        guard flags & 2 != 0 else { return }
        let (columns, rows) = (try reader.varint(), try reader.varint())
        guard let columns = UInt16(exactly: columns), let rows = UInt16(exactly: rows) else {
            throw reader.error("an impossible terminal")
        }
        terminal = Terminal(columns: columns, rows: rows, type: try reader.text())
    }

    private static let hexadecimal = Set("0123456789abcdef".utf8)
}

/// How a build at the far end has ended.
package struct WireBuildResult: Hashable, Sendable {
    /// Make's exit status; 128 + n where signal n ended it.
    package var status: UInt32
    /// What was built; nil if there is nothing to take from it.
    package var snapshot: SnapshotID?

    package init(status: UInt32, snapshot: SnapshotID?) { (self.status, self.snapshot) = (status, snapshot) }

    func encode(to writer: inout ByteWriter) {
        writer.u32(status)
        writer.u8(snapshot == nil ? 0 : 1)
        if let snapshot { writer.digest(snapshot.digest) }
    }

    init(_ reader: inout ByteReader) throws(FormatError) {
        status = try reader.u32()
        snapshot = try reader.flag() ? SnapshotID(try reader.digest()) : nil
    }
}

/// Where the client shows what a build at the far end says.
package enum WireBuildVoice: UInt8, Sendable, CaseIterable {
    /// The far kcache itself: lines for the person.
    case note
    /// Make's standard output, and its standard error.
    case output, error
}

extension ByteReader {
    /// Words of a command line or an environment: no C string has a zero.
    fileprivate mutating func words() throws(FormatError) -> [String] {
        var words: [String] = []
        for _ in 0..<(try count()) {
            let word = try text()
            guard !word.utf8.contains(0) else { throw error("a zero in a word") }
            words.append(word)
        }
        return words
    }

    fileprivate mutating func path() throws(FormatError) -> [UInt8] {
        let path = try counted()
        guard path.first == UInt8(ascii: "/"), path.count < 4096, !path.contains(0) else {
            throw error("no absolute path")
        }
        return path
    }
}
