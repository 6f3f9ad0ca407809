import FuzzTargets
import TestKernel
import Testing

/// A few thousand mutations of well-formed samples for each parser; `make fuzz` goes on for longer.
@Suite struct FuzzSmokeTests {
    @Test(arguments: FuzzTarget.allCases) func mutationsAreTakenOrRefused(target: FuzzTarget) {
        #expect(!target.samples.isEmpty)
        var random = SplitMix(seed: 2024)
        let rounds = target == .pack ? 1500 : 4000
        for sample in target.samples {
            target.run(sample)
            for cut in stride(from: 0, through: sample.count, by: max(1, sample.count / 200)) {
                target.run(Array(sample[..<cut]))
            }
        }
        for i in 0..<rounds {
            target.run(mutated(target.samples[i % target.samples.count], target, &random))
        }
    }

    private func mutated(_ sample: [UInt8], _ target: FuzzTarget, _ random: inout SplitMix) -> [UInt8] {
        var bytes = sample
        for _ in 0...Int.random(in: 0..<4, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes.removeLast(min(bytes.count, Int.random(in: 0..<20, using: &random)))
            case 1: bytes.insert(contentsOf: target.dictionary.randomElement(using: &random) ?? [], at: at)
            case 2:
                let end = min(bytes.count, at + Int.random(in: 0..<40, using: &random))
                bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 0..<10, using: &random)))
            case 4 where at < bytes.count:
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
            case _ where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            default: bytes.append(UInt8.random(in: .min ... .max, using: &random))
            }
        }
        return bytes
    }
}
