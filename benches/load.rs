//! Time to load SST-2: 67,349 sentences for training and 872 for the test, tokenised or from the
//! cache of token ids.
//!
//! At most 3 s and 0.3 s are wanted: `cargo bench -p benches --profile release --bench load`, with
//! `HARNESS_DATA` naming the data folder (a path from the workspace's root).

use std::path::Path;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group};
use dataset_glue as _;
use dst_core::plugin;
use dst_core::{DataSources, Dataset, Split};
use serde_json::Map;

fn load(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let data_dir = std::env::var_os("HARNESS_DATA").map(|folder| root.join(folder));
    let Some(data_dir) = data_dir.filter(|at| at.join("glue_data/SST-2/train.tsv").is_file())
    else {
        println!("skipped: no SST-2");
        return;
    };
    let sources = DataSources { data_dir: Some(data_dir), hub: None, ..DataSources::default() };
    let load = || -> Box<dyn Dataset> {
        plugin::dataset("glue/sst2", &Map::new(), &sources).expect("the data are good")
    };
    let cache = std::env::var_os("HARNESS_CACHE").expect("main sets it");
    let forget = || {
        let _ = std::fs::remove_dir_all(&cache);
    };

    let mut group = criterion.benchmark_group("sst2");
    group.sample_size(10).warm_up_time(Duration::from_secs(1));
    group.bench_function("tokenised", |bencher| {
        bencher.iter_batched(forget, |()| load(), BatchSize::PerIteration);
    });
    let dataset = load();
    assert_eq!(dataset.len(Split::Train) + dataset.len(Split::Validation), 67_349);
    group.bench_function("from the cache", |bencher| {
        bencher.iter_batched(|| (), |()| load(), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, load);

fn main() {
    let cache = tempfile::tempdir().expect("a temporary folder can be made");
    // SAFETY: there is one thread yet, so nobody reads the variables meanwhile.
    unsafe { std::env::set_var("HARNESS_CACHE", cache.path().join("cache")) };
    benches();
    Criterion::default().configure_from_args().final_summary();
}
