//! Starting this process anew with what an accelerator's libraries read only once.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use dst_core::record::TrialSpec;
use dst_core::{Error, Result, device};

/// Continues in the same process with the environment that the trial's precision needs on the
/// device; see [`device::environment`]. It is there already the second time, and always on a CPU.
///
/// # Errors
/// If the device is not there or lacks the precision, or the system refuses to start the
/// program.
pub(super) fn with_environment(spec: &TrialSpec, device: &str) -> Result<()> {
    let device = device::parse(device)?;
    device::check(spec.training.precision, device)?;
    let wanted = device::environment(spec.training.precision, device);
    let changes = changes(wanted, |name| std::env::var_os(name));
    if changes.is_empty() {
        return Ok(());
    }
    let program = std::env::current_exe()
        .map_err(|error| Error::io("find", Path::new("this program"), &error))?;
    let mut command = Command::new(&program);
    command.args(std::env::args_os().skip(1));
    for (name, value) in changes {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Comes back only if it failed.
    Err(Error::io("start", &program, &command.exec()))
}

type Variable = (&'static str, Option<&'static str>);

/// Those of the `wanted` variables that are not as they must be.
fn changes(wanted: &[Variable], get: impl Fn(&str) -> Option<OsString>) -> Vec<Variable> {
    let differs = |(name, value): &Variable| get(name).as_deref() != value.map(AsRef::as_ref);
    wanted.iter().copied().filter(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_changed_again() {
        let wanted = [("A", Some("1")), ("B", None), ("C", Some("0"))];
        let found = |set: &'static [(&str, &str)]| {
            changes(&wanted, |name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
            })
        };
        assert_eq!(found(&[]), [("A", Some("1")), ("C", Some("0"))]);
        assert_eq!(found(&[("A", "1"), ("B", "1"), ("C", "1")]), [("B", None), ("C", Some("0"))]);
        assert_eq!(found(&[("A", "1"), ("C", "0")]), []);
    }
}
