//! Can a result be true? What a trial measures is bounded, and some of it can be counted again.

use dst_record::record::{Outcome, Scores, TrialSpec};
use dst_record::{Confusion, Error, Metric, Result};

use crate::TrialResult;

/// How far a score may be from the one that is counted again: rounding, in whatever order.
const ROUNDING: f64 = 1e-9;

/// Refuses a result that cannot be.
///
/// # Errors
/// Names the number and why it cannot be.
pub(crate) fn result(result: &TrialResult) -> Result<()> {
    let Some(outcome) = &result.outcome else { return Ok(()) };
    outcome_is_possible(outcome)?;
    confusion_is_square(&result.confusion)?;
    if !result.confusion.is_empty() {
        let confusion = Confusion { counts: result.confusion.clone() };
        counted_again(&outcome.test, &confusion)?;
        let samples = result.rows.predictions as u64;
        if samples > 0 && samples != confusion.total() {
            let counted = confusion.total();
            return Err(no(format!("{samples} predictions and {counted} of them counted")));
        }
    }
    Ok(())
}

/// Refuses a result that cannot be one of this trial.
///
/// # Errors
/// Names the number and why it cannot be.
pub(crate) fn belongs(result: &TrialResult, spec: &TrialSpec) -> Result<()> {
    let epochs = spec.training.epochs;
    match &result.outcome {
        Some(outcome) if outcome.best_epoch > epochs => {
            Err(no(format!("epoch {} of {epochs} was best", outcome.best_epoch)))
        }
        _ => Ok(()),
    }
}

fn outcome_is_possible(outcome: &Outcome) -> Result<()> {
    for (split, scores) in [
        ("test", &outcome.test),
        ("test_last", &outcome.test_last),
        ("validation", &outcome.validation),
    ] {
        scores_are_possible(scores).map_err(|error| error.at(split))?;
    }
    for (name, share) in [
        ("sparsity_prunable", outcome.sparsity_prunable),
        ("sparsity_total", outcome.sparsity_total),
    ] {
        within(name, Some(share), 0.0)?;
    }
    for (name, amount) in [
        ("inference_ms_per_sample", Some(outcome.inference_ms_per_sample)),
        ("inference_samples_per_second", outcome.inference_samples_per_second),
        ("train_seconds", Some(outcome.train_seconds)),
        ("train_flops", Some(outcome.train_flops)),
        ("inference_flops", Some(outcome.inference_flops)),
        ("dense_inference_flops", Some(outcome.dense_inference_flops)),
    ] {
        if amount.is_some_and(|amount| !amount.is_finite() || amount < 0.0) {
            return Err(no(format!("{name} is {}", amount.unwrap_or_default())));
        }
    }
    let (nonzero, total) = (outcome.nonzero_parameters, outcome.total_parameters);
    if nonzero > total || outcome.prunable_parameters > total {
        return Err(no(format!(
            "{nonzero} of {total} parameters are not zero, and {} prunable",
            outcome.prunable_parameters
        )));
    }
    Ok(())
}

fn scores_are_possible(scores: &Scores) -> Result<()> {
    if !scores.loss.is_finite() {
        return Err(no(format!("the loss is {}", scores.loss)));
    }
    within("accuracy", scores.accuracy, 0.0)?;
    within("f1_macro", scores.f1_macro, 0.0)?;
    within("f1_binary", scores.f1_binary, 0.0)?;
    within("matthews", scores.matthews, -1.0)?;
    within("pearson", scores.pearson, -1.0)?;
    within("spearman", scores.spearman, -1.0)?;
    match scores.log_likelihood {
        Some(mean) if !Metric::LogLikelihood.can_be(mean) => {
            Err(no(format!("log_likelihood is {mean}, which is not 0 or less")))
        }
        _ => Ok(()),
    }
}

/// A score between `least` and 1, if there is one.
fn within(name: &str, score: Option<f64>, least: f64) -> Result<()> {
    match score {
        Some(score) if !(least - ROUNDING..=1.0 + ROUNDING).contains(&score) => {
            Err(no(format!("{name} is {score}, which is not between {least} and 1")))
        }
        _ => Ok(()),
    }
}

fn confusion_is_square(counts: &[Vec<u64>]) -> Result<()> {
    let total = counts.iter().flatten().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    // Counts are squared where correlations are computed.
    let fits = total.is_some_and(|total| total <= u64::from(u32::MAX));
    match fits && counts.iter().all(|row| row.len() == counts.len()) {
        true => Ok(()),
        false => Err(no("its counts of predictions are no table of true and predicted classes")),
    }
}

fn counted_again(scores: &Scores, confusion: &Confusion) -> Result<()> {
    let pairs = [
        ("accuracy", scores.accuracy, Some(confusion.accuracy())),
        ("f1_macro", scores.f1_macro, Some(confusion.f1_macro())),
        ("f1_binary", scores.f1_binary, confusion.f1_binary()),
        ("matthews", scores.matthews, Some(confusion.matthews())),
    ];
    for (name, stated, counted) in pairs {
        if let (Some(stated), Some(counted)) = (stated, counted)
            && (stated - counted).abs() > ROUNDING
        {
            return Err(no(format!("{name} is {stated}, and {counted} by its predictions")));
        }
    }
    Ok(())
}

fn no(what: impl Into<String>) -> Error {
    Error::data(format!("this result cannot be: {}", what.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{spec, success};

    fn refusal(change: impl FnOnce(&mut TrialResult)) -> String {
        let spec = spec("set", 0);
        let mut changed = success(&spec);
        assert!(result(&changed).and_then(|()| belongs(&changed, &spec)).is_ok());
        change(&mut changed);
        result(&changed).and_then(|()| belongs(&changed, &spec)).unwrap_err().to_string()
    }

    #[test]
    fn numbers_that_no_training_measures_are_named() {
        let of = |change: fn(&mut Outcome)| refusal(|it| change(it.outcome.as_mut().unwrap()));
        assert!(
            of(|it| it.test.accuracy = Some(-1.0))
                .contains("test: this result cannot be: accuracy is -1")
        );
        assert!(of(|it| it.validation.matthews = Some(-1.5)).contains("matthews is -1.5"));
        let positive = of(|it| it.test.log_likelihood = Some(0.5));
        assert!(positive.contains("log_likelihood is 0.5, which is not 0 or less"), "{positive}");
        assert!(of(|it| it.test_last.loss = f64::NAN).contains("test_last"));
        assert!(of(|it| it.train_seconds = -2.0).contains("train_seconds is -2"));
        assert!(of(|it| it.nonzero_parameters = u64::MAX).contains("parameters are not zero"));
        assert!(of(|it| it.sparsity_total = 1.5).contains("sparsity_total is 1.5"));
        assert!(of(|it| it.best_epoch = 5_000_000).contains("epoch 5000000 of"));
    }

    #[test]
    fn scores_are_counted_again() {
        let right = |it: &mut TrialResult| it.confusion = vec![vec![49, 1], vec![1, 49]];
        let spec = spec("set", 0);
        let mut other = success(&spec);
        right(&mut other);
        other.outcome.as_mut().unwrap().test.f1_macro = None;
        assert!(result(&other).is_ok(), "98 of 100");
        let words = refusal(|it| it.confusion = vec![vec![48, 2], vec![1, 49]]);
        assert!(words.contains("accuracy is 0.98, and 0.97 by its predictions"), "{words}");
        assert!(refusal(|it| it.confusion = vec![vec![1, 2], vec![1]]).contains("no table"));
        assert!(
            refusal(|it| it.confusion = vec![vec![u64::MAX, 2], vec![1, 1]]).contains("no table")
        );
        let words = refusal(|it| {
            right(it);
            it.outcome.as_mut().unwrap().test.f1_macro = None;
            it.rows.predictions = 99;
        });
        assert!(words.contains("99 predictions and 100 of them counted"), "{words}");
    }
}
