package import KCacheSystem

/// The steps of one make: foretold, followed, and kept for the next one.
package struct StepTally: Sendable {
    private let build: MakeBuild
    /// Nil where nothing may be kept.
    private let records: StepRecords?
    private let former: StepRecord
    private let fromNothing: Bool

    /// Reads what earlier makes have shown.
    package init(_ build: MakeBuild, host: HostEnvironment?) {
        self.build = build
        records = build.keepsNothing == nil ? host.map(StepRecords.init) : nil
        let key = StepRecords.key(build)
        former = records?.load(key) ?? StepRecord(key: key)
        fromNothing = StepForecast.isNothingBuilt(build)
    }

    /// The progress of a make that starts now.
    package func begin(at now: Int64) -> StepProgress {
        var progress = StepProgress(former, began: now)
        if fromNothing { progress.foresee(.everything) }
        return progress
    }

    /// What is going to be made again, to be asked beside the make: nothing may wait for it. Nil if nothing can
    /// be told.
    package func foretell() -> StepForecast? { fromNothing ? nil : StepForecast.foretell(build) }

    /// Keeps what the make has shown.
    ///
    /// - Throws: where the cache folder can't be written; the next make knows less then.
    package func keep(_ progress: StepProgress, succeeded: Bool) throws(SystemError) {
        guard let records else { return }
        var record = former
        record.add(progress.record, fromNothing: fromNothing, succeeded: succeeded)
        if record != former { try records.save(record) }
    }
}
