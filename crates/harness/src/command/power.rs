//! `harness power`

mod pilot;
mod plan;

use std::fmt::Write;
use std::path::Path;

use dst_analysis::{Analysis, Margin, PrimaryTest};
use dst_core::plugin::{Plugin, StrategyPlugin};
use dst_core::{Error, Metric, Result};
use dst_settings::{ResolvedSettings, axis};
use serde_json::{Value, json};

use super::readable;
use crate::cli::PowerArgs;
use crate::flags;
use crate::output;
use crate::progress::span;
use crate::table::{Column, TerminalTable};
use crate::text::wrapped;
use dst_executor::Exit;
use dst_store::Store;
use pilot::Pilot;
use plan::{PilotPlan, Plan, PowerFlags, Question, SD_LEVEL, SEEDS};

/// A candidate with what is asked of it and its plan, or why there is none.
struct PlannedCandidate {
    pilot: Pilot,
    plan: Result<(Question, PilotPlan), String>,
}

impl PlannedCandidate {
    /// # Errors
    /// If nothing can be planned for such a question.
    fn new(pilot: Pilot, flags: &PowerFlags, analysis: &Analysis) -> Result<Self> {
        let Some(margin) = pilot.margin else {
            let why = "its margin is relative to what the control scores above chance, which the \
                       pilot does not tell";
            return Ok(Self { pilot, plan: Err(why.to_owned()) });
        };
        let question = Question::new(flags, margin, pilot.family, analysis)?;
        let plan = PilotPlan::new(&pilot.differences, &question).map(|plan| (question, plan));
        Ok(Self { pilot, plan })
    }

    fn question(&self) -> Option<&Question> {
        self.plan.as_ref().ok().map(|(question, _)| question)
    }
}

pub(super) fn run(args: &PowerArgs) -> Result<Exit> {
    let resolved = ResolvedSettings::of_process(None, flags::analysis(&args.analysis)?)?;
    let flags = PowerFlags {
        effect: number("--effect", args.effect.as_deref())?,
        power: number("--power", args.power.as_deref())?.unwrap_or(0.8),
        comparisons: count_of("--comparisons", args.comparisons.as_deref())?,
    };
    if let Some(sd) = number("--sd", args.sd.as_deref())? {
        let analysis = resolved.analysis()?;
        let question = Question::new(&flags, absolute(analysis.margin)?, 1, &analysis)?;
        let plan = Plan::new(sd, &question).map_err(|error| error.at("--sd"))?;
        if args.json {
            output::print_json(&json!({ "question": question, "plan": plan }))?;
        } else {
            output::print(&stated_text(&plan, &question))?;
        }
        return Ok(Exit::Success);
    }
    let Some(root) = &args.pilot else {
        return Err(Error::usage("neither --pilot nor --sd is given")
            .hint("--pilot runs takes the spread from the trials of a store; --sd 0.004 says it"));
    };
    let store = Store::open(root).map_err(|error| {
        error.at("--pilot").hint("give the folder of a grid of a few seeds, such as runs")
    })?;
    let latest = readable::grids(&store)?.pop();
    let recorded = latest.as_ref().map(|grid| grid.analysis.clone()).unwrap_or_default();
    let analysis = resolved.analysis_over(recorded)?;
    let mut records = readable::records(&store)?;
    if let Some(grid) = latest.filter(|_| !args.all) {
        let ended = records.len();
        pilot::keep_compared_by(&grid, &store, &mut records);
        if records.len() < ended {
            output::note(&format!(
                "note: left out: {} that the latest grid of {} does not compare; --all counts them in",
                dst_analysis::format::count(ended - records.len(), "trial"),
                root.display()
            ));
        }
    }
    if records.is_empty() {
        return Err(Error::usage(format!("{} has no trial that ended", root.display())).hint(
            "a pilot is a grid of a few seeds: harness grid --strategies rigl,dense --seeds 0..6",
        ));
    }
    let mut pilots = pilot::differences(&records, &analysis)?;
    if let Some(names) = &args.strategies {
        let names = chosen(names)?;
        pilots.retain(|pilot| names.contains(&pilot.strategy));
    }
    let planned: Vec<PlannedCandidate> = pilots
        .into_iter()
        .map(|pilot| PlannedCandidate::new(pilot, &flags, &analysis))
        .collect::<Result<_>>()?;
    if planned.iter().all(|planned| planned.plan.is_err()) {
        return Err(useless(root, &planned));
    }
    if args.json {
        let pilots: Vec<Value> = planned.iter().map(json).collect();
        output::print_json(&json!({
            "sd_interval_level": SD_LEVEL,
            "pilots": pilots,
        }))?;
    } else {
        output::print(&pilot_text(&planned))?;
    }
    Ok(Exit::Success)
}

fn number(flag: &str, text: Option<&str>) -> Result<Option<f64>> {
    text.map(|text| {
        text.trim().parse().map_err(|_| {
            Error::usage(format!("'{text}' is not a number"))
                .at(flag)
                .hint("give one in units of the metric, such as 0.005 for half a point")
        })
    })
    .transpose()
}

fn count_of(flag: &str, text: Option<&str>) -> Result<Option<usize>> {
    text.map(|text| match text.trim().parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Error::usage(format!("'{text}' is not a whole number from 1 on")).at(flag)),
    })
    .transpose()
}

/// A margin where no control is known.
fn absolute(margin: Margin) -> Result<f64> {
    match margin {
        Margin::Absolute(margin) => Ok(margin),
        Margin::Relative(_) => Err(Error::usage(format!(
            "a margin of {margin} is a share of what the control scores above chance, which --sd does \
             not tell"
        ))
        .at("--margin")
        .hint("give a margin in units of the metric, such as 0.005, or a pilot")),
    }
}

/// Names of strategies that exist.
fn chosen(text: &str) -> Result<Vec<String>> {
    axis::pieces(text)
        .into_iter()
        .map(|name| StrategyPlugin::find(name).map(|plugin| plugin.name.to_owned()))
        .collect::<Result<_>>()
        .map_err(|error| error.at("--strategies"))
}

/// No candidate can be planned.
fn useless(root: &Path, planned: &[PlannedCandidate]) -> Error {
    let error = Error::usage(match planned {
        [] => format!("{} has no such strategy beside a control", root.display()),
        _ => format!("{} tells nothing of spreads", root.display()),
    });
    let reasons = planned.iter().filter_map(|PlannedCandidate { pilot, plan }| {
        let reason = plan.as_ref().err()?;
        Some(format!("{} against {} on {}: {reason}", pilot.candidate, pilot.control, pilot.place))
    });
    let error = error.hint(
        "a pilot needs some seeds of a strategy and of its control, dense unless --control names \
         another",
    );
    reasons.fold(error, |error, reason| error.also(&reason))
}

/// What is planned for, in two sentences.
fn question_text(question: &Question, metric: Option<Metric>) -> String {
    let Question { effect, margin, power, alpha, comparisons, level, .. } = question;
    let test = match question.test {
        PrimaryTest::PairedT => "paired t test",
        PrimaryTest::Wilcoxon => "Wilcoxon test",
        PrimaryTest::SignFlips => "test of sign flips",
    };
    let mut text = format!(
        "Seeds to detect a difference of {effect} with probability {power} by a two-sided {test}"
    );
    if *margin > 0.0 {
        let _ = write!(
            text,
            ", and to show by a one-sided one that what is as good as the control is no worse within \
             a margin of {margin}"
        );
    }
    let _ = match comparisons {
        1 => write!(text, ", at alpha {alpha}"),
        several => write!(
            text,
            ". Each of {several} comparisons with the control is tested at a level of {}, so that \
             false claims among all of them stay below alpha {alpha}",
            significant(*level)
        ),
    };
    if let Some(approximation) = approximation(question.test) {
        let _ = write!(text, ". {approximation}");
    }
    text.push_str(match metric {
        Some(Metric::Accuracy) => ". All are in units of the metric: 0.005 is half a point.",
        Some(Metric::LogLikelihood) => {
            ". All are in units of the log-likelihood: 0.005 is half a percent of the perplexity."
        }
        Some(_) => ". All are in units of the metric.",
        None => ". All are in units of the metric: of an accuracy, 0.005 is half a point.",
    });
    wrapped(&text, "", output::text_width())
}

/// How tests without a formula of their own are planned.
fn approximation(test: PrimaryTest) -> Option<&'static str> {
    match test {
        PrimaryTest::PairedT => None,
        PrimaryTest::Wilcoxon => Some(
            "Its power is taken for that of a t test with 3/pi = 0.955 of the pairs, as holds for many \
             pairs and normal differences",
        ),
        PrimaryTest::SignFlips => Some(
            "Its power is taken for that of a t test, as holds for many pairs and normal differences",
        ),
    }
}

fn floor(question: &Question) -> String {
    let among = match question.comparisons {
        1 => "decide anything".to_owned(),
        several => format!("decide anything among {several} comparisons"),
    };
    format!(
        "With fewer than {} seeds the exact tests (Wilcoxon, sign flips) can never {among}.",
        question.exact_tests_from
    )
}

fn stated_text(plan: &Plan, question: &Question) -> String {
    let mut seeds = TerminalTable::new(&["sd", "seeds", "no worse"]);
    seeds.row([significant(plan.sd), count(plan.seeds), no_worse(plan, question)]);
    let mut detectable = detectable_table();
    detectable.row(detectable_row(&format!("sd {}", significant(plan.sd)), plan));
    let notes = wrapped(&floor(question), "", output::text_width());
    format!("{}\n{seeds}\n{detectable}\n{notes}", question_text(question, None))
}

/// The smallest differences that so many seeds detect.
fn detectable_table() -> TerminalTable {
    let seeds = SEEDS.iter().map(|seeds| format!("{seeds} seeds"));
    let header: Vec<String> =
        std::iter::once("smallest difference with".to_owned()).chain(seeds).collect();
    TerminalTable::new(&header.iter().map(String::as_str).collect::<Vec<_>>())
}

fn detectable_row(name: &str, plan: &Plan) -> Vec<String> {
    let differences = plan.detectable.iter().map(|row| significant(row.difference));
    std::iter::once(name.to_owned()).chain(differences).collect()
}

fn pilot_text(planned: &[PlannedCandidate]) -> String {
    // What is asked is the same everywhere, unless margins or families differ.
    let mut questions: Vec<&Question> =
        planned.iter().filter_map(PlannedCandidate::question).collect();
    questions.dedup();
    let mut metrics: Vec<Metric> = planned.iter().map(|planned| planned.pilot.metric).collect();
    metrics.dedup();
    let shared = match metrics[..] {
        [one] => Some(one),
        _ => None,
    };
    let mut text = match questions[..] {
        [one] => question_text(one, shared),
        _ => String::new(),
    };
    for here in planned.chunk_by(|first, second| first.pilot.place == second.pilot.place) {
        let pilot = &here[0].pilot;
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}, {}", pilot.place, pilot.metric.title());
        if questions.len() > 1
            && let Some(question) = here.iter().find_map(PlannedCandidate::question)
        {
            let floor = wrapped(&floor(question), "", output::text_width());
            let _ = writeln!(text, "{}{floor}", question_text(question, Some(pilot.metric)));
        }
        text.push_str(&place_text(here));
    }
    let level = 100.0 * SD_LEVEL;
    let mut notes = vec![format!(
        "sd: standard deviation of the differences between pairs of one seed, with its {level} % \
             interval. Few seeds say little of it: \"high sd\" plans with the upper end, which the true \
             one exceeds in 1 pilot of 20 if differences are normal."
    )];
    if let [one] = questions[..] {
        notes.push(floor(one));
    }
    text.push('\n');
    for note in notes {
        text.push_str(&wrapped(&note, "", output::text_width()));
    }
    text
}

/// The candidates of one data set, model and training.
fn place_text(here: &[PlannedCandidate]) -> String {
    let mut seeds = TerminalTable::new(&[
        Column::new("strategy"),
        Column::detail("control"),
        Column::new("pairs"),
        Column::new("sd"),
        Column::detail("interval"),
        Column::new("seeds"),
        Column::new("seeds, high sd"),
        Column::new("no worse"),
        Column::new("no worse, high sd"),
        Column::detail("more training"),
    ]);
    let mut detectable = detectable_table();
    let mut gaps = String::new();
    for PlannedCandidate { pilot, plan } in here {
        let (question, plan) = match plan {
            Ok(both) => both,
            Err(reason) => {
                let words = format!("{}: {reason}", pilot.candidate);
                gaps.push_str(&wrapped(&words, "", output::text_width()));
                continue;
            }
        };
        let PilotPlan { pairs, sd_interval: [low, high], estimate, careful } = plan;
        seeds.row([
            pilot.candidate.clone(),
            pilot.control.clone(),
            pairs.to_string(),
            significant(estimate.sd),
            format!("[{}, {}]", significant(*low), significant(*high)),
            count(estimate.seeds),
            count(careful.seeds),
            no_worse(estimate, question),
            no_worse(careful, question),
            more_seconds(pilot, plan).map_or_else(String::new, span),
        ]);
        detectable.row(detectable_row(&pilot.candidate, estimate));
    }
    let mut text = String::new();
    if !seeds.is_empty() {
        let _ = write!(text, "{seeds}\n{detectable}");
    }
    if let Some((count, seconds)) = all_seconds(here) {
        let words = format!(
            "{count} seeds of every strategy here and its control: {} more of training, one trial after \
             the other, and the time to start each of them and to load its data",
            span(seconds)
        );
        let _ = write!(text, "\n{}", wrapped(&words, "", output::text_width()));
    }
    if !gaps.is_empty() {
        let _ = write!(text, "\n{gaps}");
    }
    text
}

/// Time to train the seeds that a candidate lacks, and its control's.
fn more_seconds(pilot: &Pilot, plan: &PilotPlan) -> Option<f64> {
    let [candidate, control] = pilot.seconds;
    let more = plan.estimate.seeds?.saturating_sub(plan.pairs);
    Some(more as f64 * (candidate? + control?))
}

/// The most seeds that any candidate of a place needs, and the time to train what all lack; a
/// control that several share is trained once.
fn all_seconds(here: &[PlannedCandidate]) -> Option<(usize, f64)> {
    let plans = || {
        here.iter()
            .filter_map(|PlannedCandidate { pilot, plan }| Some((pilot, &plan.as_ref().ok()?.1)))
    };
    let most = plans().map(|(_, plan)| plan.estimate.seeds).collect::<Option<Vec<_>>>()?;
    let most = most.into_iter().max()?;
    let mut controls: Vec<&str> = Vec::new();
    let mut seconds = 0.0;
    for (pilot, plan) in plans() {
        let more = most.saturating_sub(plan.pairs) as f64;
        seconds += more * pilot.seconds[0]?;
        if !controls.contains(&pilot.control.as_str()) {
            controls.push(&pilot.control);
            seconds += more * pilot.seconds[1]?;
        }
    }
    (seconds > 0.0).then_some((most, seconds))
}

fn json(PlannedCandidate { pilot, plan }: &PlannedCandidate) -> Value {
    let Pilot { place, metric, strategy, candidate, control, differences, seconds, .. } = pilot;
    let (question, planned) = plan.as_ref().ok().map(|(question, plan)| (question, plan)).unzip();
    json!({
        "place": place,
        "metric": metric,
        "strategy": strategy,
        "candidate": candidate,
        "control": control,
        "differences": differences,
        "train_seconds": { "candidate": seconds[0], "control": seconds[1] },
        "question": question,
        "plan": planned,
        "more_train_seconds": planned.and_then(|plan| more_seconds(pilot, plan)),
        "no_plan": plan.as_ref().err(),
    })
}

fn count(seeds: Option<usize>) -> String {
    seeds.map_or_else(|| "over 10 million".to_owned(), |seeds| seeds.to_string())
}

fn no_worse(plan: &Plan, question: &Question) -> String {
    if question.margin > 0.0 { count(plan.seeds_no_worse) } else { "margin is 0".to_owned() }
}

/// Three digits that count, without an exponent.
fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (2.0 - value.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(differences: &[f64], candidate: &str) -> PlannedCandidate {
        among(1, Some(0.004), differences, candidate)
    }

    fn among(
        family: usize,
        margin: Option<f64>,
        differences: &[f64],
        candidate: &str,
    ) -> PlannedCandidate {
        let pilot = Pilot {
            place: "digits, mlp".to_owned(),
            metric: Metric::Accuracy,
            margin,
            family,
            strategy: candidate.to_owned(),
            candidate: candidate.to_owned(),
            control: "dense".to_owned(),
            differences: differences.to_vec(),
            seconds: [Some(60.0), Some(30.0)],
        };
        let flags = PowerFlags { effect: None, power: 0.8, comparisons: None };
        PlannedCandidate::new(pilot, &flags, &Analysis::default()).unwrap()
    }

    #[test]
    fn a_shared_control_is_trained_once() {
        let spread = [0.003, -0.005, 0.004, -0.002];
        let here = [planned(&spread, "rigl"), planned(&spread, "set")];
        let plan = &here[0].plan.as_ref().unwrap().1;
        let needed = plan.estimate.seeds.unwrap();
        let more = (needed - 4) as f64;
        assert_eq!(more_seconds(&here[0].pilot, plan), Some(more * 90.0));
        assert_eq!(all_seconds(&here), Some((needed, more * 150.0)));
    }

    #[test]
    fn a_candidate_that_cannot_be_planned_has_a_reason() {
        let here = [planned(&[0.003, -0.005, 0.004], "rigl"), planned(&[0.1], "set")];
        let text = pilot_text(&here);
        assert!(text.contains("\nset: 1 pair of seeds: a standard deviation needs 2\n"), "{text}");
        assert!(text.contains("digits, mlp, accuracy\nstrategy"), "{text}");
        assert!(text.contains("With fewer than 6 seeds the exact tests"), "{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("within a margin of 0.004, at alpha 0.05."), "{text}");
    }

    #[test]
    fn a_family_is_told_with_its_level_and_its_floor() {
        let spread = [0.003, -0.005, 0.004, -0.002];
        let text = pilot_text(&[among(12, Some(0.004), &spread, "rigl")]);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let level = "Each of 12 comparisons with the control is tested at a level of";
        assert!(words.contains(level), "{text}");
        assert!(text.contains("0.00417"), "{text}");
        let floor = "With fewer than 9 seeds the exact tests (Wilcoxon, sign flips) can never decide \
                     anything among 12\ncomparisons.";
        assert!(text.contains(floor), "{text}");
        // Where margins differ, each place says its own.
        let other = |margin| among(12, margin, &spread, "set");
        let text = pilot_text(&[among(12, Some(0.004), &spread, "rigl"), other(Some(0.02))]);
        assert!(text.contains("a difference of 0.004"), "{text}");
        let unknown = other(None);
        assert!(unknown.plan.unwrap_err().contains("relative to what the control scores"));
    }

    #[test]
    fn headings_are_the_same_with_and_without_a_pilot() {
        let here = [planned(&[0.003, -0.005, 0.004, -0.002], "rigl")];
        let (question, plan) = here[0].plan.as_ref().unwrap();
        for text in [pilot_text(&here), stated_text(&plan.estimate, question)] {
            let heading = "smallest difference with  5 seeds  10 seeds  20 seeds  30 seeds\n";
            assert!(text.contains(heading), "{text}");
        }
    }

    #[test]
    fn a_relative_margin_needs_a_control() {
        assert_eq!(absolute(Margin::Absolute(0.01)).unwrap(), 0.01);
        let error = absolute(Margin::Relative(0.02)).unwrap_err().to_string();
        assert!(error.starts_with("--margin: a margin of 2 % is a share"), "{error}");
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let texts = [0.0041234, 12.345, 0.5, 1234.5, 0.0].map(significant);
        assert_eq!(texts, ["0.00412", "12.3", "0.500", "1234", "0"]);
    }
}
