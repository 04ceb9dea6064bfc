use super::*;
use dst_conformance::{Bench, step};
use dst_core::{BatchUse, Curve, Distribution, Forecast, Span, Step};

/// At 75 % sparsity the layers of the toy network keep whole numbers of these blocks.
fn often() -> Block {
    let exchange = Exchange {
        interval: Span::Steps(5),
        distribution: Distribution::Uniform,
        ..Block::default().exchange
    };
    Block { exchange, height: 2, width: 4, norm: Norm::L1 }
}

#[test]
fn keeps_the_contract() {
    let often = often();
    for variant in [
        often.clone(),
        Block { height: 1, width: 8, norm: Norm::L2, ..often.clone() },
        Block {
            exchange: Exchange {
                replaces_step: false,
                growth_batches: 2,
                ..often.exchange.clone()
            },
            ..often
        },
    ] {
        dst_conformance::check(&variant);
    }
}

/// Half of all blocks go at every tenth step.
fn halving(height: usize, width: usize, norm: Norm) -> Block {
    let exchange = Exchange {
        drop_fraction: 0.5,
        decay: Curve::Constant,
        interval: Span::Steps(10),
        ..Block::default().exchange
    };
    Block { exchange, height, width, norm }
}

/// Blocks of two rows are the three columns; the first two are active.
///
/// | weight |    |   | gradient |   |   |
/// |--------|----|---|----------|---|---|
/// | 4      | -1 | · | 0        | 9 | 5 |
/// | 1      | -3 | · | 0        | 0 | 5 |
///
/// Their magnitudes add up to 5 and 4, so the second goes, although the smallest weight but one is in
/// the first. Gradients add up to 9 and 10: the third comes. Squares are 17 and 10, 81 and 50: the
/// second returns with its values.
#[test]
fn columns_are_exchanged_as_a_whole() {
    let after = |norm| {
        let block = halving(2, 1, norm);
        let mut bench = Bench::new([4.0, -1.0, 0.0, 1.0, -3.0, 0.0], [1, 1, 0, 1, 1, 0]);
        bench.set_gradient([0.0, 9.0, 5.0, 0.0, 0.0, 5.0]);
        assert_eq!(bench.after_backward(&block, &step(9)), BatchUse::Weights);
        assert_eq!(bench.after_backward(&block, &step(10)), BatchUse::Topology);
        (bench.active(), bench.weights())
    };
    assert_eq!(after(Norm::L1), ([1, 0, 1, 1, 0, 1], [4.0, 0.0, 0.0, 1.0, 0.0, 0.0]));
    assert_eq!(after(Norm::L2), ([1, 1, 0, 1, 1, 0], [4.0, -1.0, 0.0, 1.0, -3.0, 0.0]));
}

/// Weights that have just grown are 0, like inactive ones: what is inactive is never taken for active.
#[test]
fn a_block_of_zeros_is_still_active() {
    let block = halving(2, 1, Norm::L1);
    let mut bench = Bench::new([0.0; 6], [0, 1, 1, 0, 1, 1]);
    bench.set_gradient([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    bench.after_backward(&block, &step(10));
    assert_eq!(bench.active(), [1, 1, 0, 1, 1, 0]);
}

/// A third of 2 × 3 weights is one column; blocks of 4 × 2 become columns there, because 2 does not
/// divide 3.
#[test]
fn starts_with_whole_blocks_of_a_size_that_divides() {
    let block = halving(4, 2, Norm::L1);
    let mut bench = Bench::new([1.0; 6], [1; 6]);
    bench.init(&block, 4.0 / 6.0);
    let active = bench.active();
    assert_eq!(active.iter().sum::<u8>(), 2);
    assert_eq!(active[..3], active[3..]);
}

/// Blocks of a whole row: a fifth of six weights is nearest to none, and a layer keeps one.
#[test]
fn densities_are_rounded_to_whole_blocks() {
    let block = halving(1, 3, Norm::L1);
    let mut bench = Bench::new([1.0; 6], [1; 6]);
    bench.init(&block, 0.8);
    let start = Step::first(1000, 1);
    assert_eq!(block.density_at(&start.last(), bench.topology()), 0.5);
    assert_eq!(block.updates(&start), Forecast::Exactly(74));
}

#[test]
fn out_of_range_is_refused_by_name() {
    let refused = |block: Block| block.validate().unwrap_err().to_string();
    assert_eq!(refused(halving(0, 1, Norm::L1)), "height = 0 must be at least 1");
    assert_eq!(refused(halving(1, 0, Norm::L1)), "width = 0 must be at least 1");
}
