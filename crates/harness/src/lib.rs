//! The command line, the grid, the executors and the run store
