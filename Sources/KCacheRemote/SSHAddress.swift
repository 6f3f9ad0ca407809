import KCacheCore

/// A store at the far end of ssh: `ssh://[USER@]HOST[:PORT][/PATH]`, or `[USER@]HOST:[PATH]` as scp has it.
package struct SSHAddress: Hashable, Sendable, CustomStringConvertible {
    /// With the user, where one is given; as ssh takes it.
    package let destination: String
    package let port: UInt16?
    /// The folder there: absolute, or from the home directory on (`~/` in front). Nil: the far user's own store.
    package let path: String?

    /// Why a text is no address.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Nil if the text has another form, that of a folder or of another kind of URL.
    package init?(parsing text: String) throws(Problem) {
        if text.hasPrefix("ssh://") {
            try self.init(url: text)
        } else if !text.contains("://"), let colon = text.firstIndex(of: ":"),
            !text[..<colon].contains("/"), colon != text.startIndex
        {
            try self.init(
                destination: String(text[..<colon]), port: nil,
                path: Self.fromHome(String(text[text.index(after: colon)...])), of: text)
        } else {
            return nil
        }
    }

    private init(url text: String) throws(Problem) {
        let rest = text.dropFirst("ssh://".count)
        let cut = rest.firstIndex(of: "/") ?? rest.endIndex
        var host = rest[..<cut]
        var path = try Self.unescaped(rest[cut...], of: text)
        if path == "/" { path = "" }
        if path.hasPrefix("/~/") || path == "/~" { path.removeFirst() }
        var port: UInt16?
        // An IPv6 address has colons of its own, in brackets.
        if let colon = host.lastIndex(of: ":"), host[colon...].contains("]") == false {
            guard let number = UInt16(host[host.index(after: colon)...]), number > 0 else {
                throw Problem(description: "\(text): the port is no number from 1 to 65535")
            }
            port = number
            host = host[..<colon]
        }
        var destination = String(host)
        if destination.hasSuffix("]"), let bracket = destination.lastIndex(of: "[") {
            destination.removeLast()
            destination.remove(at: bracket)
        }
        try self.init(destination: destination, port: port, path: path, of: text)
    }

    private init(destination: String, port: UInt16?, path: String, of text: String) throws(Problem) {
        let parts = destination.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty }) else {
            throw Problem(description: "\(text): no host is named; write ssh://HOST/PATH or HOST:PATH")
        }
        // What begins so is an option to ssh, and an option can run a program.
        guard parts.allSatisfy({ !$0.hasPrefix("-") }) else {
            throw Problem(description: "\(text): a host or user can't begin with -")
        }
        guard destination.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }),
            path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
        else { throw Problem(description: "\(text): blanks or control characters have no place in it") }
        (self.destination, self.port, self.path) = (destination, port, path.isEmpty ? nil : path)
    }

    private init(destination: String, port: UInt16?) {
        (self.destination, self.port, path) = (destination, port, nil)
    }

    /// The host alone.
    package var ofHost: SSHAddress { SSHAddress(destination: destination, port: port) }

    /// As people write it; reads back to the same.
    package var description: String {
        var host = destination
        // Only an IPv6 address has colons.
        if host.contains(":") {
            let at = host.lastIndex(of: "@").map { host.index(after: $0) } ?? host.startIndex
            host = host[..<at] + "[" + host[at...] + "]"
        }
        let folder = path.map { $0.hasPrefix("/") ? $0 : "/" + $0 } ?? ""
        return "ssh://\(host)\(port.map { ":\($0)" } ?? "")\(Self.escaped(folder))"
    }

    /// A path of scp's form: what isn't absolute begins at the far home directory.
    private static func fromHome(_ path: String) -> String {
        path.isEmpty || path.hasPrefix("/") || path.hasPrefix("~/") ? path : "~/" + path
    }

    private static func unescaped(_ text: Substring, of whole: String) throws(Problem) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else {
                throw Problem(
                    description: "\(whole): % has to be followed by two hexadecimal digits; write %25 for %")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let path = String(validating: bytes, as: UTF8.self) else {
            throw Problem(description: "\(whole): the path is no UTF-8")
        }
        return path
    }

    private static func escaped(_ path: String) -> String {
        path.utf8.reduce(into: "") { text, byte in
            switch byte {
            case UInt8(ascii: "%"), 0...0x20, 0x7f...:
                let hex = String(byte, radix: 16)
                text += hex.count == 1 ? "%0\(hex)" : "%\(hex)"
            default: text.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
    }
}
