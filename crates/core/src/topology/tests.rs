use super::*;
use crate::architecture::Pass;
use crate::layers::{Builder, Linear};
use tch::{Device, Kind};

/// One layer `[2, 3]` with the given weights, and the parameters it belongs to.
fn one_layer(weights: [f32; 6], density: f64) -> (Linear, Topology) {
    let mut parameters = Parameters::default();
    let streams = SeedStreams::new(7);
    let layer = Builder::new(&mut parameters, streams, Device::Cpu).linear("fc", 3, 2);
    layer.weight.dense().detach().copy_(&Tensor::from_slice(&weights).reshape([2, 3]));
    let topology = Topology::new(&parameters, density, &streams).unwrap();
    (layer, topology)
}

fn mask(bits: [u8; 6]) -> Tensor {
    Tensor::from_slice(&bits).to_kind(Kind::Bool).reshape([2, 3])
}

fn bits(mask: &Tensor) -> Vec<u8> {
    Vec::try_from(mask.to_kind(Kind::Uint8).flatten(0, -1)).unwrap()
}

fn weights(topology: &Topology) -> Vec<f32> {
    Vec::try_from(topology.layers()[0].weight().dense().detach().flatten(0, -1)).unwrap()
}

/// Active are entries 0, 1, 2, 3 with magnitudes 4, 1, 3, 2; growth scores favour 5, then 1.
fn half_active() -> Topology {
    let (_, mut topology) = one_layer([4.0, -1.0, 3.0, -2.0, 9.0, 9.0], 4.0 / 6.0);
    topology.layers_mut()[0].set_target(4).unwrap();
    topology.layers_mut()[0].activate(&mask([1, 1, 1, 1, 0, 0])).unwrap();
    topology.start().unwrap();
    assert_eq!(weights(&topology), [4.0, -1.0, 3.0, -2.0, 0.0, 0.0]);
    topology
}

fn update(topology: &mut Topology, regrowth: Regrowth) -> Change {
    let scores = Tensor::from_slice(&[0.0f32, 6.0, 0.0, 1.0, 2.0, 8.0]).reshape([2, 3]);
    let layer = &mut topology.layers_mut()[0];
    let magnitude = layer.magnitude();
    layer.drop_and_grow(2, &magnitude, &Growth::Largest(scores), regrowth).unwrap();
    topology.commit().unwrap().remove(0)
}

#[test]
fn a_dropped_weight_may_return_with_its_value() {
    let mut topology = half_active();
    let change = update(&mut topology, Regrowth::Allowed);
    assert_eq!(bits(topology.layers()[0].active()), [1, 1, 1, 0, 0, 1]);
    assert_eq!(weights(&topology), [4.0, -1.0, 3.0, 0.0, 0.0, 0.0]);
    assert_eq!(bits(&change.born), [0, 0, 0, 0, 0, 1]);
    assert_eq!(bits(&change.dropped), [0, 0, 0, 1, 0, 0]);
}

#[test]
fn a_dropped_weight_may_return_from_zero() {
    let mut topology = half_active();
    let change = update(&mut topology, Regrowth::Reinitialised);
    assert_eq!(bits(topology.layers()[0].active()), [1, 1, 1, 0, 0, 1]);
    assert_eq!(weights(&topology), [4.0, 0.0, 3.0, 0.0, 0.0, 0.0]);
    assert_eq!(bits(&change.born), [0, 1, 0, 0, 0, 1]);
}

#[test]
fn a_dropped_weight_may_be_kept_out() {
    let mut topology = half_active();
    update(&mut topology, Regrowth::Forbidden);
    assert_eq!(bits(topology.layers()[0].active()), [1, 0, 1, 0, 1, 1]);
}

/// Weights 6, -1, 5, -2, 4, 3, all active; half of them stay, then two are exchanged. The
/// gradient is largest at 3 and 1, which the first change dropped.
#[test]
fn two_changes_of_one_hook_are_judged_against_the_last_commit() {
    let changed = |regrowth| {
        let (_, mut topology) = one_layer([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], 0.5);
        topology.start().unwrap();
        let layer = &mut topology.layers_mut()[0];
        layer.set_target(3).unwrap();
        let magnitude = layer.magnitude();
        layer.keep_largest(&magnitude).unwrap();
        let gradient = Tensor::from_slice(&[0.0f32, 7.0, 0.0, 9.0, 0.0, 0.0]).reshape([2, 3]);
        layer.drop_and_grow(2, &magnitude, &Growth::Largest(gradient), regrowth).unwrap();
        let reborn = layer.reborn().map(bits);
        assert_eq!(reborn.is_some(), regrowth == Regrowth::Reinitialised);
        assert!(reborn.is_none_or(|reborn| reborn == [0, 1, 0, 1, 0, 0]));
        let change = topology.commit().unwrap().remove(0);
        assert!(topology.layers()[0].reborn().is_none());
        (bits(topology.layers()[0].active()), weights(&topology), bits(&change.born))
    };
    assert_eq!(
        changed(Regrowth::Allowed),
        (vec![1, 1, 0, 1, 0, 0], vec![6.0, -1.0, 0.0, -2.0, 0.0, 0.0], vec![0; 6])
    );
    assert_eq!(
        changed(Regrowth::Reinitialised),
        (vec![1, 1, 0, 1, 0, 0], vec![6.0, 0.0, 0.0, 0.0, 0.0, 0.0], vec![0, 1, 0, 1, 0, 0])
    );
    // Nothing was free at the last commit, so nothing can be exchanged.
    assert_eq!(
        changed(Regrowth::Forbidden),
        (vec![1, 0, 1, 0, 1, 0], vec![6.0, 0.0, 5.0, 0.0, 4.0, 0.0], vec![0; 6])
    );
}

#[test]
fn an_update_sees_its_own_steps_and_changes_the_layer_once() {
    let mut topology = half_active();
    let layer = &mut topology.layers_mut()[0];
    let magnitude = layer.magnitude();
    let seen = layer
        .update(Regrowth::Allowed, |update| {
            update.drop(2, &magnitude)?;
            let after_drop = bits(update.active());
            assert_eq!(bits(update.layer().active()), [1, 1, 1, 1, 0, 0]);
            let scores = Tensor::from_slice(&[0.0f32, 1.0, 0.0, 3.0, 4.0, 2.0]).reshape([2, 3]);
            update.grow_at_most(1, &Growth::Largest(scores.shallow_clone()))?;
            update.grow(&Growth::Largest(scores))?;
            Ok((after_drop, update.active_count()))
        })
        .unwrap();
    assert_eq!(seen, (vec![1, 0, 1, 0, 0, 0], 4));
    assert_eq!(bits(layer.active()), [1, 0, 1, 1, 1, 0]);
    assert_eq!(topology.commit().unwrap().len(), 1);
    assert_eq!(weights(&topology), [4.0, 0.0, 3.0, -2.0, 0.0, 0.0]);
}

/// Entry 3 was active before, 4 and 5 never were: with new places first, the largest scores
/// among those win, though entry 3 has the largest of all.
#[test]
fn growth_may_prefer_places_that_were_never_active() {
    let mut topology = half_active();
    update(&mut topology, Regrowth::Allowed);
    let layer = &mut topology.layers_mut()[0];
    assert_eq!(bits(layer.active()), [1, 1, 1, 0, 0, 1]);
    let (magnitude, scores) = (layer.magnitude(), [0.0f32, 0.0, 0.0, 9.0, 1.0, 0.0]);
    let growth = Growth::Largest(Tensor::from_slice(&scores).reshape([2, 3]));
    layer
        .update(Regrowth::Forbidden, |update| {
            update.set_new_first(true);
            update.drop(1, &magnitude)?;
            update.grow(&growth)
        })
        .unwrap();
    assert_eq!(bits(layer.active()), [1, 1, 1, 0, 1, 0]);
    topology.commit().unwrap();
    // Nothing is new any more.
    let layer = &mut topology.layers_mut()[0];
    layer
        .update(Regrowth::Forbidden, |update| {
            update.set_new_first(true);
            update.drop(1, &magnitude)?;
            update.grow(&growth)
        })
        .unwrap();
    assert_eq!(layer.active_count(), 4);
    assert_eq!(bits(layer.active())[3], 1);
}

#[test]
fn a_dense_start_keeps_the_final_targets() {
    let (_, mut topology) = one_layer([1.0; 6], 0.5);
    topology.allocate(Distribution::Uniform).unwrap();
    topology.start_dense().unwrap();
    topology.start().unwrap();
    let layer = &topology.layers()[0];
    assert_eq!((layer.active_count(), layer.target(), layer.final_target()), (6, 6, 3));
    let (tensors, state) = topology.save();
    let (_, mut restored) = one_layer([1.0; 6], 0.5);
    restored.restore(&tensors.into_iter().collect(), &state).unwrap();
    assert_eq!(restored.layers()[0].final_target(), 3);
}

/// Half at the end and two thirds at the start; the checkpoint knows both.
#[test]
fn a_denser_start_keeps_the_final_targets() {
    let (_, mut topology) = one_layer([1.0; 6], 0.5);
    topology.allocate(Distribution::Uniform).unwrap();
    topology.allocate_start(Distribution::Uniform, 2.0 / 3.0).unwrap();
    topology.activate_random().unwrap();
    topology.start().unwrap();
    let counts =
        |layer: &Layer| (layer.active_count(), layer.initial_target(), layer.final_target());
    assert_eq!(counts(&topology.layers()[0]), (4, 4, 3));
    topology.layers_mut()[0].set_target(3).unwrap();
    let magnitude = topology.layers()[0].magnitude();
    topology.layers_mut()[0].keep_largest(&magnitude).unwrap();
    topology.commit().unwrap();
    assert_eq!(counts(&topology.layers()[0]), (3, 4, 3));
    let (tensors, state) = topology.save();
    let (_, mut restored) = one_layer([1.0; 6], 0.5);
    restored.restore(&tensors.into_iter().collect(), &state).unwrap();
    assert_eq!(counts(&restored.layers()[0]), (3, 4, 3));
    // A start that would be sparser than the end is as sparse.
    topology.allocate_start(Distribution::Uniform, 0.1).unwrap();
    assert_eq!(topology.layers()[0].target(), 3);
}

#[test]
fn a_dense_layer_has_nothing_to_exchange() {
    for regrowth in [Regrowth::Allowed, Regrowth::Reinitialised, Regrowth::Forbidden] {
        let (_, mut topology) = one_layer([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1.0);
        let layer = &mut topology.layers_mut()[0];
        let magnitude = layer.magnitude();
        layer.drop_and_grow(3, &magnitude, &Growth::Random, regrowth).unwrap();
        topology.commit().unwrap();
        assert!(topology.layers()[0].is_dense());
        assert_eq!(weights(&topology), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}

#[test]
fn a_change_before_the_optimiser_is_an_error() {
    let mut topology = half_active();
    assert!(topology.check_unchanged().is_ok());
    topology.layers_mut()[0].activate(&mask([0, 1, 1, 1, 1, 0])).unwrap();
    assert!(topology.check_unchanged().unwrap_err().to_string().contains("BatchUse::Topology"));
    topology.commit().unwrap();
    assert!(topology.check_unchanged().is_ok());
}

#[test]
fn a_missed_target_is_an_error_that_names_the_layer() {
    let mut topology = half_active();
    topology.layers_mut()[0].activate(&mask([1, 0, 0, 0, 0, 0])).unwrap();
    let error = topology.commit().unwrap_err();
    assert_eq!(error.to_string(), "fc.weight: 1 weights are active where 4 must be");
}

#[test]
fn only_active_weights_can_be_trained() {
    let mut topology = half_active();
    topology.layers_mut()[0].set_trainable(Some(mask([1, 0, 1, 0, 0, 0]))).unwrap();
    assert!(topology.commit().is_ok());
    topology.layers_mut()[0].set_trainable(Some(mask([1, 0, 1, 0, 1, 1]))).unwrap();
    let error = topology.commit().unwrap_err().to_string();
    assert!(error.starts_with("fc.weight: the optimiser may move 2 inactive weights"), "{error}");
    topology.layers_mut()[0].set_trainable(None).unwrap();
    assert!(topology.commit().is_ok());
}

/// Entries 0 to 3 are active and 4 and 5 have -9 and 8 behind the mask.
fn kept() -> (Linear, Topology) {
    let (linear, mut topology) = one_layer([4.0, -1.0, 3.0, -2.0, -9.0, 8.0], 4.0 / 6.0);
    let layer = &mut topology.layers_mut()[0];
    layer.keep_inactive();
    layer.set_target(4).unwrap();
    layer.activate(&mask([1, 1, 1, 1, 0, 0])).unwrap();
    topology.start().unwrap();
    (linear, topology)
}

fn values(topology: &Topology) -> Vec<f32> {
    Vec::try_from(topology.layers()[0].values().flatten(0, -1)).unwrap()
}

#[test]
fn values_behind_the_mask_are_scored_and_revived() {
    let (_, mut topology) = kept();
    assert_eq!(weights(&topology), [4.0, -1.0, 3.0, -2.0, 0.0, 0.0]);
    assert_eq!(values(&topology), [4.0, -1.0, 3.0, -2.0, -9.0, 8.0]);
    let revision = topology.layers()[0].weight().revision();
    let layer = &mut topology.layers_mut()[0];
    let largest = selection::top_k(&layer.magnitude(), None, 4).unwrap();
    layer.activate(&largest).unwrap();
    topology.commit().unwrap();
    assert_eq!(weights(&topology), [4.0, 0.0, 3.0, 0.0, -9.0, 8.0]);
    assert_eq!(values(&topology), [4.0, -1.0, 3.0, -2.0, -9.0, 8.0]);
    assert_eq!(topology.layers()[0].weight().revision(), revision + 1);
    // What the optimiser moved is seen after the next commit, without a change of the set.
    let _ = topology.layers()[0].values().fill_(7.0);
    assert!(topology.commit().unwrap().is_empty());
    assert_eq!(weights(&topology), [7.0, 0.0, 7.0, 0.0, 7.0, 7.0]);
    assert_eq!(topology.layers()[0].weight().revision(), revision + 1);
}

#[test]
fn kept_values_come_back_from_a_checkpoint() {
    let (_, mut topology) = kept();
    topology.layers_mut()[0].set_trainable(Some(mask([1; 6]))).unwrap();
    let (tensors, state) = topology.save();
    let tensors = tensors.into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
    let (_, mut restored) = one_layer([0.0; 6], 4.0 / 6.0);
    restored.restore(&tensors, &state).unwrap();
    assert_eq!(values(&restored), values(&topology));
    assert_eq!(restored.layers()[0].trainable_count(), 6);
}

#[test]
fn kept_values_end_with_their_topology() {
    let mut parameters = Parameters::default();
    let streams = SeedStreams::new(7);
    let linear = Builder::new(&mut parameters, streams, Device::Cpu).linear("fc", 3, 2);
    let mut topology = Topology::new(&parameters, 1.0, &streams).unwrap();
    topology.layers_mut()[0].keep_inactive();
    assert!(linear.weight.keeps_inactive());
    let _ = Topology::new(&parameters, 1.0, &streams).unwrap();
    assert!(!linear.weight.keeps_inactive());
}

#[test]
fn inactive_weights_may_be_trained_where_their_values_are_kept_and_gradients_announced() {
    let (linear, mut topology) = kept();
    topology.layers_mut()[0].set_trainable(Some(mask([1, 1, 1, 1, 1, 0]))).unwrap();
    topology.commit().unwrap();
    let error = topology.announce(GradientScope::Active).unwrap_err().to_string();
    assert!(error.starts_with("fc.weight: the optimiser moves 1 inactive weights"), "{error}");
    topology.announce(GradientScope::Trainable).unwrap();
    let input = Tensor::from_slice(&[1.0f32, 2.0, 3.0]).reshape([1, 3]);
    linear.forward(&input, &Pass::TRAINING).sum(Kind::Float).backward();
    let gradient = |topology: &Topology| -> Vec<f32> {
        let layer = &topology.layers()[0];
        Vec::try_from(layer.trainable_gradient().unwrap().flatten(0, -1)).unwrap()
    };
    assert_eq!(gradient(&topology), [1.0, 2.0, 3.0, 1.0, 2.0, 0.0]);
    assert!(topology.layers()[0].dense_gradient().is_err());
    let layer = &mut topology.layers_mut()[0];
    let penalty = layer.values() * 0.5;
    tch::no_grad(|| layer.add_gradient(&penalty)).unwrap();
    assert_eq!(gradient(&topology), [3.0, 1.5, 4.5, 0.0, -2.5, 0.0]);
}

#[test]
fn active_values_are_mapped_and_others_left() {
    for mut topology in [half_active(), kept().1] {
        let before = values(&topology);
        let layer = &mut topology.layers_mut()[0];
        layer.map_active(|values| Ok(values * 2.0)).unwrap();
        topology.commit().unwrap();
        assert_eq!(weights(&topology), [8.0, -2.0, 6.0, -4.0, 0.0, 0.0]);
        assert_eq!(values(&topology)[4..], before[4..]);
    }
    let mut topology = half_active();
    let layer = &mut topology.layers_mut()[0];
    let error = layer.map_active(|values| Ok(values.get(0))).unwrap_err().to_string();
    assert_eq!(error, "fc.weight: new values must be [2, 3], not [3]");
}

#[test]
fn an_unannounced_gradient_is_refused_and_an_announced_one_is_dense() {
    let (linear, mut topology) = one_layer([4.0, -1.0, 3.0, -2.0, 9.0, 9.0], 0.5);
    topology.layers_mut()[0].set_target(3).unwrap();
    topology.layers_mut()[0].activate(&mask([1, 0, 1, 0, 0, 1])).unwrap();
    topology.start().unwrap();
    let input = Tensor::from_slice(&[1.0f32, 2.0, 3.0]).reshape([1, 3]);
    linear.forward(&input, &Pass::TRAINING).sum(Kind::Float).backward();

    let layer = &topology.layers()[0];
    assert!(layer.dense_gradient().unwrap_err().to_string().contains("announced"));
    let active: Vec<f32> = Vec::try_from(layer.active_gradient().unwrap().flatten(0, -1)).unwrap();
    assert_eq!(active, [1.0, 0.0, 3.0, 0.0, 0.0, 3.0]);
    topology.announce(GradientScope::All).unwrap();
    let dense = topology.layers()[0].dense_gradient().unwrap();
    assert_eq!(Vec::<f32>::try_from(dense.flatten(0, -1)).unwrap(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    assert_eq!(topology.layers()[0].dense_gradient_reads(), 1, "the refused one is no read");

    // What was not announced need not be a number.
    let layer = &topology.layers()[0];
    let _ = layer.weight().dense().grad().masked_fill_(&layer.active().logical_not(), f64::NAN);
    let active: Vec<f32> = Vec::try_from(layer.active_gradient().unwrap().flatten(0, -1)).unwrap();
    assert_eq!(active, [1.0, 0.0, 3.0, 0.0, 0.0, 3.0]);
}

#[test]
fn records_begin_with_the_first_topology() {
    let mut topology = half_active();
    assert_eq!(topology.layers_mut()[0].take_churn(), Churn::default());
    update(&mut topology, Regrowth::Forbidden);
    assert_eq!(topology.layers_mut()[0].take_churn(), Churn { born: 2, regrown: 0, dropped: 2 });
    assert_eq!(topology.layers()[0].ever_active_share(), 1.0);
    // Every connection has been active by now, so what is born has been there before.
    update(&mut topology, Regrowth::Forbidden);
    let churn = topology.layers_mut()[0].take_churn();
    assert!(churn.born > 0 && churn.regrown == churn.born, "{churn:?}");
}

#[test]
fn a_saved_topology_continues_its_random_stream() {
    let (_, mut topology) = one_layer([1.0; 6], 0.5);
    topology.allocate(Distribution::Erk).unwrap();
    topology.activate_random().unwrap();
    topology.start().unwrap();
    topology.layers_mut()[0].set_slot("sum", Tensor::from_slice(&[1.5f32]));
    topology.set_value("threshold", 0.25);
    let (tensors, state) = topology.save();
    let tensors: BTreeMap<_, _> =
        tensors.into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
    let text = serde_json::to_string(&state).unwrap();

    let (_, mut restored) = one_layer([1.0; 6], 0.5);
    restored.restore(&tensors, &serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(restored.value("threshold"), Some(0.25));
    assert!(restored.layers()[0].slot("sum").is_some());
    for topology in [&mut topology, &mut restored] {
        topology.activate_random().unwrap();
        topology.commit().unwrap();
    }
    assert_eq!(bits(topology.layers()[0].active()), bits(restored.layers()[0].active()));
}

#[test]
fn one_threshold_over_all_layers_moves_the_targets() {
    let mut parameters = Parameters::default();
    let streams = SeedStreams::new(7);
    let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
    builder.linear("a", 2, 1);
    builder.linear("b", 2, 2);
    let mut topology = Topology::new(&parameters, 0.5, &streams).unwrap();
    let scores = [
        Tensor::from_slice(&[1.0f32, 9.0]).reshape([1, 2]),
        Tensor::from_slice(&[3.0f32, 0.0, 4.0, 2.0]).reshape([2, 2]),
    ];
    topology.activate_globally(&scores, 3).unwrap();
    topology.commit().unwrap();
    let counts: Vec<usize> = topology.layers().iter().map(Layer::active_count).collect();
    assert_eq!(counts, [1, 2]);
    // A layer that would lose everything is an error, not an empty layer.
    let empty = topology.activate_globally(&scores, 1).unwrap_err();
    assert_eq!(empty.kind(), crate::ErrorKind::Collapsed);
}
