import KCacheStore
import KCacheSystem
import SystemPackage

extension SSHTransport {
    /// Runs a script of `FarScript` with arguments; what the far end printed, at most 1 MiB of it.
    ///
    /// - Parameter input: what it reads, compressed on the way.
    /// - Throws: `StoreError` where ssh can't be started or the far end not be reached.
    func run(_ script: String, _ words: [String]) throws(StoreError) -> [UInt8] {
        let child = try start(script, words, compressed: false)
        child.input.close()
        return try finish(child)
    }

    func run(_ script: String, _ words: [String], input: borrowing Descriptor) throws(StoreError) -> [UInt8] {
        let child = try start(script, words, compressed: true)
        var offset: UInt64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        do throws(SystemError) {
            while true {
                let count = try input.read(into: buffer, at: offset)
                if count == 0 { break }
                offset += UInt64(count)
                try child.input.write(Array(buffer[..<count]))
            }
        } catch {
            // The script has ended before, and says why.
            guard error.errno == .brokenPipe else {
                throw StoreError(
                    .system, "cannot send this program to \(address.destination)",
                    subject: address.description,
                    cause: error)
            }
        }
        child.input.close()
        return try finish(child)
    }

    private func start(_ script: String, _ words: [String], compressed: Bool) throws(StoreError)
        -> PipedProcess
    {
        let command = (["sh", "-c", script, "sh"] + words).map(Self.quoted).joined(separator: " ")
        return try start(arguments(running: command, compressed: compressed))
    }

    private func finish(_ child: PipedProcess) throws(StoreError) -> [UInt8] {
        var output: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        do throws(SystemError) {
            while output.count < 1 << 20 {
                guard let count = try child.output.read(into: buffer, timeout: Self.patience) else {
                    throw SystemError("wait for", address.destination, .timedOut)
                }
                if count == 0 { break }
                output += buffer[..<count]
            }
        } catch {
            throw StoreError(
                .unreachable, "\(address.destination) does not answer", subject: address.description,
                cause: error)
        }
        guard child.end(within: 5) != 255 else { throw unreached }
        return output
    }

    /// In milliseconds: for what is left to do when all has been sent.
    private static let patience: Int32 = 60_000
}
