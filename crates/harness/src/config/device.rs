//! Where tensors are.

use dst_core::tch::{Cuda, Device};
use dst_core::{Error, Result};

/// Reads `cpu`, `cuda`, `cuda:N` or `auto` (the first accelerator if there is one).
///
/// # Errors
/// If it is something else, or there is no such accelerator.
pub fn parse(text: &str) -> Result<Device> {
    if text != "cpu" {
        load_cuda();
    }
    let available = |index: usize| {
        let count = if Cuda::is_available() { Cuda::device_count() } else { 0 };
        if (index as i64) < count {
            return Ok(Device::Cuda(index));
        }
        Err(Error::usage(format!("device {text} is not there: libtorch sees {count} accelerators"))
            .hint("pass --device cpu, or set up a CUDA build with `cargo xtask libtorch --cuda`"))
    };
    match text {
        "cpu" => Ok(Device::Cpu),
        "cuda" => available(0),
        "auto" => Ok(Device::cuda_if_available()),
        _ => match text.strip_prefix("cuda:").map(str::parse) {
            Some(Ok(index)) => available(index),
            _ => Err(Error::unknown("device", text, ["cpu", "cuda", "cuda:0", "auto"])),
        },
    }
}

/// Loads libtorch's CUDA part, if there is one.
///
/// It registers itself when it is loaded, and nothing refers to its symbols, so the linker
/// drops it from the libraries that the binary asks for. Without it libtorch sees no accelerator.
fn load_cuda() {
    #[cfg(target_os = "linux")]
    // SAFETY: the name is a constant C string. The library's initialisers are those of libtorch,
    // which a binary linked with it would run as well. A failure (a CPU build) returns null and
    // changes nothing; the library is never closed.
    unsafe {
        libc::dlopen(c"libtorch_cuda.so".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_names() {
        assert_eq!(parse("cpu").unwrap(), Device::Cpu);
        assert!(parse("auto").is_ok());
        for bad in ["gpu", "cuda:x", "cuda:-1", "cuda:999", ""] {
            assert!(parse(bad).is_err(), "{bad} was accepted");
        }
    }
}
