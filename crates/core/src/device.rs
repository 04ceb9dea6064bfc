//! Where tensors lie, and all that depends on it: names of devices, copies to them, waiting for
//! them, and what their libraries must be told before they start.
//!
//! Nothing but this module (and the peak of memory in `dst-train`) asks which device it is.

use tch::{Cuda, Device, Tensor};

use crate::error::{Error, Result};
use crate::precision::Precision;

/// Reads `cpu`, `cuda`, `cuda:N` or `auto` (the first accelerator if there is one).
///
/// # Errors
/// If it is something else, or there is no such accelerator.
pub fn parse(text: &str) -> Result<Device> {
    if text != "cpu" {
        load_cuda();
    }
    if text == "auto" {
        return Ok(Device::cuda_if_available());
    }
    let device = elsewhere(text)?;
    let Device::Cuda(index) = device else { return Ok(device) };
    let count = if Cuda::is_available() { Cuda::device_count().max(0) as usize } else { 0 };
    if index < count {
        return Ok(device);
    }
    let seen = match count {
        1 => "1 accelerator, cuda:0".to_owned(),
        several => format!("{several} accelerators"),
    };
    Err(Error::usage(format!("device {text} is not there: libtorch sees {seen}"))
        .hint("pass --device cpu, or set up a CUDA build with `cargo xtask libtorch --cuda`"))
}

/// The same for a device of another machine: nobody looks whether it is there.
///
/// # Errors
/// If it is something else, or `auto`, which only that machine can answer.
pub fn elsewhere(text: &str) -> Result<Device> {
    match text {
        "cpu" => Ok(Device::Cpu),
        "cuda" => Ok(Device::Cuda(0)),
        "auto" => Err(Error::usage("which device a node has is not known here")
            .hint("pass --device cuda or --device cpu")),
        _ => match text.strip_prefix("cuda:").map(str::parse) {
            Some(Ok(index)) => Ok(Device::Cuda(index)),
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

/// Does it work through a queue of its own while the host goes on?
pub fn is_accelerator(device: Device) -> bool {
    device != Device::Cpu
}

/// Waits until the device has done all that it was given.
pub fn wait(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}

/// A tensor of the host on `device`, without waiting for the device: an accelerator fetches it
/// from page-locked memory after the work it has. On the CPU it is the tensor itself.
///
/// # Errors
/// If libtorch refuses.
pub fn upload(tensor: &Tensor, device: Device) -> Result<Tensor> {
    if !is_accelerator(device) || tensor.device() != Device::Cpu {
        return Ok(tensor.f_to_device(device)?);
    }
    // libtorch keeps the page-locked copy until the device has read it.
    let pinned = tensor.f_pin_memory(device)?;
    Ok(pinned.f_to_device_(device, tensor.kind(), true, false)?)
}

/// Refuses a precision that the device does not have.
///
/// # Errors
/// For TensorFloat-32 on a CPU.
pub fn check(precision: Precision, device: Device) -> Result<()> {
    if precision == Precision::Tf32 && !matches!(device, Device::Cuda(_)) {
        return Err(Error::usage(
            "precision tf32 needs an NVIDIA accelerator, and the device is cpu",
        )
        .hint("pass --device cuda, or --precision f32 or bf16"));
    }
    Ok(())
}

/// Environment variables that give a process on `device` the precision: what each must be, or
/// `None` where it must not be set. NVIDIA's libraries and libtorch read them once, when they
/// start, so they must be there before the process does; tch has no other way.
///
/// Without them `f32` would not be what it says: libtorch convolves in TensorFloat-32 by
/// default.
pub fn environment(
    precision: Precision,
    device: Device,
) -> &'static [(&'static str, Option<&'static str>)] {
    match (device, precision) {
        (Device::Cuda(_), Precision::Tf32) => {
            &[("NVIDIA_TF32_OVERRIDE", None), ("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", Some("1"))]
        }
        (Device::Cuda(_), Precision::F32 | Precision::Bf16) => {
            &[("NVIDIA_TF32_OVERRIDE", Some("0"))]
        }
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn devices_are_known_names() {
        assert_eq!(parse("cpu").unwrap(), Device::Cpu);
        assert!(parse("auto").is_ok());
        let huge = format!("cuda:{}", u64::MAX);
        for bad in ["gpu", "cuda:x", "cuda:-1", "cuda:999", "cuda:", "CPU", &huge, ""] {
            assert!(parse(bad).is_err(), "{bad} was accepted");
        }
        let error = parse("cuda:999").unwrap_err().to_string();
        assert!(error.starts_with("device cuda:999 is not there: libtorch sees "), "{error}");
        assert!(parse("cuda0").unwrap_err().to_string().contains("did you mean 'cuda'"));
    }

    #[test]
    fn tensor_float_needs_an_accelerator() {
        let error = check(Precision::Tf32, Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("--precision f32 or bf16"), "{error}");
        assert!(check(Precision::Tf32, Device::Cuda(1)).is_ok());
        for precision in [Precision::F32, Precision::Bf16] {
            assert!(check(precision, Device::Cpu).is_ok());
        }
    }

    /// Setting a variable and clearing it must not both be asked for.
    #[test]
    fn only_accelerators_need_variables_and_32_bits_forbid_fewer() {
        assert!(environment(Precision::F32, Device::Cpu).is_empty());
        assert!(environment(Precision::Bf16, Device::Cpu).is_empty());
        let on_cuda = |precision| environment(precision, Device::Cuda(0));
        assert_eq!(on_cuda(Precision::F32), [("NVIDIA_TF32_OVERRIDE", Some("0"))]);
        assert_eq!(on_cuda(Precision::F32), on_cuda(Precision::Bf16));
        let fast = on_cuda(Precision::Tf32);
        assert!(fast.contains(&("NVIDIA_TF32_OVERRIDE", None)));
        assert!(fast.contains(&("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", Some("1"))));
    }

    #[test]
    fn an_upload_to_the_cpu_is_the_tensor_itself() {
        let tensor = Tensor::from_slice(&[1i64, 2, 3]);
        let same = upload(&tensor, Device::Cpu).unwrap();
        assert_eq!((same.data_ptr(), same.kind()), (tensor.data_ptr(), Kind::Int64));
        wait(Device::Cpu);
    }
}
