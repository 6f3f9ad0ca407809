import KCacheCore

/// Recognises saved commands that run files through a compressor.
enum CompressionRecipe {
    /// Of `cat A B | gzip -n -f -9 > T` (cmd_gzip in scripts/Makefile.lib) the compressor and the inputs; nil for any
    /// other command.
    static func parse(_ command: [UInt8], target: TreePath) -> Derivation? {
        let words = command.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = words.first, first.elementsEqual("cat".utf8),
            let bar = words.firstIndex(where: { $0.elementsEqual("|".utf8) }), bar > 1
        else { return nil }
        let tail = ["|", "gzip", "-n", "-f", "-9", ">"].map { Array($0.utf8) } + [target.bytes]
        guard words[bar...].map({ Array($0) }) == tail else { return nil }
        var inputs: [TreePath] = []
        for word in words[1..<bar] {
            guard word.allSatisfy(isPlain), word.first != UInt8(ascii: "-"), let path = TreePath(Array(word)),
                path != target
            else { return nil }
            inputs.append(path)
        }
        return .compressed(.gzip, inputs: inputs)
    }

    /// True for bytes that mean themselves to a shell.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: Array("/._-+,@%".utf8).contains(byte)
        }
    }
}
