//! Random numbers that do not come from the seed.

use std::time::{SystemTime, UNIX_EPOCH};

use dst_core::tch::Tensor;
use dst_core::{Probe, Result, SeedStreams, Strategy, Topology, selection};

use crate::{method, refused};

/// Activates at random, from a seed of the method's own.
fn activate(topology: &mut Topology, seed: u64) -> Result<()> {
    topology.allocate(dst_core::Distribution::Erk)?;
    let mut rng = SeedStreams::new(seed).stream("own");
    for layer in topology.layers_mut() {
        let all: Tensor = layer.active().ones_like();
        let chosen = selection::random_k(&all, layer.target(), &mut rng)?;
        layer.activate(&chosen)?;
    }
    Ok(())
}

method!(Pid, "pid");

#[typetag::serde(name = "pid")]
impl Strategy for Pid {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        activate(topology, std::process::id().into())
    }
}

#[test]
fn a_seed_from_the_id_of_the_process() {
    refused(
        &Pid {},
        "the same training with the same seed is another one in another process: the network is \
         another one after batch 1. Something is drawn from the process, such as its id",
    );
}

method!(Clock, "clock");

#[typetag::serde(name = "clock")]
impl Strategy for Clock {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later");
        activate(topology, now.as_nanos() as u64)
    }
}

#[test]
fn a_seed_from_the_clock() {
    refused(
        &Clock {},
        "the same training, twice in one process with one seed, is two trainings: the network is \
         another one after batch 1",
    );
    refused(&Clock {}, "never from a clock");
}

method!(Address, "address");

#[typetag::serde(name = "address")]
impl Strategy for Address {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        static SOMEWHERE: u8 = 1;
        activate(topology, std::ptr::from_ref(&SOMEWHERE) as u64)
    }
}

/// Where the system loads programs at random places, as most do.
#[test]
fn a_seed_from_an_address() {
    refused(
        &Address {},
        "Something is drawn from the process, such as its id, a time or an address",
    );
}
