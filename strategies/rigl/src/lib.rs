//! The rigl strategy
