//! `harness store`

use std::path::Path;

use dst_analysis::format::count;
use dst_core::Result;
use dst_settings::{CommandLine, ResolvedSettings};
use dst_store::{Finding, Store, Waste, WasteOptions};
use serde_json::json;

use crate::cli::{StoreAction, StoreGcArgs, StoreMergeArgs, StorePlaceArgs, StorePublishArgs};
use crate::flags;
use crate::output;
use crate::text::bytes;
use dst_executor::Exit;

pub(super) fn run(action: &StoreAction) -> Result<Exit> {
    match action {
        StoreAction::Verify(args) => verify(args),
        StoreAction::Repair(args) => repair(args),
        StoreAction::Gc(args) => gc(args),
        StoreAction::Merge(args) => merge(args),
        StoreAction::Publish(args) => publish(args),
    }
}

fn place(args: &StorePlaceArgs) -> Result<std::path::PathBuf> {
    let mut flags = CommandLine::new();
    flags::store(&mut flags, args.store.as_deref())?;
    Ok(ResolvedSettings::of_process(None, flags)?.execution()?.store)
}

/// A checkpoint that cannot be continued: the one before it is, or training begins anew.
struct DamagedCheckpoint {
    place: String,
    what: String,
}

fn checkpoints(store: &Store) -> Result<Vec<DamagedCheckpoint>> {
    let mut damaged = Vec::new();
    for id in store.ids()? {
        let folder = store.folder(&id).join("checkpoint");
        for error in dst_train::damaged_checkpoints(&folder)? {
            let place = Path::new(&id).join("checkpoint").display().to_string();
            damaged.push(DamagedCheckpoint { place, what: error.one_line() });
        }
    }
    Ok(damaged)
}

fn verify(args: &StorePlaceArgs) -> Result<Exit> {
    let store = Store::open(&place(args)?)?;
    let (findings, checkpoints) = (store.verify()?, checkpoints(&store)?);
    let trials = store.ids()?.len();
    let damaged = findings.iter().filter(|finding| finding.kind.is_damage()).count();
    if args.json {
        let checkpoints = checkpoints
            .iter()
            .map(|found| json!({ "kind": "checkpoint", "place": found.place, "what": found.what }));
        let all = findings.iter().map(|finding| json!(finding)).chain(checkpoints);
        output::print_json(&json!({ "trials": trials, "findings": all.collect::<Vec<_>>() }))?;
    } else {
        let mut text = String::new();
        for Finding { place, what, .. } in findings.iter().filter(|it| it.kind.is_damage()) {
            text.push_str(&format!("{}: {what}\n", place.display()));
        }
        for DamagedCheckpoint { place, what } in &checkpoints {
            text.push_str(&format!("{place}: {what}; the one before it is used, or none\n"));
        }
        let unsealed = findings.len() - damaged;
        if unsealed > 0 {
            text.push_str(&format!(
                "{} of an earlier version without digests; `harness store repair` adds them\n",
                count(unsealed, "file")
            ));
        }
        let all = damaged + checkpoints.len();
        text.push_str(&match all {
            0 => format!("{}: nothing is damaged\n", count(trials, "trial")),
            _ => format!(
                "{}: {} damaged; `harness store repair` sets aside what can be made anew\n",
                count(trials, "trial"),
                if all == 1 { "1 is".to_owned() } else { format!("{all} are") },
            ),
        });
        output::print(&text)?;
    }
    Ok(if damaged + checkpoints.len() == 0 { Exit::Success } else { Exit::Data })
}

fn repair(args: &StorePlaceArgs) -> Result<Exit> {
    let store = Store::open(&place(args)?)?;
    let (mut mended, mut left) = (Vec::new(), Vec::new());
    for finding in store.verify()? {
        match store.repair(&finding)? {
            true => mended.push(finding),
            false => left.push(finding),
        }
    }
    if args.json {
        output::print_json(&json!({ "mended": mended, "left": left }))?;
    } else {
        let mut text = String::new();
        for Finding { place, what, .. } in mended.iter().filter(|it| it.kind.is_damage()) {
            text.push_str(&format!("set aside: {}: {what}\n", place.display()));
        }
        let unsealed = mended.iter().filter(|finding| !finding.kind.is_damage()).count();
        if unsealed > 0 {
            text.push_str(&format!("{} digests\n", count_got(unsealed)));
        }
        for Finding { place, what, .. } in &left {
            text.push_str(&format!(
                "left: {}: {what}\n  start the grid of that trial again: it writes the file anew\n",
                place.display()
            ));
        }
        if text.is_empty() {
            text.push_str("nothing is damaged\n");
        }
        output::print(&text)?;
    }
    Ok(if left.is_empty() { Exit::Success } else { Exit::Data })
}

fn count_got(files: usize) -> String {
    format!("{} of an earlier version got", count(files, "file"))
}

fn gc(args: &StoreGcArgs) -> Result<Exit> {
    let store = Store::open(&place(&args.place)?)?;
    let waste = store.waste(WasteOptions { set_aside: args.set_aside })?;
    if !args.dry_run {
        waste.iter().try_for_each(|waste| store.remove(waste))?;
    }
    let all: u64 = waste.iter().map(|waste| waste.bytes).sum();
    if args.place.json {
        output::print_json(&json!({
            "removed": !args.dry_run,
            "bytes": all,
            "files": waste,
        }))?;
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for Waste { place, what, bytes: size } in &waste {
        text.push_str(&format!("{}: {what}, {}\n", place.display(), bytes(*size)));
    }
    let verb = if args.dry_run { "would be freed" } else { "freed" };
    text.push_str(&format!("{} {verb}\n", bytes(all)));
    output::print(&text)?;
    Ok(Exit::Success)
}

fn merge(args: &StoreMergeArgs) -> Result<Exit> {
    let others = args.from.iter().map(|from| Store::open(from)).collect::<Result<Vec<_>>>()?;
    let store = Store::create(&place(&args.place)?)?;
    let mut merges = Vec::new();
    for (from, other) in args.from.iter().zip(&others) {
        let merged = store.merge(other)?;
        for error in &merged.damaged {
            output::note(&format!("warning: left out: {error}"));
        }
        if !merged.differing.is_empty() {
            output::note(&format!(
                "warning: {} in both and of other results, such as {}; those that were here stay",
                match merged.differing.len() {
                    1 => "1 trial is".to_owned(),
                    many => format!("{many} trials are"),
                },
                merged.differing[0],
            ));
        }
        if !args.place.json {
            output::print(&format!(
                "{}: {} taken, {} here before, {} left out as damaged, {} not ended\n",
                from.display(),
                merged.taken,
                merged.present,
                merged.damaged.len(),
                merged.open,
            ))?;
        }
        merges.push(json!({
            "from": from,
            "taken": merged.taken,
            "present": merged.present,
            "differing": merged.differing,
            "damaged": merged.damaged.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "open": merged.open,
        }));
    }
    if args.place.json {
        output::print_json(&json!({ "store": store.root(), "merged": merges }))?;
    }
    Ok(Exit::Success)
}

fn publish(args: &StorePublishArgs) -> Result<Exit> {
    let store = Store::open(&place(&args.place)?)?;
    let published = store.publish(&args.to)?;
    for error in &published.damaged {
        output::note(&format!("warning: left out: {error}"));
    }
    for path in &published.named_paths {
        output::note(&format!(
            "warning: trials name {path}, which stays in the copy: they would be other trials without it; \
             relative paths say less"
        ));
    }
    if args.place.json {
        output::print_json(&json!({
            "to": args.to,
            "trials": published.trials,
            "open": published.open,
            "damaged": published.damaged.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "named_paths": published.named_paths,
        }))?;
    } else {
        output::print(&format!(
            "{} copied to {}, {} left out as damaged, {} not ended\n",
            count(published.trials, "trial"),
            args.to.display(),
            published.damaged.len(),
            published.open,
        ))?;
    }
    Ok(Exit::Success)
}
