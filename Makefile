# kcache: see README.md. The work is done by SwiftPM and the scripts; this file only names it.
PREFIX ?= /usr/local
DESTDIR ?=
# Packages with several traits are rebuilt at random without this (their -D flags change their order).
export SWIFT_DETERMINISTIC_HASHING = 1
BUILD_FLAGS = --explicit-target-dependency-import-check error

.PHONY: all demo check check-full bench fuzz install uninstall clean format

all: release

# One binary, with the Swift libraries inside.
.PHONY: release
release:
	@scripts/dependencies build
	swift build -c release --static-swift-stdlib $(BUILD_FLAGS)

demo:
	@scripts/demo

check:
	@scripts/check

check-full:
	@scripts/check --full

bench: release
	@scripts/dependencies bench
	@Benchmarks/run

fuzz:
	@scripts/fuzz

install: release
	@scripts/install-kcache "$(DESTDIR)$(PREFIX)"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/kcache" "$(DESTDIR)$(PREFIX)/share/man/man1"/kcache*.1
	rm -f "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/kcache"
	rm -f "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_kcache"
	rm -f "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/kcache.fish"

format:
	swift format -i -r Sources Tests Package.swift

clean:
	rm -rf .build build
