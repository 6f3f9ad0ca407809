import KCacheSystem

/// What a record holds of one file: its stat when make had nothing left to do.
struct RecordedFile: Hashable, Sendable {
    /// Where its name starts among the names; ends in NUL.
    var name: UInt32
    /// Kind and permissions of `Stamp`; 0 where nothing was.
    var mode: UInt32
    var marks: Marks
    /// Which directories have to be walked if it changed: a place among the sets.
    var dependents: UInt32
    var inode: UInt64
    var size: UInt64
    var mtime: Int64
    var ctime: Int64

    struct Marks: OptionSet, Hashable, Sendable {
        let rawValue: UInt32

        /// The build made it.
        static let output = Marks(rawValue: 1)
        /// A makefile, Kconfig file, script or configuration: after a change everything is walked.
        static let rules = Marks(rawValue: 2)
        /// Only saved commands of the compiler name it.
        static let plain = Marks(rawValue: 4)
        /// Written anew by every make: its stamp is a digest of its content, in the place of its size.
        static let rewritten = Marks(rawValue: 8)
    }

    static let byteCount = 48
}

/// What a record holds of one directory, and which of its files are watched.
struct RecordedDirectory: Hashable, Sendable {
    var root: UInt32
    /// Where its path below the root starts among the names; ends in NUL, `.` for the root.
    var path: UInt32
    var firstFile: UInt32
    var fileCount: UInt32
    /// The nearest directory at or above it that Kbuild descends into.
    var owner: UInt32
    var marks: Marks
    var inode: UInt64
    var mtime: Int64
    var ctime: Int64
    /// The first half of a digest over the names in it.
    var listing: Listing

    struct Listing: Hashable, Sendable {
        var first: UInt64
        var second: UInt64
    }

    struct Marks: OptionSet, Hashable, Sendable {
        let rawValue: UInt32

        /// Kbuild descends into it: it has a `built-in.a` or `modules.order` of its own.
        static let descended = Marks(rawValue: 1)
        /// Has to be walked by every make.
        static let always = Marks(rawValue: 2)
    }

    static let byteCount = 64
}

/// What a record holds of one file by its absolute path: host headers, git's state, firmware.
struct RecordedPath: Hashable, Sendable {
    var path: UInt32
    var mode: UInt32
    var dependents: UInt32
    var device: UInt64
    var inode: UInt64
    var size: UInt64
    var mtime: Int64
    var ctime: Int64

    static let byteCount = 52
}

/// The kind and permissions of a file as a record keeps them.
enum Stamp {
    static func mode(_ status: FileStatus) -> UInt32 {
        (UInt32(status.kind.rawValue) + 1) << 16 | UInt32(status.permissions)
    }

    static func isLink(_ mode: UInt32) -> Bool {
        mode >> 16 == UInt32(FileStatus.Kind.link.rawValue) + 1
    }
}
