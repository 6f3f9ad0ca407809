/// The program's version (semantic versioning; CHANGELOG.md has what each one brought).
package enum Version {
    package static let text = "0.1.0"
}
