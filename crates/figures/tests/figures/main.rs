//! Figures read back: what holds for any data, and what those of common data say.

mod layout;
mod picture;
mod properties;
mod verdicts;
