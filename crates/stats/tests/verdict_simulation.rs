//! Error rates and power of verdicts in seeded simulations of whole grids, against the rates that
//! the procedure was designed with; with fixed seeds the outcome never changes.
//! `cargo run --release --example verdicts` prints the same rows as one table.

#[path = "../examples/verdicts/grids.rs"]
mod grids;
#[path = "../examples/simulate/table.rs"]
mod table;

use dst_stats::verdict::Settings;
use grids::{Grid, SECTIONS};

/// Simulates one section, prints it and checks every row.
fn check(title: &str) {
    let (_, section) = SECTIONS.iter().find(|(other, _)| *other == title).expect("a known title");
    let rows = section(1);
    println!("{}", table::Row::header());
    for row in &rows {
        println!("{row}");
    }
    let wrong: Vec<String> =
        rows.iter().filter(|row| !row.holds()).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{title}:\n{}", wrong.join("\n"));
}

macro_rules! sections {
    ($($name:ident: $title:literal,)*) => {
        $(
            #[test]
            fn $name() {
                check($title);
            }
        )*

        #[test]
        fn every_section_is_checked() {
            assert_eq!(SECTIONS.map(|(title, _)| title), [$($title),*]);
        }
    };
}

// One test each, so that they run side by side.
sections! {
    identical_methods_differ_in_one_grid_of_twenty_at_most: "Identical methods: some false claim",
    a_loss_of_the_margin_is_seldom_called_non_inferior:
        "True loss of the margin: some non-inferior",
    power_is_what_the_procedure_was_chosen_for: "Power of non-inferior",
    planned_looks_keep_the_level_and_unplanned_ones_do_not: "Looks",
    failures_do_not_help_a_claim: "Failures",
    tuning_is_paid_for_where_every_set_counts: "Tuning",
    asymmetric_noise_is_a_limit: "Limits: what no test cures",
    without_it_false_claims_are_common: "Without the procedure",
}

#[test]
fn a_grid_has_all_its_runs() {
    let settings = Settings { family: 30, ..Settings::default() };
    let grid = Grid::example(&settings);
    assert_eq!(grid.candidates.len(), 30);
    assert!(grid.candidates.iter().chain([&grid.control]).all(|runs| runs.len() == 8));
}
