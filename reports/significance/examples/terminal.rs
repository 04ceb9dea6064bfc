//! The report of made-up trials as a terminal shows it: `cargo run -p report-significance --example
//! terminal -- [WIDTH]`.

use dst_analysis::document::Page;
use dst_analysis::sample::{Size, grid, predict};
use dst_analysis::{Analysis, Experiment, ReportPlugin, Study};
use dst_record::{Error, Plugin, Result};
use report_significance as _;

fn main() -> Result<()> {
    let width = match std::env::args().nth(1) {
        Some(text) => text.parse().map_err(|_| Error::usage(format!("'{text}' is no width")))?,
        None => 80,
    };
    let mut trials = grid(Size { datasets: 2, strategies: 3, sparsities: 2, seeds: 8, epochs: 5 });
    predict(&mut trials, 1000);
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let study = Study::new(&Experiment::new(&trials, &analysis))?;
    if let Some(terminal) = ReportPlugin::find("significance")?.terminal {
        print!("{}", terminal(&Page::new(&study), width));
    }
    Ok(())
}
