/// The escapes that `make-cmd` (scripts/Kbuild.include) puts into a saved command.
enum MakeText {
    /// Undoes them: `$$` is `$`, `$(pound)` is `#`.
    static func unescape(_ saved: some Collection<UInt8>) -> [UInt8] {
        let bytes = Array(saved)
        guard bytes.contains(UInt8(ascii: "$")) else { return bytes }
        let pound = Array("$(pound)".utf8)
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "$"), at + 1 < bytes.count {
                if bytes[at + 1] == UInt8(ascii: "$") {
                    out.append(UInt8(ascii: "$"))
                    at += 2
                    continue
                }
                if bytes[at...].starts(with: pound) {
                    out.append(UInt8(ascii: "#"))
                    at += pound.count
                    continue
                }
            }
            out.append(bytes[at])
            at += 1
        }
        return out
    }
}
