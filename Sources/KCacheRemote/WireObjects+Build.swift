package import KCacheStore

extension WireObjects {
    /// Has the far end build, and waits for the end of it.
    ///
    /// - Parameter hear: gets what is said meanwhile, one call after another; the far end waits for it.
    package func build(
        _ order: WireBuildOrder, hear: @escaping @Sendable (WireBuildVoice, [UInt8]) -> Void
    ) throws(StoreError)
        -> WireBuildResult
    {
        guard connection.welcome.version >= WireFormat.building else {
            throw StoreError(
                .newerFormat,
                "the kcache at \(place) (\(connection.welcome.program)) can't build: update it there",
                subject: place)
        }
        let answer = try connection.startNumbered(.build(order), hear: hear).reply.wait()
        guard let result = answer.built else {
            throw StoreError(.damaged, "\(place) does not say how the build has ended", subject: place)
        }
        return result
    }
}

extension Store {
    /// Has the far end of this store build from a snapshot that it has, and waits for the end of it. A lost
    /// connection ends the build.
    ///
    /// - Parameter hear: gets what is said meanwhile, one call after another.
    /// - Throws: `StoreError`, also for a store in a folder, behind which nobody is.
    package func build(
        _ order: WireBuildOrder, hear: @escaping @Sendable (WireBuildVoice, [UInt8]) -> Void
    ) throws(StoreError) -> WireBuildResult {
        guard let far = objects as? RemoteObjects else {
            throw StoreError(.misuse, "\(place) is a folder: nothing builds there", subject: place)
        }
        return try far.build(order, hear: hear)
    }
}
