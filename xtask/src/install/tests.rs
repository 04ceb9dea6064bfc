use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

/// What answers as a harness does. It finds its libtorch as that does: beside its folder, through links.
const PROGRAM: &str = r#"#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
[ -e "$here/../lib/libtorch_cpu.so" ] || { echo "no libtorch" >&2; exit 127; }
[ -z "$LD_LIBRARY_PATH" ] || exit 9
case "$1" in
    --version) echo "harness VERSION"; echo "libtorch" ;;
    completions) echo "completes for $2" ;;
    man) mkdir -p "$2"; echo page > "$2/harness.1"; echo page > "$2/harness-VERSION.1" ;;
esac
"#;

/// A built harness of a version, and a folder of libraries.
fn built(scratch: &Scratch, version: &str) -> (PathBuf, PathBuf) {
    let binary = scratch.join(format!("built-{version}"));
    let libraries = scratch.join("libtorch/lib");
    // Through another process: a file that was open for writing here could not be started by a thread yet.
    let mut shell = Command::new("sh");
    shell.args(["-c", "printf '%s' \"$1\" > \"$0\"; chmod 755 \"$0\""]).arg(&binary);
    assert!(shell.arg(PROGRAM.replace("VERSION", version)).status().unwrap().success());
    fs::create_dir_all(&libraries).unwrap();
    for name in ["libtorch_cpu.so", "libgomp.so.1", "libtorch_python.so", "build.txt"] {
        fs::write(libraries.join(name), name).unwrap();
    }
    fs::write(scratch.join("libtorch/build-version"), "2.13.0+cpu").unwrap();
    (binary, libraries)
}

fn install(scratch: &Scratch, to: &Path, version: &str) -> Result<Program> {
    let (binary, libraries) = built(scratch, version);
    Place::new(to)?.install(&binary, &libraries, Libraries::Copy, "")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into()).collect();
    names.sort();
    names
}

#[test]
fn an_installation_starts_after_a_move_and_without_the_clone() {
    let scratch = Scratch::new().unwrap();
    let (here, there) = (scratch.join("here"), scratch.join("there"));
    let program = install(&scratch, &here, "one").unwrap();
    assert_eq!(program.first_line, "harness one");
    let libraries = names(&here.join("lib/dst-harness/1/lib"));
    assert_eq!(libraries, ["libgomp.so.1", "libtorch_cpu.so"]);
    let version = fs::read_to_string(here.join("lib/dst-harness/1/build-version")).unwrap();
    assert_eq!(version, "2.13.0+cpu");
    for (shell, file) in [
        ("bash", "bash-completion/completions/harness"),
        ("zsh", "zsh/site-functions/_harness"),
        ("fish", "fish/vendor_completions.d/harness.fish"),
    ] {
        let script = fs::read_to_string(here.join("share").join(file)).unwrap();
        assert_eq!(script, format!("completes for {shell}\n"));
    }
    fs::remove_dir_all(scratch.join("libtorch")).unwrap();
    fs::remove_file(scratch.join("built-one")).unwrap();
    fs::rename(&here, &there).unwrap();
    let moved = Program::try_out(&there.join("bin/harness")).unwrap();
    assert_eq!(moved.first_line, "harness one");
}

#[test]
fn a_later_installation_takes_the_place_and_the_one_before_stays() {
    let scratch = Scratch::new().unwrap();
    let to = scratch.join("to");
    for version in ["one", "two", "three"] {
        install(&scratch, &to, version).unwrap();
    }
    let now = Program::try_out(&to.join("bin/harness")).unwrap();
    assert_eq!(now.first_line, "harness three");
    assert_eq!(names(&to.join("lib/dst-harness")), ["2", "3", "lock"]);
    assert_eq!(names(&to.join("bin")), ["harness"]);
    // Pages of commands that are no more are gone.
    assert_eq!(names(&to.join("share/man/man1")), ["harness-three.1", "harness.1"]);
}

#[test]
fn a_program_that_does_not_start_changes_nothing() {
    let scratch = Scratch::new().unwrap();
    let to = scratch.join("to");
    install(&scratch, &to, "one").unwrap();
    let (binary, libraries) = built(&scratch, "two");
    fs::remove_file(libraries.join("libtorch_cpu.so")).unwrap();
    let place = Place::new(&to).unwrap();
    let told = place.install(&binary, &libraries, Libraries::Link, "").err().unwrap();
    assert!(told.contains("nothing was changed") && told.contains("no libtorch"), "{told}");
    drop(place);
    assert_eq!(names(&to.join("lib/dst-harness")), ["1", "lock"]);
    let now = Program::try_out(&to.join("bin/harness")).unwrap();
    assert_eq!(now.first_line, "harness one");
}

#[test]
fn a_linked_libtorch_is_used_where_it_is() {
    let scratch = Scratch::new().unwrap();
    let (binary, libraries) = built(&scratch, "one");
    let place = Place::new(&scratch.join("to")).unwrap();
    place.install(&binary, &libraries, Libraries::Link, "").unwrap();
    assert_eq!(fs::read_link(scratch.join("to/lib/dst-harness/1/lib")).unwrap(), libraries);
    // What cannot be copied can be linked.
    fs::write(libraries.join("libtorch_cuda.so"), "").unwrap();
    let told = place.install(&binary, &libraries, Libraries::Copy, "").err().unwrap();
    assert!(told.contains("--libtorch link"), "{told}");
    place.install(&binary, &libraries, Libraries::Link, "").unwrap();
}

#[test]
fn what_others_put_there_stays() {
    let scratch = Scratch::new().unwrap();
    let to = scratch.join("to");
    fs::create_dir_all(to.join("bin")).unwrap();
    fs::write(to.join("bin/harness"), "another program").unwrap();
    let told = install(&scratch, &to, "one").err().unwrap();
    assert!(told.contains("was not installed by this command"), "{told}");
    assert_eq!(fs::read_to_string(to.join("bin/harness")).unwrap(), "another program");
}

#[test]
fn two_at_once_and_folders_that_cannot_be_written_are_refused() {
    let scratch = Scratch::new().unwrap();
    let to = scratch.join("to");
    let first = Place::new(&to).unwrap();
    let told = Place::new(&to).err().unwrap();
    assert!(told.contains("somebody else is installing"), "{told}");
    drop(first);
    let closed = scratch.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    // Whoever may write everything is not refused.
    if let Err(told) = Place::new(&closed.join("to")) {
        assert!(told.contains("choose a folder that you may write with --to DIR"), "{told}");
    }
    let file = scratch.join("file");
    fs::write(&file, "").unwrap();
    let told = Place::new(&file).err().unwrap();
    assert!(told.starts_with("cannot create"), "{told}");
}

#[test]
fn errors_of_the_system_have_a_next_step() {
    for (kind, step) in [
        (ErrorKind::StorageFull, "free some space"),
        (ErrorKind::PermissionDenied, "that you may write"),
        (ErrorKind::ReadOnlyFilesystem, "that you may write"),
    ] {
        let told = failed("write", Path::new("/x"), &io::Error::from(kind));
        assert!(told.starts_with("cannot write /x: ") && told.contains(step), "{told}");
    }
}
