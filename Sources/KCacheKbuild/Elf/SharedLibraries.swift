/// What a dynamic program asks its loader for (ld.so(8)).
package struct SharedLibraries {
    /// DT_NEEDED, in order.
    private(set) var needed: [String] = []
    /// DT_RPATH and DT_RUNPATH, split at colons.
    private(set) var runPath: [String] = []
    /// The loader would take files as its own that the program names by a path, or that watch it (DT_AUDIT, DT_DEPAUDIT).
    private(set) var namesFiles = false

    /// Nil if the bytes are no dynamic little-endian ELF file.
    package init?(_ bytes: [UInt8]) {
        guard let file = ElfFile(bytes), let dynamic = file.sections.first(where: { $0.type == 6 }),
            dynamic.hasBytes, dynamic.link < file.sections.count
        else { return nil }
        let texts = file.sections[dynamic.link].range
        let reader = LittleEndian(bytes)
        let size = file.is64 ? 16 : 8
        func text(_ offset: Int) -> String? {
            guard offset < texts.count else { return nil }
            let raw = bytes[(texts.lowerBound + offset)..<texts.upperBound].prefix { $0 != 0 }
            return String(decoding: raw, as: UTF8.self)
        }
        var at = dynamic.offset
        while at + size <= dynamic.range.upperBound {
            let tag = file.is64 ? reader.u64(at) : reader.u32(at)
            let value = file.is64 ? reader.u64(at + 8) : reader.u32(at + 4)
            at += size
            switch tag {
            case 0: return
            case 1:
                if let value, let name = text(value) {
                    needed.append(name)
                    namesFiles = namesFiles || name.contains("/")
                }
            case 0x6fff_fefb, 0x6fff_fefc: namesFiles = true
            case 15, 29:
                if let value, let path = text(value) {
                    runPath += path.split(separator: ":").map { String($0) }
                }
            default: break
            }
        }
    }
}
