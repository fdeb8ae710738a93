//! The binary: settle the threads, hand over to the command line.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    juxta::job::threads::settle(juxta::cli::threads());
    juxta::cli::main()
}
