//! The threads that libtorch computes with, for kernels.

use std::any::Any;
use std::ffi::{c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

use dst_kernels::Team;

/// GNU's entry into a parallel region: `function(data)` on each thread of it. LLVM's OpenMP has it too,
/// on Linux.
type Parallel = unsafe extern "C" fn(
    function: extern "C" fn(*mut c_void),
    data: *mut c_void,
    threads: c_uint,
    flags: c_uint,
);

/// The OpenMP threads of this process. After an operation they spin for some milliseconds, in
/// case another follows, so on a machine whose cores are all in use kernels with threads of their own
/// would wait for cores.
#[derive(Debug)]
pub(crate) struct OpenMp {
    parallel: Parallel,
}

impl OpenMp {
    /// None where libtorch was built with other threads, or with an OpenMP that lacks the entry.
    pub(crate) fn find() -> Option<Self> {
        // SAFETY: the name is a C string, and nothing is loaded.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"GOMP_parallel".as_ptr()) };
        if found.is_null() {
            return None;
        }
        // SAFETY: whoever exports this name gives it this signature, which is part of the ABI of all
        // programs that GCC compiles.
        let parallel = unsafe { std::mem::transmute::<*mut c_void, Parallel>(found) };
        Some(Self { parallel })
    }
}

/// What the threads of one region see.
struct Region<'a> {
    work: &'a (dyn Fn() + Sync),
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

extern "C" fn enter(region: *mut c_void) {
    // SAFETY: `run` passes a region that outlives the call; threads share it as `Sync` allows.
    let region = unsafe { &*region.cast::<Region<'_>>() };
    // A panic must not leave a function that C calls.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(region.work)) {
        *region.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
    }
}

impl Team for OpenMp {
    fn run(&self, threads: usize, work: &(dyn Fn() + Sync)) {
        let region = Region { work, panic: Mutex::new(None) };
        let threads = c_uint::try_from(threads).unwrap_or(c_uint::MAX);
        // SAFETY: the region lives until the call is back, which is when all threads have left it. Flags
        // are for nested regions; 0 is the default.
        unsafe { (self.parallel)(enter, (&raw const region).cast_mut().cast(), threads, 0) };
        if let Some(panic) = region.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// On Linux libtorch is built with GNU's OpenMP.
    fn found() -> Option<OpenMp> {
        // Without a call into it the linker would leave libtorch out of this program.
        tch::set_num_threads(2);
        let found = OpenMp::find();
        assert!(found.is_some() || !cfg!(target_os = "linux"), "libtorch's threads are not found");
        found
    }

    #[test]
    fn each_thread_calls_the_work() {
        let Some(team) = found() else { return };
        for threads in [1, 2, 5] {
            let calls = AtomicUsize::new(0);
            team.run(threads, &|| {
                calls.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(calls.into_inner(), threads);
        }
    }

    #[test]
    fn a_panic_arrives_at_the_caller() {
        let Some(team) = found() else { return };
        let caught = catch_unwind(AssertUnwindSafe(|| team.run(2, &|| panic!("in a region"))));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"in a region"));
        let calls = AtomicUsize::new(0);
        team.run(2, &|| {
            calls.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(calls.into_inner(), 2, "the threads work on after a panic");
    }
}
