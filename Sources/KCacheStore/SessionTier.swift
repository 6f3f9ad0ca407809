/// The near store of a session with a far one.
struct SessionTier: Sendable {
    let near: StoreSession
    let keeper: FrameKeeper

    init(near: StoreSession) throws {
        self.near = near
        keeper = FrameKeeper(near)
    }
}
