//! MyMethod: drop what is weak for its neuron, grow where the gradient is large.

use dst_core::strategy::check;
use dst_core::tch::{Kind, Tensor};
use dst_core::{Exchange, Growth, Result, Shared, Strategy, View};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every `interval`, each layer drops the fraction `drop_fraction` of its active weights that are
/// weakest for their neuron and grows as many where the dense gradient is largest.
///
/// A weight that is small in the layer stays if its neuron has little else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MyMethod {
    // What drop-and-grow methods share: when updates happen, how many connections they exchange,
    // where training starts. Users set `my-method.drop_fraction` and the like.
    #[serde(flatten, with = "Shared::<MyMethod>")]
    #[schemars(with = "Shared<MyMethod>")]
    exchange: Exchange,
    /// How much a neuron's own scale counts, in [0, 1]: with 0 magnitudes are compared as they are,
    /// with 1 each is divided by the sum of the magnitudes of its neuron.
    balance: f64,
}

impl Default for MyMethod {
    fn default() -> Self {
        let exchange = Exchange { replaces_step: false, ..Exchange::STEPS };
        Self { exchange, balance: 1.0 }
    }
}

#[typetag::serde(name = "my-method")]
impl Strategy for MyMethod {
    fn validate(&self) -> Result<()> {
        self.exchange.validate()?;
        check::fraction("balance", self.balance)
    }

    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn reads_gradient(&self) -> bool {
        true
    }

    // Which active weights go: those with the lowest score. Scores have the weight's shape.
    fn weakest(&self, view: &View<'_>) -> Result<Tensor> {
        let magnitude = view.layer.magnitude();
        // A row per neuron, be the weight `[out, in]` or `[out, in, height, width]`.
        let rows = magnitude.reshape([magnitude.size()[0], -1]);
        let sums = rows.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
        // Neurons without connections have the sum 0, and nothing to drop.
        let scale = sums.clamp_min(f64::from(f32::MIN_POSITIVE)).pow_tensor_scalar(self.balance);
        Ok((rows / scale).view_as(&magnitude))
    }

    // Where as many connections grow.
    fn growth(&self, view: &View<'_>) -> Result<Growth> {
        Ok(Growth::Largest(view.gradient()?.abs()))
    }
}

dst_core::strategy_plugin! {
    MyMethod,
    name: "my-method",
    title: "MyMethod",
    paper: "unpublished",
    bibtex: "",
    summary: "Drops what is weak for its neuron and grows where the dense gradient is largest.",
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_conformance::{Bench, step};
    use dst_core::{BatchUse, Curve, Regrowth, Span};

    fn every_five_steps() -> Exchange {
        Exchange { interval: Span::Steps(5), ..MyMethod::default().exchange }
    }

    #[test]
    fn keeps_the_contract_in_every_variant() {
        for (exchange, balance) in [
            (every_five_steps(), 1.0),
            (every_five_steps(), 0.0),
            (Exchange { replaces_step: true, ..every_five_steps() }, 0.5),
            (Exchange { regrowth: Regrowth::Forbidden, ..every_five_steps() }, 1.0),
        ] {
            dst_conformance::check(&MyMethod { exchange, balance });
        }
    }

    /// Two neurons with three weights each, four of them active, drop fraction 0.5: two go and two
    /// come.
    ///
    /// | entry    | 0 | 1 | 2 | 3 | 4 | 5 |
    /// |----------|---|---|---|---|---|---|
    /// | weight   | 4 |-1 | 3 |-2 | · | · |
    /// | share    | ½ | ⅛ | ⅜ | 1 | · | · |
    /// | gradient | 0 | 0 | 0 | 1 | 2 |-8 |
    ///
    /// Entry 3 is smaller than entry 2, but it is all that its neuron has: entries 1 and 2 go, and
    /// entries 4 and 5 have the largest gradients.
    #[test]
    fn drops_what_is_weak_for_its_neuron() {
        let exchange = Exchange {
            drop_fraction: 0.5,
            decay: Curve::Constant,
            interval: Span::Steps(10),
            ..MyMethod::default().exchange
        };
        let strategy = MyMethod { exchange, balance: 1.0 };
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, 0.0, 0.0, 1.0, 2.0, -8.0]);
        assert_eq!(bench.after_backward(&strategy, &step(10)), BatchUse::Weights);
        bench.after_step(&strategy, &step(10));
        assert_eq!(bench.active(), [1, 0, 0, 1, 1, 1]);
        assert_eq!(bench.weights(), [4.0, 0.0, 0.0, -2.0, 0.0, 0.0]);

        // By magnitude, entry 3 would go with entry 1.
        let strategy = MyMethod { balance: 0.0, ..strategy };
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, 0.0, 0.0, 1.0, 2.0, -8.0]);
        bench.after_backward(&strategy, &step(10));
        bench.after_step(&strategy, &step(10));
        assert_eq!(bench.active(), [1, 0, 1, 0, 1, 1]);
    }
}
