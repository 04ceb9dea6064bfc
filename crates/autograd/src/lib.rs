//! Backward passes in Rust: closures as nodes of libtorch's autograd graph.
//!
//! tch can differentiate what libtorch computes and nothing else. Here a result that was computed in
//! Rust becomes part of the graph, with a closure that computes the gradients of its inputs:
//!
//! ```
//! use dst_autograd::attach;
//! use tch::{Kind, Tensor};
//!
//! # fn main() -> dst_record::Result<()> {
//! let x = Tensor::from_slice(&[1.0f32, 2.0]).set_requires_grad(true);
//! let square = tch::no_grad(|| &x * &x);
//! let square = attach(square, &[&x], &[&x], |gradient, saved, _needed| {
//!     Ok(vec![Some(gradient * &saved[0] * 2.0)])
//! })?;
//! square.sum(Kind::Float).backward();
//! assert_eq!(x.grad(), Tensor::from_slice(&[2.0f32, 4.0]));
//! # Ok(())
//! # }
//! ```
//!
//! A node costs some microseconds, forward and backward together. It has no second derivative.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

use dst_record::{Error, Result};
use tch::Tensor;
// Linked through tch; named so that the dependency which tells the build script of libtorch is used.
use torch_sys as _;

/// The gradients of the inputs, in their order; none for those that want none.
pub type Gradients = Vec<Option<Tensor>>;

type Backward = Box<dyn FnMut(&Tensor, &[Tensor], &[bool]) -> Result<Gradients> + Send>;

/// A pointer as C++ sees it.
type Raw = *mut c_void;

unsafe extern "C" {
    fn dst_attach(
        output: Raw,
        inputs: *const Raw,
        input_count: usize,
        saved: *const Raw,
        saved_count: usize,
        closure: Raw,
        backward: extern "C" fn(
            Raw,
            Raw,
            *const Raw,
            usize,
            *const bool,
            *mut Raw,
            usize,
        ) -> *const c_char,
        release: extern "C" fn(Raw),
    ) -> *const c_char;
    fn dst_is_recording() -> bool;
}

/// Does libtorch record operations on this thread?
pub fn is_recording() -> bool {
    // SAFETY: it reads a flag of this thread.
    unsafe { dst_is_recording() }
}

/// Makes `output`, which was computed without being recorded, depend on `inputs`. `backward` gets the
/// gradient at the output, `saved` again, and for every input whether it wants a gradient; it returns as
/// many gradients as there are inputs. It runs without being recorded, on the CPU on the thread that
/// started the backward pass, once for each backward pass through the graph.
///
/// Does nothing if nothing is recorded or no input wants a gradient. An input may be undefined
/// (`Tensor::new()`), such as the bias of a layer that has none.
///
/// The closure must hold neither `saved`, because libtorch could not notice that one was changed in
/// place, nor `output`, because a graph that holds its own output is never freed.
///
/// Errors and panics of the closure become errors of the backward pass, and so do a change in place of
/// a saved tensor, gradients of a wrong shape, a second pass through a graph that was not kept, and
/// `create_graph`.
///
/// # Errors
/// If `output` has been recorded already.
pub fn attach(
    output: Tensor,
    inputs: &[&Tensor],
    saved: &[&Tensor],
    backward: impl FnMut(&Tensor, &[Tensor], &[bool]) -> Result<Gradients> + Send + 'static,
) -> Result<Tensor> {
    if !is_recording() || !inputs.iter().any(|input| input.defined() && input.requires_grad()) {
        return Ok(output);
    }
    if output.requires_grad() {
        return Err(Error::contract(
            "the output of a backward pass in Rust has been recorded already",
        ));
    }
    let raw = |tensors: &[&Tensor]| tensors.iter().map(|tensor| tensor.as_ptr() as Raw).collect();
    let (inputs, saved): (Vec<Raw>, Vec<Raw>) = (raw(inputs), raw(saved));
    let backward: Backward = Box::new(backward);
    // A thin pointer to the fat one.
    let closure = Box::into_raw(Box::new(backward)).cast();
    // SAFETY: the tensors outlive the call; the closure is handed over and freed by `release` once.
    let message = unsafe {
        dst_attach(
            output.as_ptr() as Raw,
            inputs.as_ptr(),
            inputs.len(),
            saved.as_ptr(),
            saved.len(),
            closure,
            run,
            release,
        )
    };
    if message.is_null() {
        return Ok(output);
    }
    // SAFETY: C++ owns the message until the next call on this thread.
    let message = unsafe { CStr::from_ptr(message) };
    Err(Error::contract(format!("libtorch: {}", message.to_string_lossy())))
}

thread_local! {
    /// Why the last backward pass of this thread failed.
    static MESSAGE: RefCell<CString> = RefCell::default();
}

extern "C" fn run(
    closure: Raw,
    gradient: Raw,
    saved: *const Raw,
    saved_count: usize,
    needed: *const bool,
    results: *mut Raw,
    input_count: usize,
) -> *const c_char {
    // A panic must not cross into C++.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: it was made in `attach`, and libtorch calls a node from one thread at a time.
        let backward = unsafe { &mut *closure.cast::<Backward>() };
        // SAFETY: a borrowed tensor, of which this is another handle.
        let handle = |tensor: Raw| unsafe { Tensor::clone_from_ptr(tensor.cast()) };
        // SAFETY: arrays of these lengths; that of saved tensors may have no address if it is empty.
        let (saved, needed) = unsafe {
            (
                if saved_count == 0 { &[] } else { slice::from_raw_parts(saved, saved_count) },
                slice::from_raw_parts(needed, input_count),
            )
        };
        let saved: Vec<Tensor> = saved.iter().map(|tensor| handle(*tensor)).collect();
        let gradients = backward(&handle(gradient), &saved, needed)?;
        if gradients.len() != input_count {
            return Err(Error::contract(format!(
                "a backward pass gave {} gradients for {input_count} inputs",
                gradients.len()
            )));
        }
        Ok(gradients)
    }));
    let message = match outcome {
        Ok(Ok(gradients)) => {
            for (index, gradient) in gradients.into_iter().enumerate() {
                if let Some(gradient) = gradient {
                    let mut gradient = ManuallyDrop::new(gradient);
                    // SAFETY: there is room for all inputs; C++ takes over the handle.
                    unsafe { *results.add(index) = gradient.as_mut_ptr().cast() };
                }
            }
            return ptr::null();
        }
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!("a backward pass panicked: {}", words(&*panic)),
    };
    MESSAGE.with_borrow_mut(|slot| {
        *slot = CString::new(message.replace('\0', " ")).unwrap_or_default();
        slot.as_ptr()
    })
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

extern "C" fn release(closure: Raw) {
    // SAFETY: it was made in `attach` and is released once. A panic in a destructor aborts.
    drop(unsafe { Box::from_raw(closure.cast::<Backward>()) });
}
