//! One set-up at a time per workspace.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::{Result, cannot, note};

/// Waits for the lock on `folder` and holds it until the file is dropped. The system frees the
/// lock of a process that dies, so a killed run blocks nobody.
///
/// # Errors
/// When the lock file cannot be created.
pub(super) fn hold(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).map_err(|e| cannot("create", folder, &e))?;
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|e| cannot("create", &path, &e))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            note!("another run is fetching libtorch; waiting for it");
            file.lock().map_err(|e| cannot("lock", &path, &e))?;
        }
        // Some network file systems have no locks: two runs at once would then do the work
        // twice, each in its own folder, and the later rename wins.
        Err(TryLockError::Error(_)) | Ok(()) => {}
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn the_second_waits_for_the_first() {
        let scratch = Scratch::new().unwrap();
        let done = AtomicBool::new(false);
        let first = hold(scratch.path()).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = hold(scratch.path()).unwrap();
                assert!(done.load(Ordering::SeqCst), "both held the lock");
            });
            std::thread::sleep(std::time::Duration::from_millis(50));
            done.store(true, Ordering::SeqCst);
            drop(first);
        });
    }
}
