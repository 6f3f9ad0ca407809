package import KCacheCore

/// A server's answer to a greeting, after the magic and the nonce: a frame of kind 1 and number 0.
package struct WireWelcome: Hashable, Sendable {
    /// The one that both will speak; 0 if there is none.
    package var version: UInt8
    /// Those that the server speaks.
    package var versions: ClosedRange<UInt8>
    package var access: WireAccess
    /// Where the store is, there.
    package var place = ""
    /// The server's own name and version, for people.
    package var program: String

    private static let kind: UInt8 = 1

    package init(
        version: UInt8, versions: ClosedRange<UInt8>, access: WireAccess, place: String = "",
        program: String
    ) {
        (self.version, self.versions, self.access) = (version, versions, access)
        (self.place, self.program) = (place, program)
    }

    package func frame() -> [UInt8] {
        var writer = ByteWriter()
        for value in [version, versions.lowerBound, versions.upperBound, access.rawValue] { writer.u8(value) }
        writer.text(place)
        writer.text(program)
        return WireFrame.bytes(Self.kind, 0, writer.bytes)
    }

    package init(_ frame: WireFrame) throws(FormatError) {
        guard frame.kind == Self.kind, frame.number == 0 else {
            throw FormatError("welcome", "a message of kind \(frame.kind)")
        }
        self = try frame.reading("welcome") { (reader) throws(FormatError) in
            let (version, oldest, newest) = (try reader.u8(), try reader.u8(), try reader.u8())
            guard oldest > 0, oldest <= newest, let access = WireAccess(rawValue: try reader.u8()) else {
                throw reader.error("impossible versions or access")
            }
            return WireWelcome(
                version: version, versions: oldest...newest, access: access, place: try reader.text(),
                program: try reader.text())
        }
    }
}
