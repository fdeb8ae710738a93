#!/bin/sh
# The engine's own tests under valgrind and the address sanitiser, which see what `unsafe` in src/engine/kernels could break.
# Needs valgrind and a nightly toolchain. Run from the repository's root.
set -eu
cargo test --release -p juxta-engine --lib --no-run
tests=$(ls -t target/release/deps/juxta_engine-* | grep -v '\.d$' | head -1)
valgrind -q --error-exitcode=9 "$tests" kernels --test-threads=1
RUSTFLAGS=-Zsanitizer=address cargo +nightly test --release -p juxta-engine --lib \
    --target x86_64-unknown-linux-gnu --target-dir target/sanitised
