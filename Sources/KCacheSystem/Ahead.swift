import Dispatch
import Synchronization

/// Something that is found out on a thread of its own, while the caller does something else.
package final class Ahead<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let done = DispatchGroup()

    /// Begins at once. If nobody asks for the value any more, the work goes on to its end all the same.
    package init(_ body: @escaping @Sendable () throws -> Value) {
        DispatchQueue.global().async(group: done) { [self] in
            let outcome = Result { try body() }
            result.withLock { $0 = outcome }
        }
    }

    /// Waits for the value.
    ///
    /// - Throws: what the body threw.
    package func get() throws -> Value {
        done.wait()
        guard let outcome = result.withLock({ $0 }) else { throw CancellationError() }
        return try outcome.get()
    }
}
