//! What a page shows of measured time.

use dst_analysis::document::{Block, Figure, Page};
use dst_analysis::sample::{Size, grid, on_backend};
use dst_analysis::{Analysis, Experiment, Study};
use dst_record::BackendKind;

/// The figure of scores over seconds of a grid on masks, and of the same on kernels beside it.
fn scores_over_seconds(backends: &[BackendKind]) -> Figure {
    let size = Size { datasets: 1, strategies: 1, sparsities: 1, seeds: 4, epochs: 3 };
    let masked = grid(size);
    let mut trials = masked.clone();
    backends.iter().for_each(|backend| trials.extend(on_backend(&masked, *backend, 0.3)));
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let study = Study::new(&Experiment::new(&trials, &analysis)).unwrap();
    let section = Page::new(&study).sections.swap_remove(0);
    let folds = section.folds.into_iter().flat_map(|fold| fold.blocks);
    let figure = section.blocks.into_iter().chain(folds).find_map(|block| match block {
        Block::Figure(figure) if figure.name.ends_with("validation-seconds") => Some(figure),
        _ => None,
    });
    figure.unwrap()
}

#[test]
fn scores_over_seconds_are_read_against_the_target() {
    let figure = scores_over_seconds(&[]);
    let caption = "; dashed: the target, mean over seeds; bands: 95 % interval of the mean";
    assert!(figure.title.ends_with(caption), "{}", figure.title);
    let csv = String::from_utf8(figure.drawing.csv).unwrap();
    let target = csv.lines().last().unwrap();
    // The mean of the baseline's last validation scores, minus the margin, at no time.
    let cells: Vec<&str> = target.split(',').collect();
    assert_eq!(cells[..4], ["", "", "baseline minus 0.5 points", ""]);
    let last = csv.lines().rfind(|line| line.starts_with("baseline,")).unwrap();
    let score = |line: &str| line.split(',').nth(4).unwrap().parse::<f64>().unwrap();
    assert!((score(last) - score(target) - 0.005).abs() < 1e-12, "{csv}");
    let said = figure.description;
    assert!(said.contains("A dashed line is at ") && said.contains(": baseline minus 0.5 points."));
}

#[test]
fn every_control_has_its_target() {
    let csv = scores_over_seconds(&[BackendKind::Auto]).drawing.csv;
    let csv = String::from_utf8(csv).unwrap();
    let targets: Vec<&str> = csv.lines().filter(|line| line.starts_with(",,")).collect();
    let [auto, masked] = targets[..] else { panic!("two targets: {targets:?}") };
    assert!(masked.starts_with(",,\"baseline, masked minus 0.5 points\","), "{masked}");
    assert!(auto.starts_with(",,\"baseline, auto minus 0.5 points\","), "{auto}");
}
