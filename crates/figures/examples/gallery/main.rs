//! Every figure from made-up data, as a page to look at:
//! `cargo run --release -p dst-figures --example gallery > gallery.html`

mod comparisons;
mod curves;
mod matrices;

use dst_figures::{Interval, Palette, STYLE_SHEET, Series};

const STRATEGIES: [&str; 11] =
    ["dense", "rigl", "set", "static", "snfs", "gmp", "granet", "snip", "topkast", "mest", "deepr"];

/// Numbers in [0, 1) that look random and are the same everywhere.
fn noise(seed: usize) -> f64 {
    let x = (seed as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((x ^ (x >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn around(value: f64, half: f64) -> Option<Interval> {
    Some(Interval { lower: value - half, upper: value + half })
}

fn palette() -> Palette {
    Palette::new("dense", STRATEGIES, [0.0, 0.9, 0.95, 0.98])
}

fn dense() -> Series {
    Series::new("dense", 0.0, "dense")
}

fn series(strategy: &str, sparsity: f64) -> Series {
    Series::new(strategy, sparsity, format!("{strategy} at {} %", (sparsity * 1e3).round() / 10.0))
}

fn tuned(strategy: &str, parameters: &str, sparsity: f64) -> Series {
    let label = format!("{strategy}[{parameters}] at {} %", (sparsity * 1e3).round() / 10.0);
    Series::new(strategy, sparsity, label)
}

/// Dense, and all others at 98 % and then at 90 %.
fn many(count: usize) -> Vec<Series> {
    let sparse = |sparsity| STRATEGIES[1..].iter().map(move |name| series(name, sparsity));
    std::iter::once(dense()).chain(sparse(0.98)).chain(sparse(0.9)).take(count).collect()
}

fn main() {
    let groups = [comparisons::figures(), curves::figures(), matrices::figures()];
    println!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Gallery</title><style>\n\
         {STYLE_SHEET}\nbody {{ background: var(--figure-paper); color: var(--figure-ink); \
         font-family: Helvetica, Arial, sans-serif; margin: 1rem; }}\n\
         main {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 35rem), 1fr)); \
         gap: 2rem; align-items: start; max-width: 75rem; margin: 0 auto; }}\n\
         figure {{ margin: 0; min-width: 0; }}\n\
         figure:has(.figure-wide, .figure-wider) {{ grid-column: 1 / -1; }}\n\
         figcaption {{ font-weight: bold; margin-bottom: .5rem; }}</style></head><body><main>"
    );
    for figure in groups.iter().flatten() {
        eprintln!("{:>7} {:>7} bytes  {}", figure.svg.len(), figure.narrow.len(), figure.name);
        println!(
            "<figure><figcaption>{}</figcaption>\n<div class=\"figure-frame\">{}</div></figure>",
            figure.title,
            figure.inline()
        );
    }
    println!("</main></body></html>");
}
