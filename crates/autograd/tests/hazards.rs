//! What may go wrong between libtorch's graph and a closure: each is an error or does no harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dst_autograd::{Gradients, attach, is_recording};
use dst_record::{Error, Result};
use tch::{Kind, Tensor, no_grad};

fn leaf(values: &[f32]) -> Tensor {
    Tensor::from_slice(values).set_requires_grad(true)
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.detach()).unwrap()
}

/// x², whose backward pass reads x.
fn square(x: &Tensor) -> Tensor {
    let output = no_grad(|| x * x);
    attach(output, &[x], &[x], |gradient, saved, _| Ok(vec![Some(gradient * &saved[0] * 2.0)]))
        .unwrap()
}

/// The identity with another backward pass.
fn with(
    x: &Tensor,
    backward: impl FnMut(&Tensor, &[Tensor], &[bool]) -> Result<Gradients> + Send + 'static,
) -> Tensor {
    attach(x.detach().copy(), &[x], &[], backward).unwrap()
}

/// The message of a backward pass that fails.
fn failure(output: &Tensor) -> String {
    let loss = output.sum(Kind::Float);
    let Err(error) = loss.f_backward() else { panic!("the backward pass went through") };
    error.to_string()
}

#[test]
fn gradients_flow_through_closures_and_libtorch() {
    let x = leaf(&[1.0, -2.0, 3.0]);
    let y = square(&(square(&x) + 1.0));
    y.sum(Kind::Float).backward();
    // d/dx (x² + 1)² = 4x (x² + 1)
    assert_eq!(floats(&x.grad()), [8.0, -40.0, 120.0]);
}

#[test]
fn inputs_say_whether_they_want_a_gradient() {
    let (x, y) = (leaf(&[2.0]), Tensor::from_slice(&[5.0f32]));
    let product = no_grad(|| &x * &y);
    let output =
        attach(product, &[&x, &y, &Tensor::new()], &[&x, &y], |gradient, saved, needed| {
            assert_eq!(needed, [true, false, false]);
            Ok(vec![Some(gradient * &saved[1]), None, None])
        });
    output.unwrap().sum(Kind::Float).backward();
    assert_eq!(floats(&x.grad()), [5.0]);
    assert!(!y.grad().defined());
}

#[test]
fn a_saved_tensor_changed_in_place_is_an_error() {
    let x = leaf(&[1.0, 2.0]);
    let hidden = &x * 1.0;
    let y = square(&hidden);
    let _ = hidden.detach().fill_(7.0);
    let message = failure(&y);
    assert!(message.contains("modified by an inplace operation"), "{message}");
}

#[test]
fn errors_and_panics_of_the_closure_are_errors_of_the_pass() {
    let x = leaf(&[1.0]);
    let message = failure(&with(&x, |_, _, _| Err(Error::contract("no such\0 list"))));
    assert!(message.contains("no such  list"), "{message}");
    let message = failure(&with(&x, |_, _, _| panic!("entry {} of 3", 4)));
    assert!(message.contains("a backward pass panicked: entry 4 of 3"), "{message}");
    let message = failure(&with(&x, |_, _, _| panic!("plain")));
    assert!(message.contains("a backward pass panicked: plain"), "{message}");
    // The thread goes on as if nothing had been.
    square(&x).sum(Kind::Float).backward();
    assert_eq!(floats(&x.grad()), [2.0]);
}

#[test]
fn gradients_of_a_wrong_shape_or_number_are_errors() {
    let x = leaf(&[1.0, 2.0]);
    let three = || Some(Tensor::zeros([3], (Kind::Float, tch::Device::Cpu)));
    let message = failure(&with(&x, move |_, _, _| Ok(vec![three()])));
    assert!(message.contains("invalid gradient"), "{message}");
    let message = failure(&with(&x, |_, _, _| Ok(vec![])));
    assert!(message.contains("gave 0 gradients for 1 inputs"), "{message}");
    let message = failure(&with(&x, |gradient, _, _| {
        Ok(vec![Some(gradient.shallow_clone()), Some(gradient.shallow_clone())])
    }));
    assert!(message.contains("gave 2 gradients for 1 inputs"), "{message}");
}

#[test]
fn a_second_pass_needs_a_graph_that_was_kept() {
    let x = leaf(&[3.0]);
    let loss = square(&x).sum(Kind::Float);
    loss.backward();
    let message = loss.f_backward().unwrap_err().to_string();
    assert!(message.contains("second"), "{message}");

    let loss = square(&x).sum(Kind::Float);
    let gradient = || floats(&Tensor::run_backward(&[&loss], &[&x], true, false)[0]);
    assert_eq!((gradient(), gradient()), (vec![6.0], vec![6.0]));
}

#[test]
fn second_derivatives_are_refused() {
    let x = leaf(&[3.0]);
    let loss = square(&x).sum(Kind::Float);
    let result = Tensor::f_run_backward(&[&loss], &[&x], true, true);
    let message = result.unwrap_err().to_string();
    assert!(message.contains("no second derivative"), "{message}");
}

#[test]
fn nothing_is_attached_where_nothing_is_recorded() {
    let x = leaf(&[1.0]);
    no_grad(|| {
        assert!(!is_recording());
        assert!(!square(&x).requires_grad());
    });
    assert!(is_recording());
    assert!(!square(&x.detach()).requires_grad());
    assert!(square(&x).requires_grad());
}

#[test]
fn the_closure_runs_unrecorded_on_the_thread_of_the_pass() {
    let here = thread::current().id();
    let x = leaf(&[1.0]);
    let y = with(&x, move |gradient, _, _| {
        assert_eq!(thread::current().id(), here);
        assert!(!is_recording());
        Ok(vec![Some(gradient.shallow_clone())])
    });
    y.sum(Kind::Float).backward();
}

#[test]
fn an_output_is_attached_once() {
    let x = leaf(&[1.0]);
    let recorded = &x * 2.0;
    let error = attach(recorded, &[&x], &[], |_, _, _| Ok(vec![None])).unwrap_err();
    assert!(error.to_string().contains("recorded already"), "{error}");
}

/// Counts when it is freed.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn closures_are_freed_once() {
    let freed = Arc::new(AtomicUsize::new(0));
    let count = || freed.load(Ordering::Relaxed);
    let counted = |x: &Tensor| {
        let counted = Counted(Arc::clone(&freed));
        with(x, move |gradient, _, _| {
            let _alive = &counted;
            Ok(vec![Some(gradient.shallow_clone())])
        })
    };
    let x = leaf(&[1.0]);
    // With the graph that no pass went through.
    drop(counted(&x));
    assert_eq!(count(), 1);
    // By the pass, although its output lives.
    let y = counted(&x);
    y.sum(Kind::Float).backward();
    assert_eq!(count(), 2);
    drop(y);
    assert_eq!(count(), 2);
    // At once, if it is not attached.
    no_grad(|| drop(counted(&x)));
    assert_eq!(count(), 3);
}
