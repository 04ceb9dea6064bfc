//! The report on hand-made trials.

mod control;
mod degenerate;
mod documents;
mod numbers;
mod output;
mod trials;
