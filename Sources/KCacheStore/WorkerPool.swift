import Synchronization

/// Lends things that are costly to make and serve one thread at a time.
final class WorkerPool<Worker: AnyObject & Sendable>: Sendable {
    private let idle = Mutex<[Worker]>([])
    private let make: @Sendable () throws -> Worker

    init(_ make: @escaping @Sendable () throws -> Worker) { self.make = make }

    func withWorker<R>(_ body: (Worker) throws -> R) throws -> R {
        let worker = try idle.withLock { $0.popLast() } ?? make()
        defer { idle.withLock { $0.append(worker) } }
        return try body(worker)
    }
}
