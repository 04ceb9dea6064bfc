//! Simulates what verdicts of whole families promise: chance of a false claim, power, looks, failures
//! and tuning, beside the rates that the procedure was designed with; and what is claimed without it.
//!
//! `cargo run --release -p dst-stats --example verdicts -- 10` takes ten times the usual 2,000
//! grids for each row. `+-` is 1.96 standard errors of the simulation. All seeds are fixed.

mod grids;
#[path = "../simulate/table.rs"]
mod table;

use std::{error::Error, hint::black_box, thread, time::Instant};

use dst_stats::verdict::{Candidate, Settings, judge};

use grids::{Grid, SECTIONS};
use table::Row;

fn main() -> Result<(), Box<dyn Error>> {
    let effort = match std::env::args().nth(1) {
        Some(text) => text
            .parse()
            .ok()
            .filter(|effort| (1..=1_000).contains(effort))
            .ok_or(format!("`{text}` is no factor for the count of grids: 1 to 1000"))?,
        None => 1,
    };
    println!("{}", Row::header());
    thread::scope(|scope| {
        let sections =
            SECTIONS.map(|(title, section)| (title, scope.spawn(move || section(effort))));
        for (title, section) in sections {
            println!("\n{title}");
            for row in section.join().expect("a simulation does not panic") {
                println!("{row}");
            }
        }
    });
    let settings = Settings { margin: 0.5, family: 30, ..Settings::default() };
    let grid = Grid::example(&settings);
    let candidates: Vec<Candidate<'_>> =
        grid.candidates.iter().map(|runs| Candidate::new(runs)).collect();
    let began = Instant::now();
    for _ in 0..1_000 {
        black_box(judge(&settings, &grid.control, black_box(&candidates))?);
    }
    println!(
        "\nOne family of 30 comparisons, 8 seeds, t: {:.1} microseconds",
        began.elapsed().as_secs_f64() * 1e3
    );
    Ok(())
}
