//! The `warifu` program: process hygiene, then the command line.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Neither a core file nor another process of the same user may hold what
    // this one holds.
    let hardened = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if hardened.is_err() {
        // Where standard error is gone, there is nobody to warn.
        let _ = writeln!(std::io::stderr(), "warning: core dumps could not be switched off.");
    }
    ExitCode::from(warifu::cli::main())
}
