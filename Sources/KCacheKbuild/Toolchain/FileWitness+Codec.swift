import KCacheCore
import SystemPackage

extension FileWitness {
    func write(to writer: inout ByteWriter) {
        writer.text(path.string)
        writer.u8((followsLinks ? 1 : 0) | (stamp == nil ? 0 : 2))
        guard let stamp else { return }
        for number in [stamp.device, stamp.inode, stamp.size, stamp.mode] { writer.varint(number) }
        writer.signed(stamp.mtime)
        writer.signed(stamp.ctime)
    }

    /// - Throws: `FormatError` for anything but what `write` makes.
    static func read(from reader: inout ByteReader) throws(FormatError) -> FileWitness {
        let path = try reader.text()
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { throw reader.error("no host path") }
        let flags = try reader.u8()
        guard flags < 4 else { throw reader.error("unknown flags") }
        var stamp: Stamp?
        if flags & 2 != 0 {
            let (device, inode) = (try reader.varint(), try reader.varint())
            let (size, mode) = (try reader.varint(), try reader.varint())
            stamp = Stamp(
                device: device, inode: inode, size: size, mtime: try reader.signed(),
                ctime: try reader.signed(),
                mode: mode)
        }
        return FileWitness(path: .init(path), followsLinks: flags & 1 != 0, stamp: stamp)
    }
}
