//! The lines of Python by which the wheel starts the program, on a made-up installation.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::{ProcessOutput, said, workspace};
use tempfile::TempDir;

/// What pip would have made: packages in one folder, the program in another.
struct Installed(TempDir);

impl Installed {
    fn new() -> Self {
        let installed = Self(tempfile::tempdir().expect("a folder"));
        for name in ["__init__.py", "__main__.py"] {
            let source = workspace().join("python/dst_harness").join(name);
            installed
                .write(&format!("site/dst_harness/{name}"), &fs::read_to_string(source).unwrap());
        }
        let record = "dst_harness/__init__.py,,\n../bin/harness-native,,\n";
        installed.describe("dst_harness-0.1.0", "Requires-Dist: torch==2.13.0\n", record);
        let program = "#!/bin/sh\necho \"$LD_LIBRARY_PATH\"; echo \"$@\"; exit 3\n";
        let program = installed.write("bin/harness-native", program);
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        installed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes what pip knows of a package.
    fn describe(&self, title: &str, more: &str, record: &str) {
        let (name, version) = title.split_once('-').unwrap();
        let about = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}");
        self.write(&format!("site/{title}.dist-info/METADATA"), &about);
        self.write(&format!("site/{title}.dist-info/RECORD"), record);
    }

    fn has_torch(&self, version: &str) {
        self.write("site/torch/__init__.py", "raise SystemExit('torch is not to be imported')");
        self.write("site/torch/lib/libtorch_cpu.so", "");
        self.describe(&format!("torch-{version}"), "", "");
    }

    fn start(&self, before: Option<&str>) -> ProcessOutput {
        let mut python = Command::new("python3");
        // Without the packages of this machine's Python, which may have a torch.
        python.args(["-S", "-m", "dst_harness", "grid", "--dry-run"]);
        python.env("PYTHONPATH", self.path("site")).env_remove("LD_LIBRARY_PATH");
        python.envs(before.map(|path| ("LD_LIBRARY_PATH", path)));
        said(&mut python)
    }
}

fn lines(path: &Path, more: &str) -> String {
    format!("{}{more}\ngrid --dry-run\n", path.display())
}

#[test]
fn the_program_is_started_with_the_libraries_of_torch() {
    let installed = Installed::new();
    installed.has_torch("2.13.0+cu130");
    let libraries = installed.path("site/torch/lib");
    let started = installed.start(None);
    assert_eq!(started.code, Some(3), "{started:#?}");
    assert_eq!(started.stdout, lines(&libraries, ""));
    // What somebody else needs stays, behind.
    assert_eq!(installed.start(Some("/mine")).stdout, lines(&libraries, ":/mine"));
}

#[test]
fn a_torch_that_is_missing_or_another_is_told_with_the_command_to_type() {
    let installed = Installed::new();
    let told = installed.start(None).refused(4);
    assert!(told.contains("has no package torch"), "{told}");
    assert!(told.contains("-m pip install torch==2.13.0"), "{told}");
    installed.has_torch("2.12.1");
    let told = installed.start(None).refused(4);
    assert!(told.contains("has torch 2.12.1, and"), "{told}");
    assert!(told.contains("-m pip install torch==2.13.0"), "{told}");
}

#[test]
fn a_program_that_is_gone_is_told() {
    let installed = Installed::new();
    installed.has_torch("2.13.0");
    fs::remove_file(installed.path("bin/harness-native")).unwrap();
    let told = installed.start(None).refused(4);
    assert!(told.contains("cannot start") && told.contains("harness-native"), "{told}");
}
