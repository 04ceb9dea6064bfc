//! Memory over many steps, in a process of its own: the other tests panic, and a backtrace takes more.
#![cfg(target_os = "linux")]

use dst_autograd::attach;
use tch::{Kind, Tensor, no_grad};

/// x², whose backward pass reads x.
fn square(x: &Tensor) -> Tensor {
    let output = no_grad(|| x * x);
    attach(output, &[x], &[x], |gradient, saved, _| Ok(vec![Some(gradient * &saved[0] * 2.0)]))
        .unwrap()
}

/// Bytes of this process that lie in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A leak of one activation a step would be 400 MB.
#[test]
fn ten_thousand_steps_leak_nothing() {
    let x = Tensor::from_slice(&vec![1.0f32; 10_000]).set_requires_grad(true);
    let step = || {
        let mut gradient = x.grad();
        square(&(&x * 0.5)).sum(Kind::Float).backward();
        if gradient.defined() {
            let _ = gradient.zero_();
        }
    };
    (0..100).for_each(|_| step());
    let before = resident();
    (0..10_000).for_each(|_| step());
    let grown = resident().saturating_sub(before);
    assert!(grown < 20_000_000, "{grown} bytes more");
}
