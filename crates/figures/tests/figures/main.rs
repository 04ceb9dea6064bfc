//! Figures read back: what holds for any data, and what those of common data say.

mod layout;
mod properties;
mod svg;
mod verdicts;
