use super::*;
use dst_conformance::{Bench, step};

#[test]
fn keeps_the_contract() {
    // So much noise that all layers are rewired within 60 steps.
    for variant in [
        DeepR { noise: 1.0, ..DeepR::default() },
        DeepR { l1: 0.5, noise: 0.5, distribution: Distribution::Uniform },
    ] {
        dst_conformance::check(&variant);
    }
}

/// Four of six weights, and their signs; the learning rate is 0.1.
fn bench(deep_r: &DeepR) -> (Bench, [f32; 6], [u8; 6]) {
    let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.5, 6.0], [1; 6]);
    bench.init(deep_r, 2.0 / 6.0);
    let sign = bench.topology().layers()[0].slot(SIGN).unwrap().flatten(0, -1);
    let sign: Vec<f32> = Vec::try_from(sign).unwrap();
    let active = bench.active();
    (bench, sign.try_into().unwrap(), active)
}

fn at(index: u64) -> Step {
    Step { learning_rate: 0.1, ..step(index) }
}

#[test]
fn weights_start_on_their_side_of_zero() {
    let (bench, sign, active) = bench(&DeepR::default());
    let start = [4.0, 1.0, 3.0, 2.0, 0.5, 6.0];
    for entry in 0..6 {
        assert_eq!(bench.weights()[entry], f32::from(active[entry]) * sign[entry] * start[entry]);
    }
    assert_eq!(active.iter().sum::<u8>(), 4);
}

/// Without noise every weight comes nearer to 0 by 0.1 · 2, whatever its sign, and inactive ones
/// stay 0.
#[test]
fn the_penalty_goes_through_the_learning_rate() {
    let deep_r = DeepR { l1: 2.0, noise: 0.0, ..DeepR::default() };
    let (mut bench, sign, active) = bench(&deep_r);
    let before = bench.weights();
    bench.after_step(&deep_r, &at(1));
    assert_eq!(bench.active(), active);
    for entry in 0..6 {
        let pulled = before[entry] - f32::from(active[entry]) * sign[entry] * 0.2;
        assert!((bench.weights()[entry] - pulled).abs() < 1e-6);
    }
    // No learning rate, no walk: the noise too goes through it.
    let before = bench.weights();
    bench.after_step(&DeepR { noise: 1.0, ..deep_r }, &step(2));
    assert_eq!(bench.weights(), before);
}

/// The optimiser moved two of four weights: one beyond 0 and one to 0. Both go, and of the four that
/// are dormant then two wake, each on its own side.
#[test]
fn a_weight_that_changes_its_sign_is_rewired() {
    let deep_r = DeepR { l1: 0.0, noise: 0.0, ..DeepR::default() };
    let (mut bench, sign, active) = bench(&deep_r);
    let entries: Vec<usize> = (0..6).filter(|entry| active[*entry] == 1).collect();
    let mut values = bench.weights();
    values[entries[0]] = -0.25 * sign[entries[0]];
    values[entries[1]] = 0.0;
    bench.set_values(values);
    bench.after_step(&deep_r, &at(1));
    let (now, weights) = (bench.active(), bench.weights());
    assert_eq!(now.iter().sum::<u8>(), 4);
    for stays in &entries[2..] {
        assert_eq!((now[*stays], weights[*stays]), (1, values[*stays]));
    }
    for entry in (0..6).filter(|entry| !entries[2..].contains(entry)) {
        let awake = f32::from(now[entry]) * sign[entry] * AWAKE as f32;
        assert_eq!(weights[entry], awake, "entry {entry}");
    }
}

/// What moved away from 0, and a step in which nothing crosses it, change no connection.
#[test]
fn weights_that_keep_their_sign_stay() {
    let deep_r = DeepR { l1: 0.0, noise: 0.0, ..DeepR::default() };
    let (mut bench, _, active) = bench(&deep_r);
    bench.set_values(bench.weights().map(|weight| weight * 3.0));
    bench.after_step(&deep_r, &at(1));
    assert_eq!(bench.active(), active);
}

/// The noise has mean 0 and the standard deviation that the learning rate gives it, on active weights
/// only, and every step has another one.
#[test]
fn noise_is_drawn_for_active_weights() {
    let deep_r = DeepR { l1: 0.0, noise: 0.01, ..DeepR::default() };
    let (mut bench, _, active) = bench(&deep_r);
    let mut moves = Vec::new();
    for index in 0..500 {
        let before = bench.weights();
        bench.after_step(&deep_r, &at(index));
        assert_eq!(bench.active(), active, "0.5 is 500 standard deviations");
        let after = bench.weights();
        for entry in (0..6).filter(|entry| active[*entry] == 1) {
            moves.push(f64::from(after[entry] - before[entry]));
        }
    }
    let count = moves.len() as f64;
    let mean = moves.iter().sum::<f64>() / count;
    let deviation = (moves.iter().map(|value| value * value).sum::<f64>() / count).sqrt();
    assert!(mean.abs() < 1e-4, "{mean}");
    assert!((deviation - 1e-3).abs() < 1e-4, "{deviation}");
}

#[test]
fn a_dense_network_is_left_to_the_optimiser() {
    let deep_r = DeepR { l1: 1.0, noise: 1.0, ..DeepR::default() };
    let weights = [4.0, -1.0, 3.0, -2.0, 0.5, 6.0];
    let mut bench = Bench::new(weights, [1; 6]);
    bench.init(&deep_r, 0.0);
    bench.after_step(&deep_r, &at(1));
    assert_eq!(bench.weights(), weights);
}

#[test]
fn how_often_is_not_known_and_bad_values_are_refused() {
    assert_eq!(DeepR::default().updates(&Step::first(100, 3)), Forecast::AtMost(300));
    let error = DeepR { l1: -1.0, ..DeepR::default() }.validate().unwrap_err().to_string();
    assert_eq!(error, "l1 = -1 is not a positive number or 0");
    let error = DeepR { noise: f64::NAN, ..DeepR::default() }.validate().unwrap_err().to_string();
    assert_eq!(error, "noise = NaN is not a positive number or 0");
}
