//! What a training showed, against what the method said.

use dst_core::{Forecast, GradientScope, Result, Strategy};
use dst_train::Estimate;

use super::breach;
use super::course::{Course, Network, Run};
use super::guard::{Noted, Tape};

/// The training ends at the density that was foreseen, and connections change as often.
pub(super) fn forecasts(
    course: &Course,
    foreseen: &Estimate,
    run: &Run,
    tape: &Tape,
) -> Result<()> {
    let size = foreseen.prunable_parameters as f64;
    let active: usize = run.counts.last().into_iter().flatten().sum();
    let ended = active as f64 / size;
    if (foreseen.final_density - ended).abs() >= 1.0 / size {
        return Err(breach(
            format!(
                "{} ends at density {ended:.4} ({active} of {size} weights), but `density_at` \
                 foresaw {:.4}",
                course.title, foreseen.final_density
            ),
            "start from `Topology::density`, and let `density_at` return where the schedule ends",
        ));
    }
    densities(course, size, run, tape)?;
    cost(course, foreseen, run)?;
    if course.sparsity == 0.0 {
        if ended < 1.0 {
            return Err(breach(
                format!("{} is not dense: {active} of {size} weights are active", course.title),
                "keep every connection where the density to reach is 1",
            ));
        }
        // A dense layer has nothing to exchange, whatever was foreseen.
        return Ok(());
    }
    let touched: Vec<&Noted> = tape.batches.values().filter(|noted| noted.touched).collect();
    let (count, batches) = (touched.len(), tape.batches.len());
    let (updates, at_most) = match foreseen.updates {
        Forecast::Never => {
            let Some(first) = touched.first() else { return Ok(()) };
            return Err(breach(
                format!(
                    "connections changed, but `updates()` returned `Forecast::Never`: {} had {}, the \
                     first at step {}",
                    course.title,
                    counted(count, "update"),
                    first.step.index
                ),
                "let `updates` count the steps at which hooks change connections, as \
                 `Timing::updates` does",
            ));
        }
        Forecast::Exactly(updates) if count == updates => return Ok(()),
        Forecast::AtMost(updates) if count <= updates => return Ok(()),
        Forecast::Exactly(updates) => (updates, ""),
        Forecast::AtMost(updates) => (updates, "at most "),
    };
    Err(breach(
        format!(
            "{} had {} in {batches} batches, but `updates()` foresaw {at_most}{updates}",
            course.title,
            counted(count, "update")
        ),
        "count the steps at which hooks change connections, as `Timing::updates` does; it must know \
         whether an update takes the place of the step",
    ))
}

/// Connections are as many after every batch as was foreseen, up to the rounding of every layer.
fn densities(course: &Course, size: f64, run: &Run, tape: &Tape) -> Result<()> {
    // The first counts are those of the start.
    for (batch, (counts, foreseen)) in run.counts.iter().skip(1).zip(&tape.densities).enumerate() {
        let active: usize = counts.iter().sum();
        if (active as f64 - foreseen * size).abs() > counts.len() as f64 {
            return Err(breach(
                format!(
                    "{} has density {:.4} after batch {}, but `density_at` foresaw {foreseen:.4}",
                    course.title,
                    active as f64 / size,
                    batch + 1
                ),
                "let `density_at` follow the schedule that the hooks follow: FLOPs are estimated by it",
            ));
        }
    }
    Ok(())
}

/// How far an estimate of FLOPs may be off where every connection costs the same.
const TOLERANCE: f64 = 0.02;

/// The training costs what was estimated. On convolutions, where the cost of a connection depends on
/// its layer, a method that chooses over all layers cannot know it.
fn cost(course: &Course, foreseen: &Estimate, run: &Run) -> Result<()> {
    let Some(trained) = run.trained.as_ref().filter(|_| course.network == Network::Linear) else {
        return Ok(());
    };
    let share = foreseen.train_flops / trained.outcome.train_flops;
    if (share - 1.0).abs() <= TOLERANCE {
        return Ok(());
    }
    Err(breach(
        format!(
            "{} was estimated at {:.1} % of the FLOPs that it took",
            course.title,
            100.0 * share
        ),
        "let `density_at` and `gradient_scope` say what the hooks do",
    ))
}

/// Gradients that were announced are read: kernels compute them, and FLOPs charge them.
pub(super) fn announcements(course: &Course, method: &dyn Strategy, tape: &Tape) -> Result<()> {
    let next =
        "return `GradientScope::All` from `gradient_scope` only in steps in which it is read";
    for Noted { step, scope, .. } in tape.batches.values() {
        // Asked of a method that has trained nothing.
        if method.gradient_scope(step) != *scope {
            return Err(breach(
                format!(
                    "`gradient_scope` gave two answers for step {} of {}",
                    step.index, course.title
                ),
                "let it depend on the step and the config only: FLOPs are estimated before the \
                 training",
            ));
        }
    }
    if course.sparsity == 0.0 {
        return Ok(());
    }
    let trained = tape.batches.values().filter(|noted| noted.scope == GradientScope::Trainable);
    let none = trained.filter(|noted| !noted.trains_inactive).count();
    if none > 0 {
        return Err(breach(
            format!(
                "{} announced gradients of inactive weights that are trained, in {}, and there are \
                 none",
                course.title,
                counted(none, "step")
            ),
            "return `GradientScope::Active` where the optimiser moves active weights only",
        ));
    }
    let all = |noted: &&Noted| noted.scope == GradientScope::All;
    let announced: Vec<&Noted> = tape.batches.values().filter(all).collect();
    let (count, read) = (announced.len(), announced.iter().filter(|noted| noted.reads > 0).count());
    match (announced.iter().find(|noted| noted.reads == 0), read) {
        (None, _) => Ok(()),
        (Some(_), 0) => Err(breach(
            format!(
                "{} announced the dense gradient in {} and never read it",
                course.title,
                counted(count, "step")
            ),
            next,
        )),
        (Some(first), _) => Err(breach(
            format!(
                "{} announced the dense gradient in {count} of {} steps and read it in {read} of them, \
                 not in step {} for example",
                course.title,
                tape.batches.len(),
                first.step.index
            ),
            next,
        )),
    }
}

/// No method keeps more and more.
pub(super) fn memory(course: &Course, run: &Run) -> Result<()> {
    let half = run.kept.len() / 2;
    let mut most = (0, 0);
    let mut late = 0;
    for (batch, kept) in run.kept.iter().enumerate() {
        let grows = kept.0 > most.0 || kept.1 > most.1;
        late += usize::from(grows && batch >= half);
        most = (most.0.max(kept.0), most.1.max(kept.1));
    }
    let (Some(middle), Some(last)) = (run.kept.get(half), run.kept.last()) else { return Ok(()) };
    // Some slots come late, such as those of a last phase, but not again and again.
    if late < 3 {
        return Ok(());
    }
    Err(breach(
        format!(
            "what the method keeps grows all the time: {} slots and numbers with {} values after \
             half of {}, {} with {} values at its end",
            middle.0, middle.1, course.title, last.0, last.1
        ),
        "use the same names and sizes again, or free a slot with `Layer::take_slot`",
    ))
}

/// No layer gains what another loses, unless the method says that it does that.
pub(super) fn layers(course: &Course, run: &Run) -> Result<()> {
    let Some(start) = run.counts.first() else { return Ok(()) };
    for (batch, pair) in run.counts.windows(2).enumerate() {
        for earlier in [&pair[0], start] {
            let changes = || run.names.iter().zip(earlier.iter().zip(&pair[1]));
            let gains = changes().find(|(_, (before, after))| after > before);
            let loses = changes().find(|(_, (before, after))| after < before);
            if let (Some((gaining, (before, after))), Some((losing, _))) = (gains, loses) {
                return Err(breach(
                    format!(
                        "connections moved between layers in batch {} of {}: {gaining} went from \
                         {before} to {after} while {losing} lost some",
                        batch + 1,
                        course.title
                    ),
                    "leave every layer at its target, or, if redistribution is the method, say \
                     `redistributes: true` in strategy_plugin!",
                ));
            }
        }
    }
    Ok(())
}

/// Is the density that is foreseen the one that was asked for, up to less than a weight?
pub(super) fn reaches_density(course: &Course, foreseen: &Estimate) -> bool {
    let missed = (foreseen.final_density - (1.0 - course.sparsity)).abs();
    missed * (foreseen.prunable_parameters as f64) < 1.0
}

/// Layers whose density the config fixes have it in the end.
pub(super) fn fixed_layers(
    course: &Course,
    foreseen: &Estimate,
    method: &dyn Strategy,
    run: &Run,
) -> Result<()> {
    let Some(shared) = method.exchange() else { return Ok(()) };
    if !reaches_density(course, foreseen) {
        return Ok(());
    }
    let rows = run.trained.iter().flat_map(|trained| &trained.layers);
    for row in rows.filter(|row| row.epoch == course.training.epochs) {
        let Some(density) = shared.layer_densities.get(&row.layer) else { continue };
        let wanted = ((density * row.size as f64).round() as u64).max(1);
        if row.active != wanted {
            return Err(breach(
                format!(
                    "{} ends with {} connections in {}, where `layer_densities` asks for {wanted}",
                    course.title, row.active, row.layer
                ),
                "call `Exchange::allocate` in `init`, and come down to `Layer::final_target`",
            ));
        }
    }
    Ok(())
}

/// A method that exchanges connections exchanges those of convolutions too.
pub(super) fn convolutions(course: &Course, run: &Run) -> Result<()> {
    let Some(trained) = &run.trained else { return Ok(()) };
    let changed = |name: &str| {
        let rows = trained.layers.iter().filter(|row| row.layer == name);
        rows.map(|row| row.born + row.dropped).sum::<u64>()
    };
    let sparse = |row: &&dst_core::record::LayerRecord| row.epoch == 0 && row.active >= 16;
    let sparse = trained.layers.iter().filter(sparse).filter(|row| row.active < row.size);
    let (convolutions, matrices): (Vec<_>, Vec<_>) =
        sparse.partition(|row| row.shape.matches('x').count() == 3);
    let still = convolutions.iter().find(|row| changed(&row.layer) == 0);
    let busy = matrices.iter().find(|row| changed(&row.layer) > 0);
    let (Some(still), Some(busy)) = (still, busy) else { return Ok(()) };
    Err(breach(
        format!(
            "no connection of the convolution {} (weights {}) ever changed in {}, while {} \
             exchanged {}: the method fits linear weights only",
            still.layer,
            still.shape,
            course.title,
            busy.layer,
            changed(&busy.layer)
        ),
        "treat weights `[out, in]` and `[out, in, height, width]` alike",
    ))
}

/// The toy task is learnt, and something changed if something was foreseen.
pub(super) fn learning(foreseen: &Estimate, run: &Run) -> Result<()> {
    let Some(trained) = &run.trained else { return Ok(()) };
    let losses: Vec<f64> = trained.history.iter().map(|epoch| epoch.train_loss).collect();
    let validation = trained.outcome.validation;
    if losses.last() >= losses.first() || validation.accuracy <= Some(0.6) {
        return Err(breach(
            format!(
                "the toy task is not learnt: losses {losses:.3?}, accuracy on validation {:?}",
                validation.accuracy
            ),
            "look at what becomes of weights and batches: do updates take the place of too many \
             steps?",
        ));
    }
    let next = "give `check` a config that updates every few steps, such as \
                `interval: Span::Steps(5)`";
    match foreseen.updates {
        Forecast::Exactly(0) | Forecast::AtMost(0) => Err(breach(
            "the hooks never changed anything: `updates()` foresees no update in a training of 60 \
             steps, so that the contract saw nothing of the method",
            next,
        )),
        Forecast::Exactly(updates) | Forecast::AtMost(updates)
            if trained.layers.iter().all(|row| row.born + row.dropped == 0) =>
        {
            Err(breach(
                format!(
                    "the hooks never changed anything: of {} none dropped or grew a connection",
                    counted(updates, "update")
                ),
                "check the counts and the scores of an update",
            ))
        }
        _ => Ok(()),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
