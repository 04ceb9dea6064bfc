//! The one error type of the workspace: what went wrong, where, and what to do next.

use std::fmt;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure an [`Error`] is. The harness derives exit codes and trial states from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A name, key, flag or value that the user gave is not usable.
    Usage,
    /// A data file is missing, damaged or of another kind than expected.
    Data,
    /// The operating system refused to read or write.
    Io,
    /// A loss, gradient or score became infinite or not a number.
    Diverged,
    /// The network would lose all connections of a layer, so nothing is left to train.
    Collapsed,
    /// A plug-in broke the contract of its trait.
    Contract,
    /// libtorch reported an error.
    Torch,
    /// Memory ran out, of the machine or of the accelerator.
    OutOfMemory,
    /// Another process has taken the work over, so this one must not write.
    Superseded,
}

/// What went wrong, the places it passed through, and a next step for the reader.
///
/// The callee says *what*, the caller adds *where* with [`Error::at`].
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    places: Vec<String>,
    hint: Option<String>,
}

impl Error {
    /// An error of the given kind. The message has no trailing full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), places: Vec::new(), hint: None }
    }

    /// Something that the user typed is not usable.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// A data file is missing, damaged or of another kind than expected.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// A plug-in broke the contract of its trait.
    pub fn contract(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Contract, message)
    }

    /// Reading or writing `path` failed.
    pub fn io(action: &str, path: &std::path::Path, source: &std::io::Error) -> Self {
        let error =
            Self::new(ErrorKind::Io, format!("cannot {action} {}: {source}", path.display()));
        match source.kind() {
            std::io::ErrorKind::StorageFull => error.hint("free some space and start again"),
            std::io::ErrorKind::FileTooLarge => {
                error.hint("a limit (`ulimit -f`) or the file system allows no larger file")
            }
            std::io::ErrorKind::PermissionDenied => error.hint("check who owns it and its mode"),
            _ => error,
        }
    }

    /// `given` is not one of the known `what`; the nearest known name is suggested.
    ///
    /// ```
    /// let error = dst_record::Error::unknown("strategy", "rgil", ["dense", "rigl", "set"]);
    /// assert_eq!(
    ///     error.to_string(),
    ///     "unknown strategy 'rgil'\n  did you mean 'rigl'? known: dense, rigl, set"
    /// );
    /// ```
    pub fn unknown<'a>(what: &str, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let list = known.join(", ");
        let hint = match nearest(given, &known) {
            Some(name) => format!("did you mean '{name}'? known: {list}"),
            None if known.is_empty() => format!("there is no {what} at all"),
            None => format!("known: {list}"),
        };
        Self::usage(format!("unknown {what} '{given}'")).hint(hint)
    }

    /// Adds the place where the error passed: a file, a key path, a layer. Outermost last.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.places.push(place.into());
        self
    }

    /// Adds what the reader can do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a further line to the hint.
    #[must_use]
    pub fn also(mut self, line: &str) -> Self {
        let hint = self.hint.get_or_insert_default();
        if !hint.is_empty() {
            hint.push_str("\n  ");
        }
        hint.push_str(line);
        self
    }

    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message and its places on one line, without the hint: for CSV cells and logs.
    pub fn one_line(&self) -> String {
        let mut line = String::new();
        for place in self.places.iter().rev() {
            line.push_str(place);
            line.push_str(": ");
        }
        line.push_str(&self.message);
        line.replace('\n', " ")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in self.places.iter().rev() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(feature = "libtorch")]
impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        // libtorch appends a C++ backtrace of dozens of lines; the first says what happened.
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let is_memory = says_out_of_memory(first);
        let kind = if is_memory { ErrorKind::OutOfMemory } else { ErrorKind::Torch };
        Self::new(kind, format!("libtorch: {first}"))
    }
}

/// Does a message say that memory ran out? libtorch and the standard libraries have no other way to
/// tell it.
pub fn says_out_of_memory(message: &str) -> bool {
    let message = message.to_lowercase();
    let signs = [
        // libtorch on a CPU, and the system's own words for ENOMEM.
        "can't allocate memory",
        "cannot allocate memory",
        // libtorch on accelerators: "CUDA out of memory", "CUDA error: out of memory".
        "out of memory",
        "cublas_status_alloc_failed",
        "cudnn_status_alloc_failed",
        // The standard libraries of C++ and Rust.
        "std::bad_alloc",
        "memory allocation of",
    ];
    signs.iter().any(|sign| message.contains(sign))
}

/// The known name that a typing mistake most likely meant, if any is close.
pub fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let given = given.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&given, &name.to_lowercase()), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_from_the_outside_in() {
        let error = Error::usage("0.3.1 is not a number").at("rigl.drop_fraction").at("grid.toml");
        assert_eq!(error.to_string(), "grid.toml: rigl.drop_fraction: 0.3.1 is not a number");
    }

    #[test]
    fn memory_that_ran_out_is_told_from_other_errors() {
        for message in [
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: \
             you tried to allocate 4503599627370496 bytes. Error code 12 (Cannot allocate memory)",
            "CUDA out of memory. Tried to allocate 20.00 MiB",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "std::bad_alloc",
            "memory allocation of 17179869184 bytes failed",
        ] {
            assert!(says_out_of_memory(message), "{message}");
        }
        assert!(!says_out_of_memory("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"));
        assert!(!says_out_of_memory("cannot pin memory: no accelerator"));
    }

    #[test]
    fn a_far_name_is_not_suggested() {
        assert_eq!(nearest("transformer", &["rigl", "set"]), None);
        assert_eq!(nearest("RIGL", &["rigl", "set"]), Some("rigl"));
    }
}
