use super::*;
use dst_conformance::Bench;

#[test]
fn keeps_the_contract() {
    for strategy in [
        Lottery { rounds: 1, ..Lottery::default() },
        Lottery { rounds: 2, ..Lottery::default() },
        Lottery { rounds: 2, rewind_to: Span::Epochs(1.0) },
    ] {
        dst_conformance::check(&strategy);
    }
}

/// An epoch of 10 batches.
fn first(epochs: u32) -> Step {
    Step::first(10, epochs)
}

#[test]
fn rounds_share_the_training() {
    let at = |rounds, rewind_to, epochs| {
        let lottery = Lottery { rounds, rewind_to: Span::Epochs(rewind_to) };
        lottery.rewinds(&first(epochs)).map(|rewinds| rewinds.at)
    };
    assert_eq!(at(4, 0.0, 50), Some(vec![10, 20, 30, 40]));
    // What is left over goes to the last round.
    assert_eq!(at(2, 0.0, 11), Some(vec![3, 6]));
    // Rounds of 10 epochs, of which all but the first leave out 2: 10 + 8 + 8.
    assert_eq!(at(2, 2.0, 26), Some(vec![10, 18]));
    assert_eq!(at(4, 0.0, 4), None, "five rounds in four epochs");
    assert_eq!(at(2, 5.0, 5), None, "nothing would be left of a round");
}

/// Of six weights 6, -1, 5, -2, 4, 3 half is to stay. Two rounds keep √0.5 of 6, 4.24, that is 4
/// weights, and then 3.
#[test]
fn the_density_falls_geometrically() {
    let lottery = Lottery { rounds: 2, ..Lottery::default() };
    let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
    bench.init(&lottery, 0.5);
    let begin = |epoch| Step { epoch, index: u64::from(epoch) * 10, ..first(9) };
    for (epoch, active) in [
        (2, [1, 1, 1, 1, 1, 1]),
        (3, [1, 0, 1, 0, 1, 1]),
        (4, [1, 0, 1, 0, 1, 1]),
        (6, [1, 0, 1, 0, 1, 0]),
        (8, [1, 0, 1, 0, 1, 0]),
    ] {
        bench.after_step(&lottery, &begin(epoch));
        assert_eq!(bench.active(), active, "epoch {epoch}");
    }
    assert_eq!(lottery.density_at(&first(9).last(), bench.topology()), 0.5);
    assert_eq!(lottery.density_at(&first(2).last(), bench.topology()), 1.0);
    assert_eq!(lottery.updates(&first(9)), Forecast::Exactly(2));
    assert_eq!(lottery.updates(&first(2)), Forecast::Exactly(0));
}

#[test]
fn rounds_out_of_range_are_refused() {
    for rounds in [0, 101] {
        let error = Lottery { rounds, ..Lottery::default() }.validate().unwrap_err().to_string();
        assert!(error.starts_with(&format!("rounds = {rounds}")), "{error}");
    }
}
