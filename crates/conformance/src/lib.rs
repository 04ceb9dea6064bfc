//! The contract of a strategy, as tests.
//!
//! A strategy crate calls [`check`] in one test and writes a [`Bench`] table whose answer a
//! reader checks by eye:
//!
//! ```ignore
//! #[test]
//! fn keeps_the_contract() {
//!     dst_conformance::check(&MyStrategy::default());
//! }
//! ```

mod bench;
mod contract;

pub use bench::{Bench, step};
pub use contract::{breaches, check, verify};
