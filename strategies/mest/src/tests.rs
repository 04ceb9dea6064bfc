use super::*;
use dst_conformance::{Bench, step};
use dst_core::{Forecast, InitialMask};

fn often() -> Mest {
    let exchange = Exchange { interval: Span::Steps(5), ..Mest::default().exchange };
    Mest { exchange, ..Mest::default() }
}

#[test]
fn keeps_the_contract() {
    let (often, exchange) = (often(), often().exchange);
    for variant in [
        often.clone(),
        Mest { gradient_weight: 0.0, ..often.clone() },
        Mest {
            soft_bound: 0.5,
            exchange: Exchange { drop_fraction: 0.0, ..exchange.clone() },
            ..often.clone()
        },
        Mest {
            soft_bound: 0.5,
            exchange: Exchange {
                interval: Span::Epochs(1.0),
                start: InitialMask::MagnitudeGlobal,
                ..exchange.clone()
            },
            ..often.clone()
        },
        Mest {
            exchange: Exchange {
                regrowth: Regrowth::Forbidden,
                grow_new_first: true,
                dense_last_layer: true,
                ..exchange
            },
            ..often
        },
    ] {
        dst_conformance::check(&variant);
    }
}

/// Updates every hundred of 1,000 steps, until 750.
fn mest(drop_fraction: f64, soft_bound: f64) -> Mest {
    let exchange = Exchange {
        drop_fraction,
        interval: Span::Steps(100),
        start: InitialMask::Magnitude,
        regrowth: Regrowth::Forbidden,
        ..Mest::default().exchange
    };
    Mest { exchange, soft_bound, ..Mest::default() }
}

/// The four largest of these weights are active.
fn bench(mest: &Mest, weights: [f32; 6]) -> Bench {
    let mut bench = Bench::new(weights, [1; 6]);
    bench.init(mest, 2.0 / 6.0);
    bench
}

/// Six weights, four active; λ is 0.5, and a quarter of the four goes.
///
/// | entry           | 0 | 1   | 2   | 3 |
/// |-----------------|---|-----|-----|---|
/// | weight          | 4 | -1  | 1.5 | 3 |
/// | gradient        | 0 | -4  | 0   | 0 |
/// | score           | 4 | 3   | 1.5 | 3 |
///
/// The smallest weight is that of entry 1, which the gradient holds.
#[test]
fn the_gradient_holds_a_small_weight() {
    let dropped = |gradient_weight| {
        let mest = Mest { gradient_weight, ..mest(0.25, 0.0) };
        let mut bench = bench(&mest, [4.0, -1.0, 1.5, 3.0, 0.0, 0.0]);
        // Gradients of inactive weights are nothing that the method may look at.
        bench.set_gradient([0.0, -4.0, 0.0, 0.0, 9.0, 9.0]);
        bench.after_step(&mest, &step(100));
        bench.active()[..4].iter().position(|bit| *bit == 0)
    };
    assert_eq!(dropped(0.5), Some(2));
    assert_eq!(dropped(0.0), Some(1));
}

/// Of four connections half go in the first stage and a quarter in the second, which begins at step
/// 563. From step 750 on nothing changes.
#[test]
fn the_second_stage_exchanges_half_as_many() {
    let changed = |index| {
        let mest = mest(0.5, 0.0);
        let mut bench = bench(&mest, [4.0, 3.0, 2.0, 1.0, 0.0, 0.0]);
        bench.set_gradient([0.0; 6]);
        bench.after_step(&mest, &step(index));
        bench.active()[..4].iter().filter(|bit| **bit == 0).count()
    };
    assert_eq!([100, 500, 600, 700, 800].map(changed), [2, 2, 1, 1, 0]);
}

/// Two of six connections in the end. A soft bound of 1 gives four in the first stage, three in the
/// second and two at the last update, at step 700. Every update drops to the two largest weights.
#[test]
fn a_soft_bound_is_denser_until_the_last_update() {
    let mest = Mest {
        exchange: Exchange { regrowth: Regrowth::Reinitialised, ..mest(0.0, 1.0).exchange },
        ..mest(0.0, 1.0)
    };
    let mut bench = Bench::new([4.0, 3.0, 0.1, 0.1, 0.1, 0.1], [1; 6]);
    bench.init(&mest, 4.0 / 6.0);
    let count = |bench: &Bench| bench.active().iter().filter(|bit| **bit == 1).count();
    assert_eq!(count(&bench), 4);
    bench.set_gradient([0.0; 6]);
    let mut counts = Vec::new();
    for index in [100, 500, 600, 700, 800] {
        bench.after_step(&mest, &step(index));
        assert_eq!(bench.active()[..2], [1, 1]);
        assert_eq!(bench.weights(), [4.0, 3.0, 0.0, 0.0, 0.0, 0.0], "what grows starts from 0");
        counts.push(count(&bench));
    }
    assert_eq!(counts, [4, 4, 3, 2, 2]);
}

#[test]
fn forecasts_know_whether_the_bound_is_ever_left() {
    let mest = mest(0.0, 1.0);
    let mut bench = Bench::new([1.0; 6], [1; 6]);
    bench.init(&mest, 4.0 / 6.0);
    let (long, short) = (Step::first(1000, 1), Step::first(100, 1));
    assert_eq!(mest.updates(&long), Forecast::Exactly(7));
    assert_eq!(mest.density_at(&long.last(), bench.topology()), 2.0 / 6.0);
    assert_eq!(mest.updates(&short), Forecast::Exactly(0));
    assert_eq!(mest.density_at(&short.last(), bench.topology()), 4.0 / 6.0);
}

#[test]
fn out_of_range_is_refused_by_name() {
    let refused = |mest: Mest| mest.validate().unwrap_err().to_string();
    let error = refused(Mest { gradient_weight: -1.0, ..Mest::default() });
    assert_eq!(error, "gradient_weight = -1 is not a positive number or 0");
    let error = refused(Mest { soft_bound: f64::NAN, ..Mest::default() });
    assert_eq!(error, "soft_bound = NaN is not a positive number or 0");
    let error = refused(Mest { second_stage: Span::Fraction(1.5), ..Mest::default() });
    assert_eq!(error, "second_stage = 1.5 is not in [0, 1]");
}
