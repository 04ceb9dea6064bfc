//! Simulates what the procedures of this crate promise, and prints rates beside theory.
//!
//! `cargo run --release -p dst-stats --example simulate -- 5` takes five times the usual count of
//! simulated data sets. `+-` is 1.96 standard errors of the simulation. All seeds are fixed.

mod simulations;
mod table;

use std::{error::Error, thread, time::Instant};

use dst_stats::{BootstrapOptions, bootstrap_mean};

use simulations::SECTIONS;
use table::Row;

fn main() -> Result<(), Box<dyn Error>> {
    let effort = match std::env::args().nth(1) {
        Some(text) => text
            .parse()
            .ok()
            .filter(|effort| (1..=1_000).contains(effort))
            .ok_or(format!("`{text}` is no factor for the count of runs: 1 to 1000"))?,
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
    println!("\nTime of 60 bootstraps of a mean, 6 to 10 values, 10,000 resamples, with BCa");
    for threads in [1, 2] {
        let began = Instant::now();
        for i in 0..60 {
            let values: Vec<f64> =
                (0..6 + i % 5).map(|j| (1.7 * (i * 10 + j) as f64).sin()).collect();
            bootstrap_mean(&values, &BootstrapOptions { threads, ..Default::default() })?;
        }
        println!("{:.2} s on {threads} thread(s)", began.elapsed().as_secs_f64());
    }
    Ok(())
}
