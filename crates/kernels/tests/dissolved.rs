//! Vector instructions dissolve into the loops of the kernels.
//!
//! Where the compiler leaves a closure as a function of its own, that function has none of the
//! features of its caller, and every instruction in it becomes a call: the same numbers, ten times slower. An
//! instruction that stayed a function can be seen in the table of symbols, on any processor.
#![cfg(target_arch = "x86_64")]

use std::hint::black_box;

use dst_kernels::{BatchNorm, Geometry, Pattern, Pool2d, Pooling, Workspace};

#[test]
fn no_instruction_stays_a_function() {
    if cfg!(debug_assertions) || cfg!(miri) {
        eprintln!("skipped: nothing dissolves without optimisation");
        return;
    }
    // So that all passes are part of this program.
    let pattern = Pattern::new(Geometry::linear(1, 1).unwrap(), &[true]).unwrap();
    let (mut workspace, mut out) = (Workspace::new(), [0.0]);
    pattern.forward(&mut workspace, &[2.0], None, &[3.0], 1, &mut out).unwrap();
    assert_eq!(out, [6.0]);
    pattern.input_gradient(&mut workspace, &[2.0], &[3.0], 1, &mut out).unwrap();
    pattern.weight_gradient(&mut workspace, &[2.0], &[3.0], 1, &mut out).unwrap();
    pattern.dense_weight_gradient(&mut workspace, &[2.0], &[3.0], 1, &mut out).unwrap();
    for pooling in [Pooling::Max, Pooling::Average] {
        let sizes = [1; 2];
        let pool = Pool2d {
            pooling,
            channels: 1,
            height: 1,
            width: 1,
            kernel: sizes,
            stride: sizes,
            padding: [0; 2],
        };
        pool.forward(&mut workspace, &[2.0], 1, &mut out).unwrap();
        pool.input_gradient(&mut workspace, &[2.0], &[3.0], 1, &mut out).unwrap();
    }
    let norm = BatchNorm { channels: 1, epsilon: 1.0 };
    let moments = norm.forward(&mut workspace, &[2.0], &[1.0], &[0.0], &mut out).unwrap();
    let [mut dx, mut dweight, mut dbias] = [[0.0]; 3];
    norm.gradients(
        &mut workspace,
        &[2.0],
        &[3.0],
        &[1.0],
        &moments,
        &mut dx,
        &mut dweight,
        &mut dbias,
    )
    .unwrap();

    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    // Both are put together here, or the program would have them as texts.
    let kernel = format!("{}correlate_avx512", black_box(16));
    assert!(count(&program, &kernel) > 0, "no table of symbols, so that this test sees nothing");
    for module in ["3avx", "4avx2", "3fma", "7avx512f"] {
        let start = format!("core_arch3x86{module}");
        let functions = program
            .windows(40)
            .filter(|part| part.starts_with(start.as_bytes()))
            .filter(|part| count(part, "_mm") > 0);
        let names: Vec<_> = functions.map(String::from_utf8_lossy).collect();
        assert!(names.is_empty(), "called, not inlined: {names:?}");
    }
}

fn count(text: &[u8], part: &str) -> usize {
    text.windows(part.len()).filter(|window| *window == part.as_bytes()).count()
}
