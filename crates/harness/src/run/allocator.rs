//! What becomes of freed memory.

/// Lets this process keep the memory that it frees; call it before tensors are made.
///
/// A training step frees its activations and asks for the same sizes again in the next one.
/// glibc hands large blocks back to the system, which must then clear page after page anew. A
/// process that runs one trial has nobody to leave the memory to. Other allocators are left alone.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two numbers and locks what it changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}
