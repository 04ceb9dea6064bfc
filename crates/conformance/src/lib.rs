//! The contract suite that every strategy crate calls in one test
