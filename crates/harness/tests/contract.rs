//! Every strategy that the harness links keeps the contract, found through the registry.

use dst_core::plugin::{Plugin, StrategyPlugin};
// Links the plug-ins.
use harness as _;

#[test]
fn every_registered_strategy_keeps_the_contract() {
    let breaches = dst_conformance::breaches().expect("every name is registered once");
    let said: Vec<String> =
        breaches.iter().map(|(name, breach)| format!("{name}: {breach}")).collect();
    assert!(said.is_empty(), "{} break the contract:\n{}", said.len(), said.join("\n"));
    let count = StrategyPlugin::all().expect("every name is registered once").len();
    assert!(count >= 24, "only {count} strategies are linked");
}
