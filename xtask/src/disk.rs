//! Room on the disk.

use std::path::Path;

/// Bytes that are free for this user on the file system of a folder.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes())?;
    let mut facts = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `path` ends with NUL and `facts` is writable memory of the right type.
    if unsafe { libc::statvfs(path.as_ptr(), facts.as_mut_ptr()) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: statvfs returned 0 and has therefore filled the structure.
    let facts = unsafe { facts.assume_init() };
    #[allow(clippy::unnecessary_cast)] // the field types differ between platforms
    Ok(facts.f_bavail as u64 * facts.f_frsize as u64)
}
