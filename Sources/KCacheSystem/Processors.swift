import Glibc

/// Processors that this process may run on.
package func availableProcessors() -> Int {
    let count = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    return count > 0 ? Int(count) : 1
}
