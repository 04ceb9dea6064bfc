//! `harness new-strategy`

use dst_core::Result;

use crate::cli::NewStrategyArgs;
use crate::exit::Exit;

pub(super) fn run(_: &NewStrategyArgs) -> Result<Exit> {
    Ok(Exit::Success)
}
