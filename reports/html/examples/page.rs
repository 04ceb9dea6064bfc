//! Writes the page of made-up trials: `cargo run --release -p report-html --example page -- FOLDER
//! [DATASETS STRATEGIES SPARSITIES SEEDS EPOCHS]`.

use std::path::Path;
use std::time::Instant;

use dst_analysis::ReportPlugin;
use dst_analysis::sample::{Size, grid};
use dst_analysis::{Analysis, Experiment, Study};
use dst_record::Plugin;
use dst_record::{Error, Result};
use report_html as _;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, numbers @ ..] = arguments.as_slice() else {
        return Err(Error::usage("name a folder"));
    };
    let number = |place: usize, default: usize| {
        numbers.get(place).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let size = Size {
        datasets: number(0, 1),
        strategies: number(1, 3),
        sparsities: number(2, 3),
        seeds: number(3, 6),
        epochs: number(4, 20) as u32,
    };
    let trials = grid(size);
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let start = Instant::now();
    let report = ReportPlugin::find("html")?.report;
    let rendering = report.render(&Study::new(&Experiment::new(&trials, &analysis))?)?;
    let seconds = start.elapsed().as_secs_f64();
    for document in &rendering.documents {
        let path = Path::new(folder).join(document.path()?);
        let write = || {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(&path, &document.bytes)
        };
        write().map_err(|error| Error::io("write", &path, &error))?;
    }
    let page = rendering.documents.first().map_or(0, |document| document.bytes.len());
    println!(
        "{} trials: {page} bytes, {} documents, {seconds:.2} s",
        trials.len(),
        rendering.documents.len()
    );
    Ok(())
}
