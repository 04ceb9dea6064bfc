//! End-to-end tests on the built binary, in one program: linking each file of its own takes longer than running it,
//! and tests that wait leave the processor to others.

mod bad_input;
mod compare;
mod documents;
mod equal_cost;
mod grid;
mod hub;
mod interrupt;
mod machines;
mod networks;
mod own_data;
mod own_models;
mod plugins;
mod provenance;
mod refusals;
mod report;
mod results;
mod scaffold;
mod slurm;
mod status;
mod store;
mod tools;
mod wheel;
