//! Coverage, error rates and power in seeded simulations, against theory within four standard
//! errors; with fixed seeds the outcome never changes. `cargo run --release --example simulate`
//! prints the same rates as one table.

#[path = "../examples/simulate/simulations.rs"]
mod simulations;
#[path = "../examples/simulate/table.rs"]
mod table;

use simulations::SECTIONS;

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
    intervals_cover: "Coverage of intervals",
    bootstrap_intervals_cover_as_far_as_few_values_let_them: "Coverage of bootstrap intervals",
    tests_of_identical_methods_keep_their_level: "Type-I error of two samples",
    tests_of_several_groups_keep_their_level: "Type-I error of several groups",
    verdicts_keep_their_promises: "Errors at the margin",
    corrections_keep_the_level_of_a_family: "Families of comparisons",
    power_is_what_power_predicts: "Power",
    intervals_over_seeds_and_examples_cover: "Seeds and examples",
}
