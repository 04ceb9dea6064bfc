//! `harness doctor`, `harness completions` and `harness man`

use std::path::PathBuf;

use clap::Args;

use super::PlaceArgs;

/// What `harness doctor --help` ends with.
pub(super) const DOCTOR_HELP: &str = "\
Examples:
  harness doctor
  harness doctor --data-dir data --store runs
  harness doctor --json

Looks at libtorch, the processor, accelerators, memory, disks, data sets and the store, and says what
to do about what is missing. Nothing is changed or fetched.";

/// What `harness completions --help` ends with.
pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  harness completions bash > ~/.local/share/bash-completion/completions/harness
  harness completions zsh > ~/.zfunc/_harness
  harness completions fish > ~/.config/fish/completions/harness.fish
  source <(cargo harness completions bash)

A script completes `harness` and, once it is loaded, `cargo harness` too. Shells load the files above when
`harness` is completed; in a clone, put the last line into ~/.bashrc, its like into ~/.zshrc after compinit,
or `cargo harness completions fish | source` into ~/.config/fish/config.fish.";

/// What `harness man --help` ends with.
pub(super) const MAN_HELP: &str = "\
Examples:
  harness man ~/.local/share/man/man1
  man harness-grid";

/// `harness doctor`
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: PlaceArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `harness completions`
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `harness man`
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// The folder to write to, which is made if it is not there
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}
