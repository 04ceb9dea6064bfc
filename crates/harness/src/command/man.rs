//! `harness man`

use std::fs;

use dst_core::{Error, Result};

use crate::cli::{self, ManArgs};
use crate::output;
use dst_executor::Exit;

pub(super) fn run(args: &ManArgs) -> Result<Exit> {
    let folder = &args.folder;
    fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
    clap_mangen::generate_to(cli::command(), folder)
        .map_err(|error| Error::io("write to", folder, &error))?;
    output::note(&format!("manual pages are in {}", folder.display()));
    Ok(Exit::Success)
}
