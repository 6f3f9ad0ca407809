package import KCacheCore

/// What a long operation has done so far; the command line draws it.
package enum ProgressEvent: Sendable, Equatable {
    case started(phase: Phase, total: ByteCount)
    case advanced(phase: Phase, by: ByteCount)
    case finished(phase: Phase)

    package enum Phase: Sendable, Equatable { case comparing, storing, restoring, sending, verifying }
}

package typealias ProgressSink = @Sendable (ProgressEvent) -> Void
