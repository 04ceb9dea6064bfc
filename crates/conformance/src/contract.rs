//! What every strategy must keep, whatever it does.

mod child;
mod config;
mod course;
mod guard;
mod horizon;
mod judge;

use std::any::Any;
use std::collections::BTreeSet;

use dst_core::plugin::{Plugin, StrategyPlugin};
use dst_core::tch;
use dst_core::{BackendKind, Error, ErrorKind, Forecast, GradientScope, Result, Strategy};
use dst_train::Estimate;

use course::{Course, Network, Record, Run};
use guard::{Guard, Plan, Tape};

/// Sparsity of the trainings that are looked at most closely.
const SPARSITY: f64 = 0.75;

/// Further ones: hooks must not fail where nothing or nearly everything is pruned.
const SPARSITIES: [f64; 3] = [0.0, 0.5, 0.98];

/// Checks the whole contract on toy tasks; panics with a sentence that names the first breach.
///
/// Config and record:
/// - the config survives a round trip through JSON, an unknown field is refused, and no value of a
///   parameter panics;
/// - the registered record, its schema and its `grid.toml` fit the config.
///
/// Counts and values:
/// - exact counts and exactly zero inactive weights after every commit;
/// - no hook changes the value of an active weight, unless the record says `moves_weights`;
/// - no layer gains connections that another loses, unless it says `redistributes`;
/// - what is kept in slots and numbers stops growing.
///
/// Forecasts:
/// - after every batch the network has the density that `density_at` foresees, up to the rounding of
///   layers; at the end exactly, which is the one that was asked for in the main training, and dense
///   at sparsity 0;
/// - a training of linear layers costs the FLOPs that are estimated beforehand, up to 2 %;
/// - connections change as often as `updates` foresees: what counts is that a hook sets the active
///   set of a layer, be it to what it was;
/// - something changes at all, unless `updates` says that nothing ever does.
///
/// Gradients:
/// - those of inactive weights are read only when announced, also around
///   [`Layer::dense_gradient`](dst_core::Layer::dense_gradient): they are NaN otherwise;
/// - those that are announced are read and have an effect, and the announcement depends on the step
///   alone;
/// - an update that depends on gradients depends on those since the last update.
///
/// State and randomness:
/// - the same seed gives the same training, in this process and in another, and another seed gives
///   another one;
/// - training that was stopped and is resumed in another process, with the config read from JSON,
///   gives what the uninterrupted one gives, bit for bit.
///
/// All this on a network of linear layers with Adam, and resuming also with sparse kernels on one with
/// convolutions; counts, values, forecasts and announcements also at sparsities 0, 0.5 and 0.98, with
/// accumulated and clipped gradients, and on a network with convolutions and a layer of two weights, with
/// SGD with momentum and in bfloat16. There, and not in the main training, a layer may lose all
/// connections, with an error of kind `Collapsed`, and `init` may refuse the highest sparsity with one of
/// kind `Usage` if the record says in `reaches` what it takes.
///
/// The test binary starts itself once more, so this must be called on the thread of a test.
///
/// # Panics
/// If the strategy breaks the contract.
#[track_caller]
pub fn check(strategy: &dyn Strategy) {
    if let Err(breach) = verify(strategy) {
        panic!("{breach}");
    }
}

/// As [`check`], with the breach as an error.
///
/// # Errors
/// If the strategy breaks the contract.
pub fn verify(strategy: &dyn Strategy) -> Result<()> {
    child::serve();
    // The toy networks are too small for more, and tests run side by side.
    tch::set_num_threads(1);
    let name = config::check(strategy)?;
    let plugin = StrategyPlugin::find(&name)?;
    config::check_record(plugin)?;
    let suite = Suite { strategy, plugin };
    suite.check().map_err(|error| error.at(name))
}

/// Checks every strategy that the calling binary links, as [`check`], with its defaults and what its
/// record calls `brief`. Returns those that break the contract, by name.
///
/// # Errors
/// If two linked crates register one name.
pub fn breaches() -> Result<Vec<(&'static str, Error)>> {
    // In the second process there is a job, and nothing else to do.
    child::serve();
    let mut breaches = Vec::new();
    for plugin in StrategyPlugin::all()? {
        let kept = config::in_brief(plugin).and_then(|strategy| verify(&*strategy));
        breaches.extend(kept.err().map(|breach| (plugin.name, breach)));
    }
    Ok(breaches)
}

struct Suite<'a> {
    strategy: &'a dyn Strategy,
    plugin: &'static StrategyPlugin,
}

impl Suite<'_> {
    fn check(&self) -> Result<()> {
        let baseline = self.plugin.baseline;
        let base = Course::base(if baseline { 0.0 } else { SPARSITY });
        let (foreseen, run, tape) = self.guarded_base(&base)?;
        // First, because updates of trainings that differ cannot be counted.
        let record = self.compare(&base, &run)?;
        self.judge(&base, &foreseen, &run, &tape)?;
        judge::learning(&foreseen, &run)?;
        if !judge::reaches_density(&base, &foreseen) {
            return Err(breach(
                format!(
                    "{} ends at density {:.4} instead of {}",
                    base.title,
                    foreseen.final_density,
                    1.0 - base.sparsity
                ),
                "give `check` a config that reaches its density within 60 steps",
            ));
        }
        let stops = stops(&tape);
        self.another_seed(&base, &record)?;
        self.others(base.sparsity)?;
        if !baseline {
            self.sparsities(&run)?;
            self.gradients(&base, run, tape)?;
            if foreseen.updates == Forecast::Never {
                horizon::stays_static(&base, self.strategy)?;
            }
        }
        child::check(self.strategy, &base, &record, &stops)
    }

    /// A copy of the method that has seen nothing yet.
    fn copy(&self) -> Result<Box<dyn Strategy>> {
        config::from_value(&config::to_value(self.strategy)?)
    }

    /// Trains under guard, with gradients that were not announced made unusable. Sparse kernels compute
    /// none, and looking for them would make their weights dense.
    fn guarded(&self, course: &Course) -> Result<(Run, Tape)> {
        let poisons = course.training.backend == BackendKind::Masked;
        self.with_plan(course, Plan { poisons, ..Plan::default() }, None)
    }

    fn with_plan(
        &self,
        course: &Course,
        plan: Plan,
        stop_after: Option<u64>,
    ) -> Result<(Run, Tape)> {
        let plan = Plan { may_move_weights: self.plugin.moves_weights, ..plan };
        let guard = Guard::new(self.copy()?, plan);
        let run = course.run(&guard, None, stop_after);
        Ok((run, guard.into_tape()))
    }

    fn guarded_base(&self, course: &Course) -> Result<(Estimate, Run, Tape)> {
        let (mut run, tape) = self.guarded(course)?;
        let Some(error) = run.failure.take() else {
            return Ok((course.forecast(self.strategy)?, run, tape));
        };
        if tape.is_breach || tape.failed.is_none() {
            return Err(error);
        }
        // Does it fail by itself, or because of the NaNs?
        match self.with_plan(course, Plan::default(), None)?.0.failure {
            Some(error) => Err(breach(
                format!(
                    "`{}` fails in {}: {}",
                    tape.failed.unwrap_or("the training"),
                    course.title,
                    error.one_line()
                ),
                "make the method work on a small network of linear layers first",
            )),
            None => Err(read_around(&error.one_line())),
        }
    }

    fn judge(&self, course: &Course, foreseen: &Estimate, run: &Run, tape: &Tape) -> Result<()> {
        judge::forecasts(course, foreseen, run, tape)?;
        judge::announcements(course, &*self.copy()?, tape)?;
        judge::memory(course, run)?;
        if !self.plugin.redistributes {
            judge::layers(course, run)?;
        }
        judge::fixed_layers(course, foreseen, self.strategy, run)
    }

    /// The training without a guard is the same one; gives its record.
    fn compare(&self, base: &Course, guarded: &Run) -> Result<Record> {
        let plain = || base.run(self.strategy, None, None).finished();
        let record = plain()?;
        let Some(how) = record.departure(&guarded.record) else { return Ok(record) };
        if let Some(how) = record.departure(&plain()?) {
            return Err(breach(
                format!(
                    "two trainings with the same seed in the same process are not the same: {how}"
                ),
                "draw random numbers from `Layer::rng` or `Topology::rng`, not from the clock, and keep \
                 state in slots, not in a static or a field",
            ));
        }
        let (unpoisoned, _) = self.with_plan(base, Plan::default(), None)?;
        match record.departure(&unpoisoned.finished()?) {
            None => Err(read_around(&how)),
            Some(how) => Err(breach(
                format!(
                    "a copy of the config that is read from JSON does not train the same: {how}"
                ),
                "write every field that matters into the config (no #[serde(skip)]), and draw no \
                 random numbers from addresses",
            )),
        }
    }

    fn another_seed(&self, base: &Course, record: &Record) -> Result<()> {
        let other = Course { seed: base.seed + 1, ..base.clone() };
        let other = other.run(self.strategy, None, None).finished()?;
        match record.departure(&other) {
            Some(_) => Ok(()),
            None => Err(breach(
                "another seed gives the same network",
                "draw random numbers from `Layer::rng` or `Topology::rng`",
            )),
        }
    }

    /// Other networks, optimisers and arithmetic.
    fn others(&self, sparsity: f64) -> Result<()> {
        for course in Course::others(sparsity) {
            let Some((foreseen, run, tape)) = self.elsewhere(&course)? else { continue };
            self.judge(&course, &foreseen, &run, &tape)?;
            if course.network == Network::Convolution && sparsity > 0.0 {
                judge::convolutions(&course, &run)?;
            }
            if course.training.backend == BackendKind::Sparse {
                // Compact weights and their moments are saved and restored in another way.
                let record = course.run(self.strategy, None, None).finished()?;
                child::check(self.strategy, &course, &record, &stops(&tape))?;
            }
        }
        Ok(())
    }

    fn sparsities(&self, base: &Run) -> Result<()> {
        let active = |run: &Run| run.counts.last().into_iter().flatten().sum::<usize>();
        for sparsity in SPARSITIES {
            let course = Course::at_sparsity(sparsity);
            let Some((foreseen, run, tape)) = self.elsewhere(&course)? else { continue };
            self.judge(&course, &foreseen, &run, &tape)?;
            if active(&run) == active(base) {
                return Err(breach(
                    format!(
                        "trainings at sparsities {SPARSITY} and {sparsity} both end with {} \
                         connections",
                        active(&run)
                    ),
                    "share `Topology::density` among the layers in `init`, as \
                     `Topology::allocate` does",
                ));
            }
        }
        Ok(())
    }

    /// A training besides the main one; none if the method refuses it.
    fn elsewhere(&self, course: &Course) -> Result<Option<(Estimate, Run, Tape)>> {
        let (mut run, tape) = self.guarded(course)?;
        let Some(error) = run.failure.take() else {
            return Ok(Some((course.forecast(self.strategy)?, run, tape)));
        };
        if tape.is_breach {
            return Err(error);
        }
        if self.may_refuse(course, &tape, &error) {
            return Ok(None);
        }
        let (hook, why) = (tape.failed.unwrap_or("the training"), error.one_line());
        Err(match course.network {
            Network::Convolution if tape.failed.is_some() => breach(
                format!(
                    "`{hook}` fits large linear weights only: in {}, with weights such as \
                     `[8, 1, 3, 3]` and `[2, 1]`: {why}",
                    course.title
                ),
                "treat weights `[out, in]` and `[out, in, height, width]` alike, and layers of two \
                 weights like others",
            ),
            _ if course.sparsity > SPARSITY => breach(
                format!("`{hook}` fails in {}: {why}", course.title),
                "make it work there, or refuse the sparsity in `init` with an error of kind `Usage` \
                 that says what is possible, and say in `reaches` of strategy_plugin! what that is",
            ),
            _ => breach(
                format!("`{hook}` fails in {}: {why}", course.title),
                "make it work there: layers may be dense, small or nearly empty",
            ),
        })
    }

    /// Does an error say that what was asked for is not possible, and may it? No method may refuse a
    /// network for the shape of its weights, nor to prune nothing.
    fn may_refuse(&self, course: &Course, tape: &Tape, error: &Error) -> bool {
        let fixes_layers = self.strategy.exchange().is_some_and(|shared| {
            let ends = shared.dense_first_layer || shared.dense_last_layer;
            ends || !shared.layer_densities.is_empty()
        });
        match error.kind() {
            ErrorKind::Collapsed => tape.failed.is_some(),
            ErrorKind::Usage => {
                let says_so = !self.plugin.reaches.is_empty() && course.sparsity > SPARSITY;
                tape.failed == Some("init") && (fixes_layers || says_so)
            }
            _ => false,
        }
    }

    /// Which gradients an update depends on. A method with few updates is given a longer training.
    fn gradients(&self, base: &Course, run: Run, tape: Tape) -> Result<()> {
        match tape.batches.values().filter(|noted| noted.touched).count() {
            0 => return Ok(()),
            1..6 => {}
            _ => return self.influence(base, &run, &tape),
        }
        let mut longer = base.clone();
        longer.title = format!("a longer {}", base.title.trim_start_matches("a "));
        longer.training.epochs *= 3;
        let (run, tape) = self.guarded(&longer)?;
        if let Some(error) = run.failure {
            return Err(error.at(longer.title));
        }
        self.judge(&longer, &longer.forecast(self.strategy)?, &run, &tape)?;
        self.influence(&longer, &run, &tape)
    }

    /// Shows other gradients to the hooks, and looks at when that changes connections.
    fn influence(&self, base: &Course, run: &Run, tape: &Tape) -> Result<()> {
        // Updates that changed something, by their batch.
        let changing: Vec<u64> = run
            .masks
            .windows(2)
            .filter(|pair| pair[0].1 != pair[1].1)
            .map(|pair| pair[1].0)
            .collect();
        let [first, second, third, ..] = &changing[..] else {
            return Ok(());
        };
        let shown = first + 1..second + 1;
        let other = self.scrambled(base, shown, Some(third + 1))?;
        let differs = |batch: u64| other.mask_after(batch) != run.mask_after(batch);
        let reads = tape.batches.values().any(|noted| noted.reads > 0);
        if !differs(*second) && differs(*third) {
            let step = |batch: &u64| tape.batches.get(batch).map_or(0, |noted| noted.step.index);
            return Err(breach(
                format!(
                    "the update at step {} does not depend on the gradients since the one at step \
                     {}, but the next update does: it uses the gradient of the previous update",
                    step(second),
                    step(first)
                ),
                "read `Layer::dense_gradient` in the update itself, and take a sum of gradients \
                 from its slot when it is used",
            ));
        }
        if !reads {
            return Ok(());
        }
        let batches = run.masks.len() as u64;
        if !differs(*second) {
            let all = self.scrambled(base, 0..batches, None)?;
            if run.record.departure(&all.record).is_none() {
                return Err(breach(
                    "dense gradients are announced and read, but nothing depends on them",
                    "announce none if the method needs none",
                ));
            }
        }
        // In which steps would it have sufficed not to announce?
        let idle: BTreeSet<u64> = tape
            .batches
            .iter()
            .filter(|(_, noted)| {
                noted.scope == GradientScope::All && !noted.touched && !noted.trains_inactive
            })
            .map(|(batch, _)| *batch)
            .collect();
        if idle.is_empty() {
            return Ok(());
        }
        let count = idle.len();
        let all = self.scrambled(base, idle, None)?;
        match run.record.departure(&all.record) {
            Some(_) => Ok(()),
            None => Err(breach(
                format!(
                    "dense gradients are announced and read in {count} steps without an update, but \
                     nothing depends on those"
                ),
                "return `GradientScope::All` from `gradient_scope` only in steps whose gradient is used",
            )),
        }
    }

    fn scrambled(
        &self,
        base: &Course,
        scrambled: impl IntoIterator<Item = u64>,
        stop_after: Option<u64>,
    ) -> Result<Run> {
        let scrambled = scrambled.into_iter().collect();
        let plan = Plan { scrambled, poisons: true, ..Plan::default() };
        let (mut run, _) = self.with_plan(base, plan, stop_after)?;
        match run.failure.take() {
            None => Ok(run),
            Some(error) => Err(error.at("with gradients that are 10,000 times as large")),
        }
    }
}

/// After how many batches trainings are stopped to be resumed: in the middle of an epoch; and before
/// an update, when all that leads to it has been seen.
fn stops(tape: &Tape) -> BTreeSet<u64> {
    let updates: Vec<u64> =
        tape.batches.iter().filter(|(_, noted)| noted.touched).map(|(batch, _)| *batch).collect();
    let middle = updates.get(updates.len() / 2);
    BTreeSet::from_iter([17].into_iter().chain(middle.copied().filter(|batch| *batch > 0)))
}

fn read_around(how: &str) -> Error {
    breach(
        format!(
            "gradients of inactive weights were read around the announcement. With NaN in the place of \
             those that were not announced: {how}"
        ),
        "return `GradientScope::All` from `gradient_scope` for the steps that need them, and read them with \
         `Layer::dense_gradient`; `Layer::active_gradient` needs no announcement",
    )
}

/// What is wrong, and what the author does next.
fn breach(what: impl Into<String>, next: &str) -> Error {
    Error::contract(what).hint(next)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    // libtorch appends a C++ backtrace of dozens of lines, which `unwrap` quotes.
    let first = text.lines().next().unwrap_or_default();
    first.split("\\n").next().unwrap_or_default().to_owned()
}
