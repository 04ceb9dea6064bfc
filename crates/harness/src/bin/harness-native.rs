//! The harness as the Python wheel installs it: `harness` is there a few lines of Python that find libtorch and start
//! this program.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::main()
}
