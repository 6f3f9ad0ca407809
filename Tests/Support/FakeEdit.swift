package import Foundation

/// One change that a person makes between two builds.
package enum FakeEdit: Hashable, Sendable, CaseIterable {
    case editUnit, editComment, editHeader, touch, addUnit, deleteUnit, flipSymbol, changeFlags, changeScript
    case changeData, addMakefileComment, revert
    /// Changes that make does not notice by itself: only a pull must.
    case shadowHeader, changeHiddenScript

    /// Those after which plain make is right.
    package static let noticed: [FakeEdit] = allCases.filter {
        $0 != .shadowHeader && $0 != .changeHiddenScript
    }
}

/// Makes random histories from a seed.
package struct FakeHistory {
    package private(set) var state: FakeState
    package private(set) var past: [FakeState]
    /// Files that got a new time and nothing else.
    package private(set) var touched: [String] = []
    /// What was done, for a failure's message.
    package private(set) var log: [String] = []
    private let kernel: FakeKernel
    private var random: any RandomNumberGenerator
    private var counter = 0

    package init(_ kernel: FakeKernel, random: some RandomNumberGenerator) {
        self.kernel = kernel
        self.random = random
        state = kernel.initial
        past = [kernel.initial]
    }

    private static let headers = [
        "include/fake/limits.h", "include/fake/task.h", "include/fake/trace.h", "include/fake/bus.h",
        "include/asm-generic/order.h", "core/core.h", "net/net.h", "drv/led/led.h", "drv/bus/bus-private.h",
        "include/fake/layout.h", "include/linux/export.h",
    ]
    private static let symbols = [
        "HZ", "GREETING", "TRACE", "TRACE_DEEP", "STATS", "BLOB", "NET", "NET_FAST", "NET_PROTO", "BUS",
        "BUS_DEBUG", "LED", "LED_BLINK", "LED_RED", "LIB_EXTRA", "GENTABLE", "KALLSYMS_ALL",
    ]
    private static let tristate: Set<String> = ["NET_PROTO", "BUS", "LED", "LED_RED"]

    private mutating func pick<T>(_ items: [T]) -> T? {
        items.isEmpty ? nil : items[Int(random.next() % UInt64(items.count))]
    }

    private mutating func number(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private var units: [String] {
        state.files.keys.filter {
            $0.hasSuffix(".c") && !$0.hasPrefix("kernel/") && !$0.hasSuffix("asm-offsets.c")
        }.sorted()
    }

    /// Changes the state by one edit of the given kinds.
    package mutating func step(_ kinds: [FakeEdit] = FakeEdit.noticed) throws {
        guard let kind = pick(kinds) else { return }
        touched = []
        counter += 1
        let before = state
        try apply(kind)
        if state != before { past.append(state) }
    }

    /// Takes an earlier or later state whole, as a checkout of another commit does.
    package mutating func jump(to other: FakeState) {
        state = other
        past.append(other)
    }

    private mutating func apply(_ kind: FakeEdit) throws {
        let count = counter
        switch kind {
        case .editUnit:
            guard let path = pick(units) else { return }
            let name = path.map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
            edit(path) { Self.strip($0) + "\nint fake_edit_\(name)_\(count)(void) { return \(count); }\n" }
        case .editComment:
            guard let path = pick(units) else { return }
            edit(path) { $0 + "/* \(count) */\n" }
        case .editHeader:
            guard let path = pick(Self.headers) else { return }
            if path.hasSuffix("limits.h") {
                let limit = 32 + 8 * number(6)
                edit(path) { _ in "#define FAKE_LIMIT \(limit)\n" }
            } else {
                edit(path) { $0 + "#define FAKE_HEADER_\(count) \(count)\n" }
            }
        case .touch:
            guard let path = pick(units + Self.headers + ["core/Makefile", "scripts/fake/table.sh"]) else {
                return
            }
            touched = [path]
            log.append("touch \(path)")
        case .addUnit:
            guard let folder = pick(["core", "net", "lib", "drv/bus", "drv/led"]) else { return }
            let name = "added\(count)"
            // Histories that branch off count anew: the folder keeps their functions apart.
            let function = "fake_\(folder.replacing("/", with: "_"))_\(name)"
            edit("\(folder)/\(name).c") { _ in "int \(function)(void) { return \(count); }\n" }
            let list = folder == "lib" && count % 2 == 0 ? "lib-y" : "obj-y"
            edit("\(folder)/Makefile") { $0 + "\(list) += \(name).o\n" }
        case .deleteUnit:
            guard let path = pick(units.filter { $0.contains("/added") }) else { return }
            let object = path.split(separator: "/").last.map { $0.dropLast(1) + "o" } ?? ""
            state.files[path] = nil
            log.append("delete \(path)")
            let makefile = path.split(separator: "/").dropLast().joined(separator: "/") + "/Makefile"
            edit(makefile) {
                $0.split(separator: "\n", omittingEmptySubsequences: false)
                    .filter { !$0.hasSuffix(" \(object)") }.joined(separator: "\n")
            }
        case .flipSymbol: try flip()
        case .changeFlags:
            let level = number(9)
            if number(2) == 0 {
                replaceLine("core/Makefile", "ccflags-y :=", "ccflags-y := -DCORE_LEVEL=\(level)")
            } else {
                replaceLine(
                    "core/Makefile", "CFLAGS_queue.o :=", "CFLAGS_queue.o := -DQUEUE_DEPTH=\(16 + level)")
            }
        case .changeScript: edit("scripts/fake/table.sh") { $0 + "echo '\t\"\(count)\",'\n" }
        case .changeData:
            guard let path = pick(["core/table.txt", "core/blob.txt"]) else { return }
            edit(path) { $0 + "word \(count)\n" }
        case .addMakefileComment:
            guard let folder = pick(["core", "net", "lib", "drv", "drv/bus", "drv/led", "init"]) else {
                return
            }
            edit("\(folder)/Makefile") { $0 + "# \(count)\n" }
        case .revert:
            guard let earlier = pick(past) else { return }
            state = earlier
            log.append("back to an earlier state")
        case .shadowHeader:
            guard let name = pick(["limits.h", "trace.h", "layout.h"]) else { return }
            edit("arch/fake/include/fake/\(name)") { [state] _ in
                (state.files["include/fake/\(name)"] ?? "") + "\n#define FAKE_SHADOW \(count)\n"
            }
        case .changeHiddenScript:
            let letter = ["b-za", "c-za-b", "d-za-c"][number(3)]
            edit("scripts/fake/pack.sh") { _ in "pack() { tr a-z \(letter); }\n" }
        }
    }

    private mutating func flip() throws {
        guard let symbol = pick(Self.symbols) else { return }
        let old = state.value(symbol)
        let new: String
        if symbol == "HZ" {
            new = old == "250" ? "1000" : "250"
        } else if symbol == "GREETING" {
            new = "\"hello \(counter)\""
        } else if Self.tristate.contains(symbol) {
            new = pick(["y", "m", "n"].filter { $0 != old }) ?? "y"
        } else {
            new = old == "y" ? "n" : "y"
        }
        var lines = state.config.split(separator: "\n").map(String.init).filter {
            !$0.hasPrefix("CONFIG_\(symbol)=") && $0 != "# CONFIG_\(symbol) is not set"
        }
        lines.append(new == "n" ? "# CONFIG_\(symbol) is not set" : "CONFIG_\(symbol)=\(new)")
        state.config = try kernel.completed(lines.joined(separator: "\n") + "\n", state)
        log.append("CONFIG_\(symbol)=\(new)")
    }

    private mutating func edit(_ path: String, _ change: (String) -> String) {
        state.files[path] = change(state.files[path] ?? "")
        log.append("edit \(path)")
    }

    private static func strip(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.contains("fake_edit_") }.joined(separator: "\n")
    }

    private mutating func replaceLine(_ path: String, _ start: String, _ line: String) {
        edit(path) {
            $0.split(separator: "\n", omittingEmptySubsequences: false)
                .map { $0.hasPrefix(start) ? line : String($0) }.joined(separator: "\n")
        }
    }

    /// Brings a tree that stands at `earlier` to the current state.
    package func apply(to tree: URL, from earlier: FakeState) throws {
        try state.write(to: tree, replacing: earlier)
        let now = Date()
        for path in touched where FileManager.default.fileExists(atPath: tree.appending(path: path).path) {
            try FileManager.default.setAttributes(
                [.modificationDate: now], ofItemAtPath: tree.appending(path: path).path)
        }
    }
}
