//! Pairings of small sides.

use serde_json::json;

use super::super::entry::Entry;
use super::super::entry::tests::entry;
use super::super::foreign::tests::entries;
use super::super::side::Source;
use super::*;

fn side(typed: &str, selector: Option<&str>) -> Side {
    Side {
        typed: typed.to_owned(),
        source: Source::File(typed.into()),
        has_source: true,
        selector: selector.map(|text| Selector::parse(text).unwrap()),
    }
}

/// Two whole sources.
fn whole(ours: Vec<Entry>, theirs: Vec<Entry>) -> Matched {
    let (a, b) = (side("ours", None), side("theirs", None));
    with([&a, &b], ours, theirs)
}

fn with(sides: [&Side; 2], ours: Vec<Entry>, theirs: Vec<Entry>) -> Matched {
    let groups = [ours, theirs].map(|entries| Group::of(entries).unwrap());
    matched([&groups[0], &groups[1]], &Rule::of(sides), sides, &Analysis::default())
}

fn seeds_of(group: &Group) -> String {
    seeds(&group.trials.keys().copied().collect())
}

fn compared(matched: &Matched) -> Vec<String> {
    let one = |pairing: &Pairing| {
        let (a, b) = (&pairing.candidate, &pairing.control);
        let settings = |group: &Group| group.spec.strategy["drop_fraction"].to_string();
        format!("{} {} | {} {}", a.what(), settings(a), b.what(), settings(b))
    };
    matched.pairings.iter().map(one).collect()
}

fn unmatched(matched: &Matched) -> Vec<String> {
    let one = |trials: &Unmatched| {
        format!("{} {} {}: {}", trials.side, trials.what, seeds(&trials.seeds), trials.reason)
    };
    matched.unmatched.iter().map(one).collect()
}

/// RigL with these drop fractions, one trial of each.
fn rigl(fractions: &[f64]) -> Vec<Entry> {
    let one = |fraction: &f64| {
        let mut entry = entry("m", "rigl", 0.9, 0, 0.5);
        entry.trial.spec.strategy = json!({"name": "rigl", "drop_fraction": fraction}).into();
        entry
    };
    fractions.iter().map(one).collect()
}

fn trained(mut entries: Vec<Entry>, epochs: u32) -> Vec<Entry> {
    entries.iter_mut().for_each(|entry| entry.trial.spec.training.epochs = epochs);
    entries
}

#[test]
fn unmatched_trials_are_listed_with_the_reason() {
    let ours = "dataset,strategy,sparsity,seed,acc\nm,dense,0,0,.5\nm,rigl,.9,0,.5\nm,rigl,.9,1,.5\n\
                m,set,.9,0,.5\nx,set,.9,0,.5\n";
    let theirs = "dataset,strategy,sparsity,seed,acc\nm,dense,0,0,.5\nm,dense,0,1,.5\nm,rigl,.9,0,.5\n\
                  m,set,.5,0,.5\nm,snfs,.9,3,.5\n";
    let matched = whole(entries(ours), entries(theirs));
    let pairs: Vec<(String, String)> =
        matched.pairings.iter().map(|p| (p.candidate.what(), seeds_of(&p.control))).collect();
    assert_eq!(pairs, [("dense on m".into(), "0".into()), ("rigl at 0.9 on m".into(), "0".into())]);
    assert_eq!(
        unmatched(&matched),
        [
            "1 dense on m 1: the other side has no such seed",
            "0 rigl at 0.9 on m 1: the other side has no such seed",
            "0 set at 0.9 on m 0: the other side has no sparsity 0.9, only 0.5",
            "0 set at 0.9 on x 0: the other side was not trained on x",
            "1 set at 0.5 on m 0: the other side has no sparsity 0.5, only 0.9",
            "1 snfs at 0.9 on m 3: the other side has no snfs",
        ]
    );
}

#[test]
fn equal_settings_are_paired_and_differences_of_a_pair_are_said() {
    let both = whole(rigl(&[0.1, 0.3]), rigl(&[0.3, 0.5]));
    assert_eq!(
        compared(&both),
        [
            "rigl at 0.9 on m, mlp 0.1 | rigl at 0.9 on m, mlp 0.5",
            "rigl at 0.9 on m, mlp 0.3 | rigl at 0.9 on m, mlp 0.3"
        ]
    );
    assert_eq!(both.pairings[0].differing, ["drop_fraction: 0.1 against 0.5"]);
    assert!(both.pairings[1].differing.is_empty() && both.unmatched.is_empty());

    let mut ours = trained(rigl(&[0.3]), 1);
    ours.extend(trained(rigl(&[0.3]), 5));
    let mut theirs = trained(rigl(&[0.3]), 5);
    theirs.extend(trained(rigl(&[0.3]), 1));
    let trainings = whole(ours.clone(), theirs);
    assert!(trainings.pairings.iter().all(|pairing| pairing.differing.is_empty()));
    assert_eq!((trainings.pairings.len(), trainings.unmatched.len()), (2, 0));
    let one = whole(ours, trained(rigl(&[0.3]), 5));
    assert_eq!(one.pairings[0].candidate.spec.training.epochs, 5);
    assert!(unmatched(&one)[0].ends_with("set up otherwise, and compared with another"));
    let longer = whole(trained(rigl(&[0.3]), 2), trained(rigl(&[0.3]), 1));
    assert_eq!(longer.pairings[0].differing, ["training.epochs: 2 against 1"]);
}

#[test]
fn several_partners_are_listed_with_the_way_to_name_one() {
    let told_nothing = "dataset,strategy,sparsity,seed,acc\nm,rigl,.9,0,.5\n";
    for matched in [
        whole(entries(told_nothing), rigl(&[0.1, 0.3])),
        whole(rigl(&[0.1, 0.3]), entries(told_nothing)),
    ] {
        assert!(matched.pairings.is_empty());
        let reasons = unmatched(&matched).join("\n");
        assert!(reasons.contains("rigl[drop_fraction=0.3]'"), "{reasons}");
    }
    // Of another strategy, each set is a candidate of its own.
    let (a, b) = (side("runs:rigl", Some("rigl")), side("runs:set", Some("set")));
    let set = || vec![entry("m", "set", 0.9, 0, 0.5)];
    let matched = with([&a, &b], rigl(&[0.1, 0.3]), set());
    assert_eq!(matched.pairings.len(), 2);
    let [note] = &several_sets(&matched.pairings, &a)[..] else { panic!("one note") };
    assert_eq!(
        note,
        "rigl has 2 sets of parameters; to compare one, write \
         'runs:rigl:rigl[drop_fraction=0.1]', 'runs:rigl:rigl[drop_fraction=0.3]'"
    );
    let matched = with([&b, &a], set(), rigl(&[0.1, 0.3]));
    assert!(matched.pairings.is_empty());
    assert!(unmatched(&matched)[0].contains("one is needed: name one of "));
}

#[test]
fn parameter_values_are_compared_in_equal_surroundings() {
    let (a, b) =
        (side("r", Some("rigl[drop_fraction=0.1]")), side("r", Some("rigl[drop_fraction=0.3]")));
    let with_every = |fraction: f64| {
        let mut both = rigl(&[fraction, fraction]);
        for (entry, every) in both.iter_mut().zip(["100 steps", "200 steps"]) {
            entry.trial.spec.strategy["every"] = every.into();
        }
        both
    };
    let matched = with([&a, &b], with_every(0.1), with_every(0.3));
    assert_eq!((matched.pairings.len(), matched.unmatched.len()), (2, 0));
    for Pairing { candidate, control, differing, .. } in &matched.pairings {
        assert_eq!(candidate.spec.strategy["every"], control.spec.strategy["every"]);
        assert!(differing.is_empty(), "the fractions were asked for: {differing:?}");
    }
    // Trials are not compared with themselves.
    let (all, one) = (side("r", Some("rigl")), side("r", Some("rigl[drop_fraction=0.3]")));
    let matched = with([&all, &one], rigl(&[0.1, 0.3]), rigl(&[0.3]));
    assert_eq!(compared(&matched), ["rigl at 0.9 on m, mlp 0.1 | rigl at 0.9 on m, mlp 0.3"]);
}

#[test]
fn a_dense_control_is_that_of_every_sparsity() {
    let (a, b) = (side("r", Some("rigl")), side("r", Some("dense")));
    let mut ours = rigl(&[0.3]);
    ours.push(entry("m", "rigl", 0.5, 0, 0.5));
    let dense = vec![entry("m", "dense", 0.0, 0, 0.5)];
    assert_eq!(with([&a, &b], ours.clone(), dense).pairings.len(), 2);
    // Another sparsity is no partner, unless both were typed.
    let set = || vec![entry("m", "set", 0.8, 0, 0.5)];
    assert!(with([&a, &b], ours.clone(), set()).pairings.is_empty());
    let (a, b) = (side("r", Some("rigl@0.5")), side("r", Some("set@0.8")));
    assert_eq!(with([&a, &b], ours[1..].to_vec(), set()).pairings.len(), 1);
}

#[test]
fn trials_on_other_data_or_weights_are_not_compared() {
    let digests = |data: &str, weights: &str| {
        let mut both = vec![entry("m", "a", 0.9, 0, 0.5), entry("m", "a", 0.9, 1, 0.5)];
        data.clone_into(&mut both[1].trial.provenance.data_digest);
        weights.clone_into(&mut both[1].trial.provenance.weights_digest);
        both
    };
    let matched = whole(digests("d1", "w1"), digests("d2", "w1"));
    assert_eq!(seeds_of(&matched.pairings[0].control), "0");
    assert!(matched.unmatched.iter().all(|trials| trials.not_comparable));
    assert_eq!(
        unmatched(&matched)[0],
        "0 a at 0.9 on m, mlp 1: not comparable: the data differ (digest d1 against d2)"
    );
    let matched = whole(digests("d1", "w1"), digests("d1", "w2"));
    assert!(unmatched(&matched)[0].contains("the starting weights differ"));
    // Who does not tell is believed.
    assert!(whole(digests("d1", "w1"), digests("", "")).unmatched.is_empty());
}

#[test]
fn a_metric_that_both_have_is_compared() {
    let file = |header: &str| entries(&format!("dataset,strategy,seed,{header}\nm,a,0,0.5,0.4\n"));
    let matched = whole(file("acc,f1"), file("mcc,f1"));
    assert_eq!(matched.pairings[0].metric, Metric::F1Binary);
    let matched = whole(file("acc,note"), file("mcc,note"));
    assert!(
        unmatched(&matched)[0]
            .ends_with("no metric in common: accuracy against Matthews correlation")
    );
}

/// Rows of another metric were failures of their method.
#[test]
fn rows_of_another_metric_are_not_compared_and_no_failures() {
    let text = |strategy: &str, metrics: &[&str]| {
        let rows = metrics.iter().enumerate();
        let rows = rows.map(|(seed, metric)| format!("m,{strategy},.9,{seed},.5,{metric}\n"));
        format!("dataset,strategy,sparsity,seed,score,metric\n{}", rows.collect::<String>())
    };
    let (a, b) = (side("t.csv", Some("rigl@0.9")), side("t.csv", Some("set@0.9")));
    let two = |ours: &[&str], theirs: &[&str]| {
        with([&a, &b], entries(&text("rigl", ours)), entries(&text("set", theirs)))
    };
    let matched = two(&["f1", "acc", "f1", "acc"], &["f1", "acc", "acc", "f1"]);
    let [pairing] = &matched.pairings[..] else { panic!("{matched:?}") };
    assert_eq!((pairing.metric, seeds_of(&pairing.control)), (Metric::F1Binary, "0".into()));
    assert_eq!(
        unmatched(&matched),
        [
            "0 rigl at 0.9 on m 1: the score is accuracy, not F1",
            "1 set at 0.9 on m 1: the score is accuracy, not F1",
            "0 rigl at 0.9 on m 3: the score is accuracy, not F1",
            "1 set at 0.9 on m 3: the score is accuracy, not F1 on the other side",
            "0 rigl at 0.9 on m 2: the score is accuracy, not F1 on the other side",
            "1 set at 0.9 on m 2: the score is accuracy, not F1",
        ]
    );
    assert_eq!(
        matched.notes.into_iter().collect::<Vec<_>>(),
        ["F1 is compared; to compare accuracy, write 't.csv:rigl[metric=acc]@0.9' \
             't.csv:set[metric=acc]@0.9'"]
    );
    // Nothing is left if the two alternate.
    assert!(two(&["f1", "acc"], &["acc", "f1"]).pairings.is_empty());
    // What the note says can be written.
    let (a, b) = ("rigl[metric=acc]", "set[metric=ACC]");
    let (a, b) = (side("t.csv", Some(a)), side("t.csv", Some(b)));
    let chosen = |side: &Side, strategy| {
        let selector = side.selector.as_ref().unwrap();
        selector.select(&entries(&text(strategy, &["f1", "acc"])), &side.source).unwrap()
    };
    let matched = with([&a, &b], chosen(&a, "rigl"), chosen(&b, "set"));
    assert_eq!(matched.pairings[0].metric, Metric::Accuracy);
    assert!(matched.unmatched.is_empty() && matched.notes.is_empty(), "{matched:?}");

    // In a store, predictions that do not define a metric are a failure of their method.
    let mut ours = vec![entry("m", "a", 0.9, 0, 0.5), entry("m", "a", 0.9, 1, 0.5)];
    ours[1].trial.outcome.as_mut().unwrap().test.accuracy = None;
    let theirs = vec![entry("m", "a", 0.9, 0, 0.5), entry("m", "a", 0.9, 1, 0.5)];
    let matched = whole(ours, theirs);
    assert!(matched.unmatched.is_empty(), "{matched:?}");
}
