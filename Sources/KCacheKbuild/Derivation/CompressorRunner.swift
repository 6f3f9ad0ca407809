import KCacheCore
import KCacheSystem

/// Runs this machine's compressors, with the arguments that stand here: a snapshot says which one, and no more.
struct CompressorRunner: Sendable {
    let environment: [String: String]
    /// A compressor that takes longer than that is killed: what it was to make is read from the store.
    var seconds = 60

    /// Nil where the compressor is missing, fails, hangs, or prints more than it should.
    func run(_ compressor: Derivation.Compressor, _ input: [UInt8], limit: Int) -> [UInt8]? {
        // Of the environment nothing but PATH: GZIP could hold options.
        let environment = ["PATH": environment["PATH"] ?? "", "LC_ALL": "C"]
        do throws(SystemError) {
            return try FilterProcess.run(
                Self.arguments(compressor), environment: environment, input: input, limit: limit,
                seconds: seconds)
        } catch _ {
            return nil
        }
    }

    private static func arguments(_ compressor: Derivation.Compressor) -> [String] {
        switch compressor {
        case .gzip: ["gzip", "-n", "-f", "-9"]
        }
    }
}
