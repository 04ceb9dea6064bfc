//! The contract of a strategy, as tests.
//!
//! A strategy crate calls [`check`] in one test and writes a [`Bench`] table whose answer a
//! reader checks by eye; one that looks at the network before training has a [`Net`] to look at:
//!
//! ```ignore
//! #[test]
//! fn keeps_the_contract() {
//!     dst_conformance::check(&MyStrategy::default());
//! }
//! ```

mod bench;
mod contract;
mod net;

pub use bench::{Bench, step};
pub use contract::{breaches, check, verify};
pub use net::Net;
