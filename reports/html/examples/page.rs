//! Writes a page to look at: `cargo run --release -p report-html --example page -- FOLDER [FAMILIES
//! METHODS SPARSITIES]`. It is written by hand and has every kind of block.

#[path = "../tests/made_up/mod.rs"]
mod made_up;

use std::path::Path;
use std::time::Instant;

use dst_analysis::sample::{baseline, group};
use dst_analysis::{Analysis, Experiment, ReportPlugin, Study};
use dst_record::Plugin;
use dst_record::{Error, Result};
use made_up::Size;
use report_html as _;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, numbers @ ..] = arguments.as_slice() else {
        return Err(Error::usage("name a folder"));
    };
    let number = |place: usize, default: usize| {
        numbers.get(place).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let size = Size { families: number(0, 2), methods: number(1, 4), sparsities: number(2, 3) };
    let page = if folder.ends_with("hostile") { made_up::hostile() } else { made_up::page(size) };
    let trials = group(&baseline(), 0.0, &[0.9, 0.91]);
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let study = Study::new(&Experiment::new(&trials, &analysis))?;
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
