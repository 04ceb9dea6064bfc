//! Strategies that are wrong on purpose: the contract finds each, and its sentence names the fault.
//!
//! All are one right method, [`right`], with one hook spoilt.

mod forecasts;
mod gradients;
mod layers;
mod limits;
mod right;
mod seeds;
mod shapes;
mod state;
mod values;

use dst_core::Strategy;

/// The contract refuses the strategy with a sentence that contains `sentence`, and says what to do
/// next.
#[track_caller]
fn refused(strategy: &dyn Strategy, sentence: &str) {
    match dst_conformance::verify(strategy) {
        Ok(()) => panic!("{strategy:?} keeps the contract"),
        Err(breach) => {
            let said = breach.to_string();
            assert!(said.contains(sentence), "expected '{sentence}', got: {said}");
            assert!(said.lines().count() > 1, "there is no next step: {said}");
        }
    }
}

// Defines a strategy without parameters and its plug-in record, of which further lines change
// fields.
macro_rules! method {
    ($type:ident, $name:literal $(, $field:ident: $value:expr)* $(,)?) => {
        #[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        struct $type {}

        $crate::register!($type, $name $(, $field: $value)*);
    };
}
use method;

/// The plug-in record of a strategy.
macro_rules! register {
    ($type:ty, $name:literal $(, $field:ident: $value:expr)* $(,)?) => {
        inventory::submit! {
            dst_core::plugin::StrategyPlugin {
                name: $name,
                title: stringify!($type),
                paper: "none",
                summary: "A method for tests of the contract.",
                $($field: $value,)*
                ..dst_core::plugin::StrategyPlugin::of::<$type>("")
            }
        }
    };
}
use register;
