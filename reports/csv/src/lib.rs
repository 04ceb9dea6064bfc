//! CSV files: trials, history, layers, summary
