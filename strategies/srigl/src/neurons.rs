//! Which neurons of a layer stay, and how many connections each has.

use std::cmp::Reverse;

/// Shares `total` connections among the neurons that are alive as evenly as whole numbers allow,
/// none having more than `inputs`. Earlier neurons have the one more.
pub(crate) fn fan_in(total: usize, alive: &[bool], inputs: usize) -> Vec<usize> {
    let count = alive.iter().filter(|alive| **alive).count().max(1);
    let (each, mut rest) = (total / count, total % count);
    let share = |alive: &bool| {
        if !alive {
            return 0;
        }
        let one_more = usize::from(rest > 0);
        rest -= one_more;
        (each + one_more).min(inputs)
    };
    alive.iter().map(share).collect()
}

/// The neurons that stay: those for which at least `ablation` of the present fan-in is salient, but
/// at least one connection, and in any case enough to hold all connections, the most salient first.
pub(crate) fn alive(
    salient: &[usize],
    present: &[usize],
    ablation: f64,
    inputs: usize,
) -> Vec<bool> {
    if ablation == 0.0 {
        return vec![true; salient.len()];
    }
    let total: usize = present.iter().sum();
    let neurons = present.iter().filter(|count| **count > 0).count().max(1);
    let fan_in = total as f64 / neurons as f64;
    let least = ((ablation * fan_in) as usize).max(1);
    let mut alive: Vec<bool> = salient.iter().map(|count| *count >= least).collect();
    let mut order: Vec<usize> = (0..salient.len()).collect();
    order.sort_by_key(|neuron| Reverse(salient[*neuron]));
    for neuron in order.into_iter().take(total.div_ceil(inputs)) {
        alive[neuron] = true;
    }
    alive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_shared_evenly() {
        assert_eq!(fan_in(7, &[true, true, true], 5), [3, 2, 2]);
        assert_eq!(fan_in(7, &[true, false, true], 5), [4, 0, 3]);
        assert_eq!(fan_in(9, &[true, true, true], 3), [3, 3, 3]);
    }

    /// A fan-in of 4: below 0.5 · 4 = 2 salient connections a neuron goes.
    #[test]
    fn neurons_with_few_salient_connections_go() {
        assert_eq!(alive(&[4, 1, 2, 5], &[4, 4, 4, 4], 0.5, 10), [true, false, true, true]);
        // The one that went is no part of the fan-in any more, which is 16 / 3.
        assert_eq!(alive(&[4, 1, 2, 5], &[6, 0, 5, 5], 0.5, 10), [true, false, true, true]);
        assert_eq!(alive(&[4, 0, 2, 5], &[6, 0, 5, 5], 0.1, 10), [true, false, true, true]);
        assert_eq!(alive(&[0, 0, 0, 5], &[1, 1, 1, 1], 0.0, 10), [true; 4]);
    }

    /// 16 connections of at most 6 inputs need three neurons.
    #[test]
    fn enough_neurons_stay_to_hold_all_connections() {
        assert_eq!(alive(&[1, 2, 0, 13], &[4, 4, 4, 4], 1.0, 6), [true, true, false, true]);
    }
}
