//! The dense strategy
