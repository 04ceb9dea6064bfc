//! A case on its way through its rounds.

use dst_conformance::Net;
use dst_core::tch::{Kind, Tensor, no_grad};
use dst_core::{BatchUse, Forward, Inputs, Layer, Probe, Result, Step, Strategy, Topology, plugin};

use crate::case::{Case, Masks, Round};

/// A strategy and the network that it changes, without an optimiser.
pub(crate) struct Course<'a> {
    case: &'a Case,
    strategy: Box<dyn Strategy>,
    topology: Topology,
    /// 1 or −1 for every weight, if the case has signs.
    signs: Vec<Tensor>,
}

impl<'a> Course<'a> {
    /// Lets the strategy look at the numbers of the first round and choose a topology, and replaces that by
    /// the masks of the case, unless the choice itself is compared.
    pub(crate) fn start(case: &'a Case, seed: u64) -> Self {
        let title = case.title();
        let strategy = plugin::strategy(&case.method, &case.parameters)
            .unwrap_or_else(|error| panic!("{title}: {error}"));
        let first = &case.rounds[0];
        let mut net = Net::new(&case.shapes, case.between.function(), seed);
        if let Some(samples) = &case.samples {
            let (rows, classes) = (samples.inputs.concat(), Tensor::from_slice(&samples.classes));
            let input = Tensor::from_slice(&rows).reshape([samples.inputs.len() as i64, -1]);
            net = net.with_samples(&input, classes);
        }
        net.set_weights(&first.weights);
        let mut topology = net.topology(case.density);
        let mut looks = FirstRound { net, gradients: shaped(&first.gradients, topology.layers()) };
        no_grad(|| strategy.init(&mut topology, &mut looks))
            .unwrap_or_else(|error| panic!("{title}: {error}"));
        topology.start().unwrap();
        let signs = case.signs.iter().flat_map(|slot| {
            let sign = |layer: &Layer| layer.slot(slot).expect("the case names a slot").copy();
            topology.layers().iter().map(sign).collect::<Vec<_>>()
        });
        let signs = signs.collect();
        let mut course = Self { case, strategy, topology, signs };
        if !case.looks_at_start {
            course.set_masks(&case.start);
        }
        course
    }

    fn set_masks(&mut self, masks: &Masks) {
        for (layer, mask) in self.topology.layers_mut().iter_mut().zip(masks) {
            // Methods that keep values behind the mask choose it anew in every step.
            if layer.active_count() == layer.target() && layer.weight().keeps_inactive() {
                continue;
            }
            let mask = Tensor::from_slice(mask).to_kind(Kind::Bool).reshape(layer.shape());
            layer.set_target(mask.sum(Kind::Int64).int64_value(&[]) as usize).unwrap();
            layer.activate(&mask).unwrap();
        }
        self.topology.commit().unwrap();
    }

    /// Makes the numbers of the round those of the network, 0 where nothing is active, and runs one step as
    /// the training loop does.
    pub(crate) fn run(&mut self, round: &Round, place: &str) {
        if let Some(masks) = &round.start {
            self.set_masks(masks);
        }
        let gradients = shaped(&round.gradients, self.topology.layers());
        let weights = self.signed(&round.weights);
        for ((layer, weight), gradient) in self.topology.layers().iter().zip(weights).zip(gradients)
        {
            layer.values().copy_(&weight);
            let mut dense = layer.weight().dense().shallow_clone();
            dense.zero_grad();
            (&dense * gradient).sum(Kind::Float).backward();
        }
        no_grad(|| self.topology.publish());
        self.step(round.step).unwrap_or_else(|error| panic!("{place}: {error}"));
    }

    fn step(&mut self, index: u64) -> Result<()> {
        let Case { per_epoch, epochs, learning_rate, .. } = *self.case;
        let start = Step { learning_rate, ..Step::first(per_epoch, epochs) };
        let step = start.at(index);
        let Self { strategy, topology, .. } = self;
        topology.announce(strategy.gradient_scope(&step))?;
        no_grad(|| {
            if strategy.after_backward(&step, topology)? == BatchUse::Weights {
                strategy.after_step(&step, topology)?;
            }
            topology.commit().map(|_| ())
        })
    }

    pub(crate) fn masks(&self) -> Masks {
        let bits = |layer: &Layer| {
            Vec::try_from(layer.active().to_kind(Kind::Uint8).flatten(0, -1)).unwrap()
        };
        self.topology.layers().iter().map(bits).collect()
    }

    /// Has what stayed the value that the round says, and what was drawn that of what is new?
    pub(crate) fn check_values(&self, round: &Round, place: &str) {
        let (Some(kept), Some(drawn)) = (&round.values, &round.drawn) else { return };
        let masks = self.masks();
        let newborn = kept.iter().map(|layer| vec![drawn.newborn; layer.len()]).collect::<Vec<_>>();
        let (kept, newborn) = (self.signed(kept), self.signed(&newborn));
        for (index, layer) in self.topology.layers().iter().enumerate() {
            let (values, kept, newborn) =
                (numbers(&layer.values()), numbers(&kept[index]), numbers(&newborn[index]));
            for (entry, value) in values.into_iter().enumerate() {
                let place = format!("{place}, layer {index}, entry {entry}");
                match (masks[index][entry], round.expected[index][entry]) {
                    (0, _) => assert_eq!(value, 0.0, "{place}: it is inactive"),
                    (_, 0) => assert_eq!(value, newborn[entry], "{place}: it is new"),
                    _ => {
                        let difference = (value - kept[entry]).abs();
                        assert!(difference < 1e-6, "{place}: {value}, not {}", kept[entry]);
                    }
                }
            }
        }
    }

    /// Numbers in the shape of the weights, with the signs of the connections if the case has some.
    fn signed(&self, numbers: &[Vec<f32>]) -> Vec<Tensor> {
        let mut shaped = shaped(numbers, self.topology.layers());
        for (values, sign) in shaped.iter_mut().zip(&self.signs) {
            *values = &*values * sign;
        }
        shaped
    }
}

fn shaped(numbers: &[Vec<f32>], layers: &[Layer]) -> Vec<Tensor> {
    let shape =
        |(values, layer): (&Vec<f32>, &Layer)| Tensor::from_slice(values).reshape(layer.shape());
    numbers.iter().zip(layers).map(shape).collect()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

/// The network of a case, whose gradients are those of the first round.
struct FirstRound {
    net: Net,
    gradients: Vec<Tensor>,
}

impl Probe for FirstRound {
    fn gradients(&mut self, _: usize) -> Result<Vec<Tensor>> {
        Ok(self.gradients.iter().map(Tensor::copy).collect())
    }

    fn forward(
        &mut self,
        topology: &Topology,
        inputs: Inputs,
        visit: &mut dyn FnMut(&Forward) -> Result<()>,
    ) -> Result<()> {
        self.net.forward(topology, inputs, visit)
    }
}
