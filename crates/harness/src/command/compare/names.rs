//! One form for names and sparsities that two sources spell in two ways.

use std::collections::BTreeMap;

use super::entry::Entry;

/// A name without what people vary: case, dashes, underscores and spaces.
pub(super) fn fold(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, '-' | '_' | ' '));
    kept.flat_map(char::to_lowercase).collect()
}

/// Are these one sparsity? Yes if they differ by no more than rounding to 32 bits.
pub(super) fn is_one_sparsity(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-7
}

/// Gives names and sparsities that mean the same one form on both sides. Says which spellings
/// were taken for one, as `data set mnist: MNIST against mnist`.
///
/// `known` names go before others; else the first side's spelling stays.
pub(super) fn unify(sides: [&mut [Entry]; 2], known: &[&str]) -> Vec<String> {
    let [first, second] = sides;
    let mut notes = Vec::new();
    for (what, name) in [
        ("data set", Entry::dataset as fn(&Entry) -> &str),
        ("strategy", Entry::strategy),
        ("model", Entry::model),
    ] {
        let spelled = |side: &[Entry]| {
            let mut spellings: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for entry in side {
                let spellings = spellings.entry(fold(name(entry))).or_default();
                if !spellings.iter().any(|known| known == name(entry)) {
                    spellings.push(name(entry).to_owned());
                }
            }
            spellings
        };
        let (ours, theirs) = (spelled(first), spelled(second));
        let mut chosen = BTreeMap::new();
        for (folded, spellings) in &ours {
            let others = theirs.get(folded).map_or(&[][..], Vec::as_slice);
            let all = || spellings.iter().chain(others);
            let one = all().find(|name| known.contains(&name.as_str())).unwrap_or(&spellings[0]);
            if all().any(|name| name != one) {
                let [a, b] = [spellings, others].map(|list| list.join(", "));
                let apart = if b.is_empty() { a } else { format!("{a} against {b}") };
                notes.push(format!("taken for one {what}: {apart}"));
            }
            chosen.insert(folded.clone(), one.clone());
        }
        for (folded, spellings) in &theirs {
            let one = spellings.iter().find(|name| known.contains(&name.as_str()));
            let one = one.unwrap_or(&spellings[0]);
            chosen.entry(folded.clone()).or_insert_with(|| one.clone());
        }
        for entry in first.iter_mut().chain(second.iter_mut()) {
            if let Some(name) = chosen.get(&fold(name(entry))).cloned() {
                match what {
                    "data set" => entry.trial.spec.dataset = name,
                    "strategy" => rename(&mut entry.trial.spec.strategy, name),
                    _ => relabel(&mut entry.trial.spec.model, name),
                }
            }
        }
    }
    unify_sparsities(first, second);
    notes
}

/// Gives a tagged configuration another name.
pub(super) fn rename(tagged: &mut serde_json::Value, name: String) {
    if let Some(map) = tagged.as_object_mut() {
        map.insert("name".to_owned(), name.into());
    }
}

/// Gives a model another label: its title, if it has one.
fn relabel(model: &mut serde_json::Value, label: String) {
    let title = model.as_object_mut().and_then(|map| map.get_mut("title"));
    match title.filter(|title| title.as_str().is_some_and(|title| !title.is_empty())) {
        Some(title) => *title = label.into(),
        None => rename(model, label),
    }
}

/// Of sparsities that are one, the one with the fewest digits stays.
fn unify_sparsities(first: &mut [Entry], second: &mut [Entry]) {
    let entries = || first.iter().chain(second.iter());
    let mut all: Vec<f64> = entries().map(|entry| entry.trial.spec.sparsity).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let mut chosen: Vec<(Vec<f64>, f64)> = Vec::new();
    for sparsity in all {
        match chosen.last_mut() {
            Some((members, one)) if is_one_sparsity(members[0], sparsity) => {
                members.push(sparsity);
                if sparsity.to_string().len() < one.to_string().len() {
                    *one = sparsity;
                }
            }
            _ => chosen.push((vec![sparsity], sparsity)),
        }
    }
    for entry in first.iter_mut().chain(second) {
        let sparsity = &mut entry.trial.spec.sparsity;
        if let Some((_, one)) = chosen.iter().find(|(members, _)| members.contains(sparsity)) {
            *sparsity = *one;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::entry;
    use super::*;

    #[test]
    fn spellings_and_roundings_become_one() {
        let mut ours = vec![entry("MNIST", "RigL", f64::from(0.9_f32), 0, 0.5)];
        let mut theirs = vec![entry("mnist", "rigl", 0.9, 0, 0.5), entry("x", "SET", 0.3, 0, 0.5)];
        theirs.push(entry("x", "set", 0.1 + 0.2, 1, 0.5));
        let notes = unify([&mut ours, &mut theirs], &["rigl", "set"]);
        assert_eq!(
            notes,
            [
                "taken for one data set: MNIST against mnist",
                "taken for one strategy: RigL against rigl"
            ]
        );
        assert_eq!((ours[0].dataset(), ours[0].strategy()), ("MNIST", "rigl"));
        assert_eq!((theirs[0].dataset(), theirs[1].strategy()), ("MNIST", "set"));
        assert_eq!(ours[0].trial.spec.sparsity, 0.9);
        assert_eq!(
            theirs.iter().map(|e| e.trial.spec.sparsity).collect::<Vec<_>>(),
            [0.9, 0.3, 0.3]
        );
        // A network with a title is called by that.
        let mut ours = vec![entry("x", "set", 0.3, 0, 0.5)];
        let mut theirs = ours.clone();
        ours[0].trial.spec.model = serde_json::json!({"name": "own", "title": "My net"}).into();
        theirs[0].trial.spec.model = serde_json::json!({"name": "my-net"}).into();
        let notes = unify([&mut ours, &mut theirs], &[]);
        assert_eq!(notes, ["taken for one model: My net against my-net"]);
        assert_eq!([ours[0].model(), theirs[0].model()], ["My net"; 2]);
        // Sparsities that people mean to differ stay apart.
        assert!(!is_one_sparsity(0.999, 0.9991) && !is_one_sparsity(0.9, 0.90001));
        assert_eq!(fold("Prune-Regrow_2 x"), "pruneregrow2x");
    }
}
