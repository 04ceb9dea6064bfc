//! The prune-regrow strategy
