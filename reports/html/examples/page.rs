//! Writes pages to look at: `cargo run --release -p report-html --example page -- KIND FOLDER
//! [NUMBERS]`.
//!
//! - `grid`: of made-up trials; data sets, strategies, sparsities, seeds, epochs.
//! - `backends`: the same grid with dense arithmetic and with kernels that take a third of its time.
//! - `blocks`: written by hand, with every kind of block; families, methods, sparsities.
//! - `hostile`: every text does harm where it is not escaped.

#[path = "../tests/made_up/mod.rs"]
mod made_up;

use std::path::Path;
use std::time::Instant;

use dst_analysis::document::Page;
use dst_analysis::sample::{Size, grid, on_backend, predict};
use dst_analysis::{Analysis, Experiment, ReportPlugin, Study};
use dst_record::{BackendKind, Error, Plugin, Result};
use report_html as _;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, folder, numbers @ ..] = arguments.as_slice() else {
        return Err(Error::usage("name a kind of page and a folder"));
    };
    let number = |place: usize, default: usize| {
        numbers.get(place).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let [datasets, strategies, sparsities] = [number(0, 1), number(1, 4), number(2, 3)];
    let (seeds, epochs) = (number(3, 8), number(4, 20) as u32);
    let mut trials = grid(Size { datasets, strategies, sparsities, seeds, epochs });
    predict(&mut trials, 500);
    if kind == "backends" {
        trials.extend(on_backend(&trials, BackendKind::Auto, 0.3));
    }
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let study = Study::new(&Experiment::new(&trials, &analysis))?;
    let page = match kind.as_str() {
        "grid" | "backends" => Page::new(&study),
        "blocks" => {
            made_up::page(made_up::Size { families: datasets, methods: strategies, sparsities })
        }
        "hostile" => made_up::hostile(),
        other => {
            return Err(Error::unknown("kind", other, ["grid", "backends", "blocks", "hostile"]));
        }
    };
    let start = Instant::now();
    let rendering = ReportPlugin::find("html")?.report.render(&study, &page)?;
    let seconds = start.elapsed().as_secs_f64();
    for document in &rendering.documents {
        let path = Path::new(folder).join(document.path()?);
        let write = || {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(&path, &document.bytes)
        };
        write().map_err(|error| Error::io("write", &path, &error))?;
    }
    let bytes = rendering.documents.first().map_or(0, |document| document.bytes.len());
    println!("{bytes} bytes, {} documents, {seconds:.2} s", rendering.documents.len());
    Ok(())
}
