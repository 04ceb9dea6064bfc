//! How long all registered reports take to render a grid of made-up trials, each by each and
//! together: 504 trials of three data sets and twenty strategies, and 10,040.
//!
//! Nothing is read or written; `cargo run --example made_up_store` makes a store for
//! `harness report` with its files.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dst_analysis::ReportPlugin;
use dst_analysis::document::Page;
use dst_analysis::sample::{self, Size};
use dst_analysis::{Analysis, Experiment, Study};
use dst_core::plugin::Plugin;
// Links the plug-ins.
use harness as _;

/// Examples in each test set, as in MNIST.
const TEST_SAMPLES: usize = 10_000;

fn reports(criterion: &mut Criterion) {
    let sizes = [
        Size { datasets: 3, strategies: 20, sparsities: 1, seeds: 8, epochs: 50 },
        Size { datasets: 4, strategies: 50, sparsities: 5, seeds: 10, epochs: 50 },
    ];
    let plugins = ReportPlugin::all().expect("report names are unique");
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    for size in sizes {
        let mut trials = sample::grid(size);
        sample::predict(&mut trials, TEST_SAMPLES);
        let experiment = Experiment::new(&trials, &analysis);
        let study = || Study::new(&experiment).expect("the trials are in order");
        let made = study();
        let page = Page::new(&made);
        let render = |plugin: &ReportPlugin| {
            plugin.report.render(&made, &page).expect("the trials are in order")
        };
        let mut group = criterion.benchmark_group(format!("reports of {} trials", trials.len()));
        group.sample_size(10);
        group.bench_function("study", |bencher| bencher.iter(|| black_box(study())));
        group.bench_function("page", |bencher| bencher.iter(|| black_box(Page::new(&made))));
        for plugin in plugins {
            group.bench_function(BenchmarkId::from_parameter(plugin.name), |bencher| {
                bencher.iter(|| black_box(render(plugin)));
            });
        }
        group.bench_function("all", |bencher| {
            bencher.iter(|| plugins.iter().for_each(|plugin| drop(black_box(render(plugin)))));
        });
        group.finish();
    }
}

criterion_group!(benches, reports);
criterion_main!(benches);
