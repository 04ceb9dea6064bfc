//! Exit codes, numbered and documented.

use std::process::ExitCode;

use dst_record::{Error, ErrorKind};

/// What the exit code of the harness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Success = 0,
    /// Some trials failed; the others finished and are reported. Or a network predicts otherwise than
    /// it did.
    TrialsFailed = 1,
    /// A name, key, flag or value is not usable. Nothing was trained.
    Usage = 2,
    /// Data is missing or damaged. Nothing was trained.
    Data = 3,
    /// The operating system refused to read or write.
    Io = 4,
    /// A plug-in broke its contract, or libtorch reported an error outside a trial.
    Internal = 5,
    /// Interrupted by Ctrl-C or a request to terminate; the same command continues.
    Interrupted = 130,
}

/// The table of exit codes, for `--help`.
pub const TABLE: &str = "Exit codes:
    0  all is well
    1  some trials failed; the others finished and are reported; or predictions are not those stored
    2  a name, key, flag or value is not usable; nothing was trained
    3  data is missing or damaged; nothing was trained
    4  the operating system refused to read or write
    5  a plug-in broke its contract, or libtorch failed outside a trial
  130  interrupted; the same command continues where it stopped";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Data => Self::Data,
            ErrorKind::Io => Self::Io,
            ErrorKind::Diverged | ErrorKind::Collapsed => Self::TrialsFailed,
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_every_code() {
        for exit in [
            Exit::Success,
            Exit::TrialsFailed,
            Exit::Usage,
            Exit::Data,
            Exit::Io,
            Exit::Internal,
            Exit::Interrupted,
        ] {
            let line = format!("{:>3}  ", exit as u8);
            assert!(TABLE.contains(&line), "{exit:?} is missing");
        }
    }
}
