package import KCacheCore

/// A part of an object.
package struct ObjectRange: Hashable, Sendable {
    package let name: ObjectName
    package let offset: UInt64
    package let length: UInt32

    package init(name: ObjectName, offset: UInt64, length: UInt32) {
        (self.name, self.offset, self.length) = (name, offset, length)
    }
}

/// Reads immutable objects. Every call may be repeated and may run concurrently with any other.
package protocol ObjectReader: Sendable {
    /// The place, for error lines.
    var place: String { get }

    /// The whole object, as it was when it was put; nil if there is none.
    ///
    /// - Throws: if it is longer than `limit` bytes.
    func get(_ name: ObjectName, limit: Int) throws(StoreError) -> [UInt8]?

    /// Fills the buffer from `offset` on, short only where the object ends; the bytes read, nil if there is
    /// no such object.
    func read(_ name: ObjectName, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer)
        throws(StoreError) -> Int?

    /// Several whole objects, as `get` for each; where a call takes a journey, one journey for many.
    func get(_ names: [ObjectName], limit: Int) throws(StoreError) -> [[UInt8]?]

    /// Says what `read` is going to be asked for, in that order, so that it can be on its way before.
    /// Replaces what was said before; no promise.
    func willRead(_ ranges: [ObjectRange]) throws(StoreError)

    /// Says what is soon going to be asked, so that all of it takes one journey. Each answer is of this moment and
    /// goes to the first call that asks just that; whoever writes drops those that nobody has fetched. Held until
    /// then, so for what is small. No promise.
    func expect(_ questions: [ObjectQuestion]) throws(StoreError)

    /// Size and time; nil if there is no such object.
    func info(_ name: ObjectName) throws(StoreError) -> ObjectInfo?

    /// All objects of a kind, in no order. Not atomic: an object put or deleted meanwhile may be in it or
    /// not. Other files that lie there are passed over.
    func list(_ kind: ObjectKind) throws(StoreError) -> [ObjectInfo]
}

extension ObjectReader {
    package func get(_ names: [ObjectName], limit: Int) throws(StoreError) -> [[UInt8]?] {
        var results: [[UInt8]?] = []
        for name in names { results.append(try get(name, limit: limit)) }
        return results
    }

    package func willRead(_ ranges: [ObjectRange]) throws(StoreError) {}

    package func expect(_ questions: [ObjectQuestion]) throws(StoreError) {}
}

/// Also writes objects.
package protocol ObjectWriter: ObjectReader {
    /// Puts a whole object in place, or nothing; durable when this returns.
    ///
    /// May be repeated (the same bytes replace themselves) and may run concurrently.
    func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StoreError)

    /// Begins an object whose name is known at its end only. May run concurrently.
    func beginStream() throws(StoreError) -> any ObjectStream

    /// Takes up an object of that name where an earlier attempt broke off (`ObjectStream.suspend`), or begins
    /// it; nil where this can't be done now, and only `beginStream` will do. May run concurrently.
    func resumeStream(_ name: ObjectName) throws(StoreError) -> (any ObjectStream)?

    /// Sets an object's time. May be repeated; false if there is no such object.
    @discardableResult
    func touch(_ name: ObjectName, _ ns: Int64) throws(StoreError) -> Bool

    /// As `touch`, for whom it does not matter whether it succeeds: nobody waits for an answer from afar.
    func noteUse(_ name: ObjectName, _ ns: Int64) throws(StoreError)
}

extension ObjectWriter {
    package func resumeStream(_ name: ObjectName) throws(StoreError) -> (any ObjectStream)? { nil }

    package func noteUse(_ name: ObjectName, _ ns: Int64) throws(StoreError) { try touch(name, ns) }
}

/// An object on its way into a store; for one caller at a time. What is not committed leaves nothing behind
/// (after a kill: a temporary that `removeLeftovers` removes).
package protocol ObjectStream: AnyObject, Sendable {
    /// Bytes that are there; those of an earlier attempt count.
    var length: UInt64 { get }

    /// Adds bytes at the end. Not to be repeated after a failure: cancel.
    func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError)

    /// Puts the object in place under its name, whole or not at all; durable when this returns.
    func commit(as name: ObjectName) throws(StoreError)

    /// Drops it. May be repeated, and may follow a commit, then without effect.
    func cancel()

    /// Leaves what is there for `resumeStream`; drops it where that can't be. As `cancel` otherwise.
    func suspend()

    /// Reads back what is there, short only at its end.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int

    /// The digest of all bytes that are there, read back.
    func digest() throws(StoreError) -> Digest
}

/// Also deletes objects.
package protocol ObjectPruner: ObjectWriter {
    /// Deletes objects in this order; durable when this returns. Not atomic: a failure may come after some.
    /// May be repeated; the number that were there.
    @discardableResult
    func delete(_ names: [ObjectName]) throws(StoreError) -> Int

    /// What killed writers left, as a number; removed unless `dryRun`. Only while nobody else writes.
    func removeLeftovers(dryRun: Bool) throws(StoreError) -> Int
}
