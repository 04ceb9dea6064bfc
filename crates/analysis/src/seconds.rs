//! What a table of trials says about measured time: what backends change, what a score costs in
//! seconds, and how soon a method is as good as the control.
//!
//! Times of two trials are divided by one another only where both were measured under like
//! conditions: on one machine, processor and device, with as many threads, and with as many other
//! trials beside them. Seconds are those of training steps, updates of the topology included;
//! evaluation, and what comes before the first step, are not counted.

mod backends;
mod conditions;
mod fronts;
mod ratio;
mod target;

use dst_record::Result;

pub use backends::{BackendComparison, Sameness};
pub(crate) use conditions::Loads;
pub use conditions::{Conditions, Measured, SIMILAR_LOAD};
pub use fronts::{Clock, TimeCost, TimeFront};
pub use ratio::TimeRatio;
pub use target::{Reached, SeedTarget, Target, TimeToTarget};

use crate::{Analysis, Judgement};

/// What a table of trials says about measured time.
#[derive(Debug, Clone)]
pub struct Seconds<'t> {
    /// Methods that were trained on several backends, by group.
    pub backends: Vec<BackendComparison<'t>>,
    /// The largest difference at which backends count as equivalent, in the unit of the metric; none if
    /// a relative margin could not be worked out.
    pub equivalence_margin: Option<f64>,
    /// Scores against seconds of training.
    pub training: TimeFront<'t>,
    /// Scores against milliseconds of inference for one sample.
    pub inference: TimeFront<'t>,
    /// How soon trainings are as good as the control.
    pub target: Target<'t>,
}

impl<'t> Seconds<'t> {
    /// What the trials of a judged table say.
    ///
    /// # Errors
    /// If a score is no number.
    pub(crate) fn new(
        judgement: &Judgement<'t>,
        chance: Option<f64>,
        loads: &Loads<'t>,
        analysis: &Analysis,
    ) -> Result<Self> {
        let controls: Vec<_> =
            judgement.groups().filter(|group| judgement.is_control(group)).collect();
        let margin = |asked| crate::judgement::margin(asked, &controls, chance);
        let equivalence_margin = margin(analysis.equivalence_margin).ok();
        Ok(Self {
            backends: backends::comparisons(judgement, equivalence_margin, loads, analysis)?,
            equivalence_margin,
            training: TimeFront::new(judgement, Clock::Training, loads, analysis),
            inference: TimeFront::new(judgement, Clock::Inference, loads, analysis),
            target: Target::new(judgement, margin(analysis.target_margin), loads, analysis),
        })
    }

    /// What of a table nobody has judged yet says: nothing.
    pub(crate) fn none() -> Self {
        Self {
            backends: Vec::new(),
            equivalence_margin: None,
            training: TimeFront::empty(Clock::Training),
            inference: TimeFront::empty(Clock::Inference),
            target: Target::empty(),
        }
    }
}
