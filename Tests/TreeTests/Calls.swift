import Glibc

func chmodForTest(_ path: UnsafePointer<CChar>, _ mode: mode_t) -> Int32 { chmod(path, mode) }
func makePipeForTest(_ path: UnsafePointer<CChar>) -> Int32 { mkfifo(path, 0o600) }
