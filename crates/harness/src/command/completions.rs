//! `harness completions`

use clap_complete::Shell;
use dst_core::Result;

use crate::cli::{self, CompletionsArgs};
use crate::output;
use dst_executor::Exit;

/// Bash has one completion of `cargo`: ours takes its place, does what is behind `cargo harness`, and leaves all else
/// to the one before. The library bash-completion loads that on demand, under either name by its version.
const BASH: &str = r#"
_harness_of_cargo() {
    if [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == harness ]]; then
        COMP_WORDS=("${COMP_WORDS[@]:1}")
        COMP_CWORD=$((COMP_CWORD - 1))
        _harness harness "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    elif [[ -n $_harness_cargo_before ]]; then
        "$_harness_cargo_before" "$@"
    fi
}
if ! complete -p cargo &>/dev/null; then
    { _comp_load cargo || __load_completion cargo; } &>/dev/null
fi
_harness_found=$(complete -p cargo 2>/dev/null)
if [[ $_harness_found =~ " -F "([^ ]+) && ${BASH_REMATCH[1]} != _harness_of_cargo ]]; then
    _harness_cargo_before=${BASH_REMATCH[1]}
fi
unset _harness_found
complete -F _harness_of_cargo -o bashdefault -o default cargo
"#;

/// The completion of `cargo` in zsh calls a function of this name.
const ZSH: &str = r#"
_cargo-harness() {
    _harness "$@"
}
"#;

/// Fish completes a line that it is given: the one without `cargo`.
const FISH: &str = r#"
complete -c cargo -n "__fish_seen_subcommand_from harness" -f \
    -a '(complete -C (string replace -r "^\s*cargo\s+" "" -- (commandline -cp)))'
"#;

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "harness", &mut script);
    let script = String::from_utf8_lossy(&script);
    output::print(&match args.shell {
        Shell::Bash => format!("{script}{BASH}"),
        Shell::Fish => format!("{script}{FISH}"),
        Shell::Zsh => {
            // What ends the script says whether there were completions, and the first line says whose.
            let (first, rest) = script.split_once('\n').unwrap_or((&script, ""));
            format!("{first}\n{ZSH}{rest}")
        }
        _ => script.into_owned(),
    })?;
    Ok(Exit::Success)
}
