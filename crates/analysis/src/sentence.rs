//! Verdicts in words.

use dst_record::Metric;
use dst_stats::verdict::{Reason, Verdict};

use crate::comparison::Comparison;
use crate::format::{count, difference, end, level, margin, points};
use crate::judgement::{Judgement, test};
use crate::settings::Analysis;

/// A verdict as people read it.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NotComparable => "not comparable",
        other => other.name(),
    }
}

/// The verdict of one comparison with the numbers that it rests on, in one to four sentences that can
/// be quoted by themselves.
pub fn sentence(
    judgement: &Judgement<'_>,
    comparison: &Comparison<'_>,
    analysis: &Analysis,
    post_hoc: bool,
) -> String {
    Words { judgement, comparison, analysis, post_hoc, quoted: true }.say()
}

/// The same where the verdicts of a family stand together, and what they are corrected for is said
/// once.
pub(crate) fn sentence_of_family(
    judgement: &Judgement<'_>,
    comparison: &Comparison<'_>,
    analysis: &Analysis,
    post_hoc: bool,
) -> String {
    Words { judgement, comparison, analysis, post_hoc, quoted: false }.say()
}

/// What all verdicts of a family are corrected for: `corrected for 12 comparisons`.
pub(crate) fn corrected_for(judgement: &Judgement<'_>, analysis: &Analysis) -> String {
    let among = count(judgement.family, "comparison");
    match analysis.correction {
        crate::Multiplicity::None => format!("not corrected for {among}"),
        _ => format!("corrected for {among}"),
    }
}

/// Why a verdict is open, as a clause, if there is another reason than what the scores are.
pub(crate) fn why_open(
    judgement: &Judgement<'_>,
    comparison: &Comparison<'_>,
    analysis: &Analysis,
) -> Option<String> {
    Words { judgement, comparison, analysis, post_hoc: false, quoted: false }.why_open()
}

/// Such as `3 of 4 trials failed`, of the seeds that are judged and both sides.
pub(crate) fn failed_trials(judgement: &Judgement<'_>, comparison: &Comparison<'_>) -> String {
    let counts = comparison.counts.unwrap_or_default();
    let failed = counts.candidate_failed + counts.control_failed;
    format!("{failed} of {} failed", count(2 * judgement.judged_seeds.len(), "trial"))
}

/// One comparison and what its sentence needs.
struct Words<'a> {
    judgement: &'a Judgement<'a>,
    comparison: &'a Comparison<'a>,
    analysis: &'a Analysis,
    post_hoc: bool,
    /// Must it say what it is corrected for?
    quoted: bool,
}

impl Words<'_> {
    fn say(&self) -> String {
        let (place, candidate) = (self.place(), &self.comparison.candidate.label);
        let control = self.comparison.control_label();
        let verdict = self.comparison.verdict;
        let on = format!("On {place}, {candidate}");
        let margin_is_0 = self.allowed() == 0.0;
        let main = match verdict {
            Verdict::NotComparable => {
                let reason = self.comparison.not_comparable.as_deref().unwrap_or("unknown");
                return format!("{on} is not judged: {reason}.");
            }
            Verdict::Superior => {
                format!(
                    "{on} scores higher than {control}: {}, between {} and {} allowing for chance",
                    self.on_average(),
                    self.lower(),
                    self.upper()
                )
            }
            Verdict::NonInferior => format!(
                "{on} stays within the {} of loss allowed {} against {control}: {}, {} at worst \
                 allowing for chance",
                self.margin(),
                self.when(),
                self.on_average(),
                self.lower()
            ),
            Verdict::Worse if margin_is_0 => format!(
                "{on} scores lower than {control}: {}, between {} and {} allowing for chance",
                self.on_average(),
                self.lower(),
                self.upper()
            ),
            Verdict::Worse => format!(
                "{on} scores lower than {control}: {}, between {} and {} allowing for chance; whether \
                 it loses more than the {} allowed {} is open",
                self.on_average(),
                self.lower(),
                self.upper(),
                self.margin(),
                self.when()
            ),
            Verdict::Inferior if margin_is_0 => format!(
                "{on} scores lower than {control}: {}, at least {} lower allowing for chance",
                self.on_average(),
                self.least_loss()
            ),
            Verdict::Inferior => format!(
                "{on} loses more than the {} allowed {} against {control}: {}, at least {} allowing \
                 for chance",
                self.margin(),
                self.when(),
                self.on_average(),
                self.least_loss()
            ),
            Verdict::Inconclusive => return self.inconclusive(),
        };
        let mut text = format!("{main} {}.", self.corrected());
        if verdict == Verdict::NonInferior {
            text.push_str(match self.comparison.loss_shown {
                true => " A small loss is shown.",
                false => " Whether it is better or slightly worse is open.",
            });
        }
        text.push_str(&self.about_failures());
        text
    }

    fn why_open(&self) -> Option<String> {
        let planned = self.judgement.planned_seeds;
        Some(match self.comparison.reason? {
            Reason::NotYet => format!(
                "{} of {} have run; the first verdict comes at {}",
                self.ended(),
                count(planned, "seed"),
                self.analysis.looks.first().copied().unwrap_or(planned)
            ),
            Reason::NoPairs => "no seed finished on both sides".to_owned(),
            Reason::OnePair => "one pair of seeds has no spread to judge it by".to_owned(),
            Reason::TooFewPairs => format!(
                "{} of seeds finished, and a test needs {}",
                count(self.comparison.n(), "pair"),
                self.analysis.minimum_pairs
            ),
            Reason::Identical => "scores are the same at every seed".to_owned(),
            Reason::NoVariance => {
                "the difference is the same at every seed, and without spread there is no t test"
                    .to_owned()
            }
            Reason::Floor => format!(
                "with {} the test can never decide among {}",
                count(self.comparison.n(), "seed"),
                count(self.judgement.family, "comparison")
            ),
            Reason::Failures => {
                let failed = failed_trials(self.judgement, self.comparison);
                match self.pairs_left() {
                    Some(left) => format!("{failed}; {left}"),
                    None => format!("{failed}, which counts against a claim"),
                }
            }
            _ => return None,
        })
    }

    fn inconclusive(&self) -> String {
        let (place, candidate) = (self.place(), &self.comparison.candidate.label);
        let control = self.comparison.control_label();
        let why = self.why_open().unwrap_or_default();
        let between = format!("between {candidate} and {control} on {place}");
        match self.comparison.reason {
            Some(Reason::NotYet) => return format!("Nothing is decided yet {between}: {why}."),
            Some(Reason::NoPairs | Reason::OnePair | Reason::TooFewPairs) => {
                let failures = self.about_failures();
                return format!("Nothing can be said {between}: {why}.{failures}");
            }
            Some(Reason::Identical) => {
                return format!(
                    "{candidate} and {control} scored the same on {place} at every seed, as when a \
                     method did nothing."
                );
            }
            Some(Reason::NoVariance) => {
                return format!(
                    "Nothing can be said {between}: the difference is {} at every seed, and without \
                     spread there is no t test.",
                    self.estimate()
                );
            }
            _ => {}
        }
        let mut text = match self.comparison.n() {
            0 => {
                return format!(
                    "Nothing can be said {between}: no seed finished on both sides.{}",
                    self.about_failures()
                );
            }
            1 => format!("1 seed does not decide {between}"),
            seeds => format!("{seeds} seeds do not decide {between}"),
        };
        if self.comparison.estimate.is_some() {
            text.push_str(&format!(": {}", self.average()));
        }
        if self.comparison.evidence.is_some() {
            text.push_str(&format!(", and {} fits {}", self.anything(), self.corrected()));
        }
        text.push_str(". This does not show that they are alike.");
        if self.comparison.reason == Some(Reason::Floor) {
            text.push_str(&format!(
                " With {} this test can never decide among {}; it needs {}.",
                count(self.comparison.n(), "seed"),
                count(self.judgement.family, "comparison"),
                self.fewest()
            ));
        }
        text.push_str(&self.about_failures());
        text
    }

    /// How few pairs of seeds are left, if they are too few for a test.
    fn pairs_left(&self) -> Option<String> {
        let (left, least) = (self.comparison.n(), self.analysis.minimum_pairs);
        let are = if left == 1 { "is" } else { "are" };
        (left < least).then(|| {
            format!("{} of seeds {are} left, and a test needs {least}", count(left, "pair"))
        })
    }

    /// What the failures did, if there were any.
    fn about_failures(&self) -> String {
        let Some(without) = self.comparison.without_failed else { return String::new() };
        if self.comparison.reason != Some(Reason::Failures) {
            return String::new();
        }
        let counts = self.comparison.counts.unwrap_or_default();
        let seeds = self.judgement.judged_seeds.len();
        let sides = [
            (&*self.comparison.candidate.label, counts.candidate_failed),
            (self.comparison.control_label(), counts.control_failed),
        ];
        let failed: Vec<String> = sides
            .into_iter()
            .filter(|(_, failed)| *failed > 0)
            .map(|(label, failed)| format!("{label} failed in {failed} of {}", count(seeds, "run")))
            .collect();
        // The same settings would fail again.
        let advice = "Training them otherwise (another learning rate, smaller batches, more epochs) \
                      may help.";
        // What nothing is left of has no verdict.
        if self.comparison.n() == 0 {
            return format!(" {}. {advice}", failed.join(", "));
        }
        if let Some(left) = self.pairs_left() {
            return format!(" {}; {left}. {advice}", failed.join(", "));
        }
        let those =
            if counts.candidate_failed + counts.control_failed == 1 { "that one" } else { "those" };
        format!(
            " {}; without {those} it would be {}. {advice}",
            failed.join(", "),
            verdict(without)
        )
    }

    fn place(&self) -> &str {
        &self.judgement.table.place
    }

    fn metric(&self) -> Metric {
        self.comparison.metric
    }

    fn allowed(&self) -> f64 {
        self.judgement.margin.unwrap_or(0.0)
    }

    fn margin(&self) -> String {
        format!("{}{}", margin(self.metric(), self.allowed()), points(self.metric()))
    }

    /// Only what was fixed before the runs was allowed beforehand.
    fn when(&self) -> &'static str {
        if self.post_hoc { "afterwards" } else { "beforehand" }
    }

    fn estimate(&self) -> String {
        let metric = self.metric();
        // A metric that is not accuracy is named where its numbers stand.
        let name = match metric {
            Metric::Accuracy => String::new(),
            Metric::LogLikelihood => {
                let times = self.comparison.estimate.map_or(1.0, |value| (-value).exp());
                format!(" of log-likelihood (perplexity × {times:.3})")
            }
            other => format!(" of {}", other.title()),
        };
        self.comparison.estimate.map_or_else(String::new, |value| {
            format!("{}{}{name}", difference(metric, value), points(metric))
        })
    }

    fn average(&self) -> String {
        let kind = match self.analysis.test {
            crate::PrimaryTest::Wilcoxon => "in the median of averages",
            _ => "on average",
        };
        format!("{} {kind}", self.estimate())
    }

    fn on_average(&self) -> String {
        format!("{} over {}", self.average(), count(self.comparison.n(), "seed"))
    }

    fn lower(&self) -> String {
        self.comparison
            .evidence
            .map_or_else(String::new, |e| end(self.metric(), e.interval.lower, self.allowed()))
    }

    fn upper(&self) -> String {
        self.comparison
            .evidence
            .map_or_else(String::new, |e| end(self.metric(), e.interval.upper, self.allowed()))
    }

    /// The loss that is shown, as a positive number.
    fn least_loss(&self) -> String {
        self.upper().trim_start_matches('\u{2212}').to_owned()
    }

    fn anything(&self) -> String {
        let Some(evidence) = self.comparison.evidence else { return String::new() };
        match (evidence.interval.lower.is_finite(), evidence.interval.upper.is_finite()) {
            (true, true) => format!("anything from {} to {}", self.lower(), self.upper()),
            (true, false) => format!("anything above {}", self.lower()),
            (false, true) => format!("anything below {}", self.upper()),
            (false, false) => "anything".to_owned(),
        }
    }

    fn corrected(&self) -> String {
        let at = self.comparison.evidence.map_or(1.0 - self.analysis.alpha, |e| e.level);
        let level = level(at);
        match self.quoted {
            true => format!("({}, level {level})", corrected_for(self.judgement, self.analysis)),
            false => format!("(level {level})"),
        }
    }

    /// Seeds at which everything in the family has ended.
    fn ended(&self) -> usize {
        let groups = &self.judgement.table.groups;
        let pending = |seed: &&u64| groups.iter().any(|group| group.pending.contains(seed));
        self.judgement.table.seeds.iter().filter(|seed| !pending(seed)).count()
    }

    fn fewest(&self) -> u32 {
        let settings = dst_stats::verdict::Settings {
            test: test(self.analysis.test),
            correction: self.analysis.correction.procedure(),
            family: self.judgement.family.max(1),
            ..dst_stats::verdict::Settings::default()
        };
        settings.fewest_pairs(self.judgement.alpha.unwrap_or(self.analysis.alpha)).unwrap_or(0)
    }
}
