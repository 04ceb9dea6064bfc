//! The set strategy
