import Glibc
import KCacheCore
import KCacheRemote

/// How snapshots are named and described to people.
enum SnapshotText {
    /// `6.1.192 x86`, `modules for 6.1.192 x86`, with the snapshot's name where it has one.
    static func title(_ header: SnapshotHeader) -> String {
        var words: [String] = []
        if !header.name.isEmpty { words.append("\"\(quoteForPeople(Array(header.name.utf8)))\"") }
        if header.environment.layout.isOfModules { words.append("modules for") }
        let release = header.environment.kernelRelease
        words.append(release.isEmpty ? "(no release)" : quoteForPeople(Array(release.utf8)))
        words.append(quoteForPeople(Array(header.environment.architecture.utf8)))
        if header.partial { words.append("partial") }
        return words.joined(separator: " ")
    }

    /// `1 source`, `78,579 sources`.
    static func count(_ number: UInt64, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    static func grouped(_ number: UInt64) -> String {
        var digits = Array(String(number))
        var at = digits.count - 3
        while at > 0 {
            digits.insert(",", at: at)
            at -= 3
        }
        return String(digits)
    }

    /// `2026-11-21 07:30`, in the user's time zone.
    static func time(_ seconds: Int64) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        guard localtime_r(&moment, &parts) != nil else { return "?" }
        var buffer = [CChar](repeating: 0, count: 64)
        let n = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M", &parts)
        return String(decoding: buffer[..<n].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `3 files: a, b, c` or with `and N more`.
    static func paths(_ paths: [TreePath], _ noun: String) -> String {
        let shown = paths.prefix(3).map(\.description).joined(separator: ", ")
        let more = paths.count > 3 ? " and \(grouped(UInt64(paths.count - 3))) more" : ""
        return "\(count(UInt64(paths.count), noun)): \(shown)\(more)"
    }

    /// What went over the wire.
    static func line(_ traffic: Traffic) -> String {
        "received \(traffic.received) and sent \(traffic.sent) over the wire"
    }
}
