//! Reads the command line and hands over.

use std::process::ExitCode;

/// A request makes some dozens of small allocations: the system's allocator would take a sixth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    portero::cli::run()
}
