import KCacheCore
package import KCacheSystem
import SystemPackage

/// Why a store could not do something: what failed, on what, and what to do.
package struct StoreError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// There is no store at that place.
        case noStore
        /// Something there was written by a newer kcache.
        case newerFormat
        /// Bytes are not what their name, checksum or format says.
        case damaged
        /// Chunks or objects that are needed are not there.
        case missing
        /// No snapshot of that name or number.
        case unknownSnapshot
        /// Several snapshots fit.
        case ambiguous
        /// Going on could lose data.
        case refused
        /// The system said no: `cause` has its error.
        case system
        /// The connection to a store elsewhere could not be made, or was lost.
        case unreachable
        /// The store does not let this be done.
        case forbidden
        /// The caller broke a rule of the interface.
        case misuse
    }

    package let code: Code
    /// One line for people, naming the subject.
    package let message: String
    /// The folder, object or snapshot that it is about.
    package let subject: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, subject: String, cause: (any Error)? = nil) {
        (self.code, self.message, self.subject, self.cause) = (code, message, subject, cause)
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }

    /// The system's error below this one; nil if there is none.
    package var systemError: SystemError? {
        if let system = cause as? SystemError { return system }
        return (cause as? StoreError)?.systemError
    }

    /// True if it says nothing about the object that was asked for.
    package var isOfThePlace: Bool { [.unreachable, .forbidden, .misuse].contains(code) }

    /// True if the place can't be written by this user.
    package var isReadOnly: Bool {
        if code == .forbidden { return true }
        guard let errno = systemError?.errno else { return false }
        return [.readOnlyFileSystem, .permissionDenied, .notPermitted].contains(errno)
    }

    static func damaged(_ name: ObjectName, in place: String, _ problem: any Error) -> StoreError {
        StoreError(
            .damaged, "\(name.forPeople) in \(place) is damaged", subject: name.path, cause: problem)
    }

    static func newer(_ name: ObjectName, in place: String, format: Int, known: Int) -> StoreError {
        StoreError(
            .newerFormat,
            "\(name.forPeople) in \(place) has format \(format), and this kcache reads \(known): "
                + "use a newer kcache", subject: name.path)
    }
}

/// Runs a system call and says on failure what it was for.
func translating<T: ~Copyable>(
    _ what: @autoclosure () -> String, subject: @autoclosure () -> String,
    _ body: () throws(SystemError) -> T
) throws(StoreError) -> T {
    do throws(SystemError) { return try body() } catch {
        throw StoreError(.system, what(), subject: subject(), cause: error)
    }
}
