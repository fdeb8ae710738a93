#!/bin/sh
# The engine's own tests under Miri, valgrind and the address sanitiser, which see what `unsafe` in src/engine/kernels could break.
# Miri also stands in for a processor with AVX-512 and VNNI, where the machine is none; its run takes about half an hour. QEMU
# stands in for an ARM with NEON.
# Needs valgrind, qemu-aarch64-static, gcc for aarch64 with its C library, the Rust target aarch64-unknown-linux-gnu, and a
# nightly toolchain with miri and rust-src. Run from the repository's root.
set -eu
cargo test --release -p juxta-engine --lib --no-run
tests=$(ls -t target/release/deps/juxta_engine-* | grep -v '\.d$' | head -1)
valgrind -q --error-exitcode=9 "$tests" kernels --test-threads=1
RUSTFLAGS=-Zsanitizer=address cargo +nightly test --release -p juxta-engine --lib \
    --target x86_64-unknown-linux-gnu --target-dir target/sanitised
RUSTFLAGS=-Ctarget-feature=+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512vnni \
    MIRIFLAGS=-Zmiri-disable-isolation \
    cargo +nightly miri test -p juxta-engine --lib --target-dir target/miri -- kernels
CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64-static -L /usr/aarch64-linux-gnu' \
    cargo test --release -p juxta-engine --lib --target aarch64-unknown-linux-gnu --target-dir target/arm
