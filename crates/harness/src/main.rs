//! The harness with the plug-ins of this workspace; see the library for everything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::main()
}
