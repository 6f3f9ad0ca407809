/// What is going to be asked of an object store (`ObjectReader.expect`).
package enum ObjectQuestion: Hashable, Sendable {
    case list(ObjectKind)
    case get(ObjectName, limit: Int)
    case read(ObjectRange)
}
