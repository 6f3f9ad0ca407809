import KCacheCore
import KCacheSystem
import SystemPackage

/// How a store keeps gc apart from everything else. Passed in, since only a folder has flock(2).
package struct StoreLocks: Sendable {
    /// Held as long as the value lives.
    package final class Held: Sendable {
        private let lock: FileLock?
        private let release: @Sendable () -> Void
        /// True once the lock was lost and taken again, until `renew`: others may have had it meanwhile. No catalog
        /// entry is taken from its holder then.
        let wasLost: @Sendable () -> Bool
        /// The holder is going to look anew at what the store has.
        let renew: @Sendable () -> Void

        init(_ lock: consuming FileLock?) {
            self.lock = lock
            (release, renew, wasLost) = ({}, {}, { false })
        }

        /// A lock of another kind, given up by `release`.
        package init(
            release: @escaping @Sendable () -> Void, wasLost: @escaping @Sendable () -> Bool = { false },
            renew: @escaping @Sendable () -> Void = {}
        ) {
            lock = nil
            (self.release, self.wasLost, self.renew) = (release, wasLost, renew)
        }

        deinit { release() }
    }

    package typealias Take = @Sendable (_ waiting: () -> Void) throws(StoreError) -> Held

    /// For readers and pushes: any number at once, none while gc runs.
    package let shared: Take
    /// For gc: alone.
    package let exclusive: Take
    /// As `shared`; what is going to be asked under the lock (`ObjectReader.expect`) goes on the journey with it.
    package let sharedExpecting: TakeExpecting

    package typealias TakeExpecting =
        @Sendable (_ questions: [ObjectQuestion], _ waiting: () -> Void) throws(StoreError) -> Held

    package init(shared: @escaping Take, exclusive: @escaping Take) {
        (self.shared, self.exclusive) = (shared, exclusive)
        sharedExpecting = { (_: [ObjectQuestion], waiting: () -> Void) throws(StoreError) -> Held in
            try shared(waiting)
        }
    }

    package init(exclusive: @escaping Take, sharedExpecting: @escaping TakeExpecting) {
        (self.exclusive, self.sharedExpecting) = (exclusive, sharedExpecting)
        shared = { (waiting: () -> Void) throws(StoreError) -> Held in try sharedExpecting([], waiting) }
    }

    /// No locks: for stores that one process has for itself.
    package static let none = StoreLocks(
        shared: { _ throws(StoreError) in Held(nil) }, exclusive: { _ throws(StoreError) in Held(nil) })

    /// flock(2) on the file `lock`, which is never removed.
    static func folder(_ root: Directory) throws(StoreError) -> StoreLocks {
        guard let name = TreePath("lock") else {
            throw StoreError(.misuse, "no file can be called lock", subject: "lock")
        }
        return StoreLocks(
            shared: { waiting throws(StoreError) in
                do throws(SystemError) {
                    return Held(try FileLock.take(.shared, on: name, in: root, waiting: waiting))
                } catch {
                    let failure = StoreError(
                        .system, "cannot lock the store \(root.path.string)", subject: root.path.string,
                        cause: error)
                    // A read-only store without a lock file: who could write there has never run gc.
                    if failure.isReadOnly, try isMissing(name, root) { return Held(nil) }
                    throw failure
                }
            },
            exclusive: { waiting throws(StoreError) in
                try translating(
                    "cannot lock the store \(root.path.string)", subject: root.path.string
                ) { () throws(SystemError) in
                    Held(try FileLock.take(.exclusive, on: name, in: root, waiting: waiting))
                }
            })
    }

    private static func isMissing(_ name: TreePath, _ root: Directory) throws(StoreError) -> Bool {
        try translating("cannot look at the lock of \(root.path.string)", subject: root.path.string) {
            () throws(SystemError) in
            try root.status(name) == nil
        }
    }
}
