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
        "two trainings with the same seed in two processes are not the same: the networks differ \
         after batch 1. The method draws something from its process, such as its id",
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
        "two trainings with the same seed in the same process are not the same: the networks \
         differ after batch 1",
    );
    refused(&Clock {}, "not from the clock");
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
        "draws something from its process, such as its id, the time or an address",
    );
}
