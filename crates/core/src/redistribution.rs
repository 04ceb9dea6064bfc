//! Sharing the connections that an update removed among all layers, for methods that let them move
//! from one layer to another.
//!
//! A method says in [`Strategy::counts`](crate::Strategy::counts) how many connections each layer
//! loses and what it deserves; [`counts`] says what each has after the update.
//!
//! ```
//! use dst_core::redistribution::{Candidate, counts};
//!
//! // Both layers lose two of four connections, and the second deserves three times as much.
//! let layer = |merit| Candidate { size: 100, active: 4, removed: 2, merit };
//! let targets = counts(&[layer(1.0), layer(3.0)]).into_iter().map(|counts| counts.target);
//! assert_eq!(targets.collect::<Vec<_>>(), [3, 5]);
//! ```

use crate::exchange::Counts;

/// A layer grows at most this share of its free positions, as in the reference code, so that
/// none fills up completely while another has room.
const LARGEST_SHARE: f64 = 0.99;

/// What the sharing needs to know about a layer; `removed` ≤ `active` ≤ `size`.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Entries, active or not.
    pub size: usize,
    /// Active entries before the update.
    pub active: usize,
    /// How many of them the update removes.
    pub removed: usize,
    /// How much the layer wants, relative to others: not negative, in any unit.
    pub merit: f64,
}

impl Candidate {
    /// Positions that can be grown: those free before and those that the update frees.
    fn room(&self) -> usize {
        self.size - self.active + self.removed
    }

    /// A layer that loses everything must get something back, or the network is cut.
    fn least(&self) -> usize {
        usize::from(self.removed == self.active)
    }
}

/// What an update does to each layer: drops what it removes, and grows what [`grown`] gives it.
pub fn counts(layers: &[Candidate]) -> Vec<Counts> {
    let counts = |(layer, grown): (&Candidate, usize)| Counts {
        drop: layer.removed,
        target: layer.active - layer.removed + grown,
    };
    layers.iter().zip(grown(layers)).map(counts).collect()
}

/// How many connections each layer grows. Together they are exactly those that were removed,
/// and every layer keeps at least one.
///
/// Each gets its share of the merit. What exceeds a layer's room goes to the others in equal
/// parts. Without any merit, each layer gets back what it lost.
pub fn grown(layers: &[Candidate]) -> Vec<usize> {
    let total: usize = layers.iter().map(|layer| layer.removed).sum();
    let mut most: Vec<usize> = layers
        .iter()
        .map(|layer| ((LARGEST_SHARE * layer.room() as f64) as usize).max(layer.least()))
        .collect();
    if most.iter().sum::<usize>() < total {
        // So close to dense, the total can only be kept if layers may fill up.
        most = layers.iter().map(Candidate::room).collect();
    }
    let merit: f64 = layers.iter().map(|layer| layer.merit).sum();
    let mut quotas: Vec<f64> = layers
        .iter()
        .map(|layer| match merit > 0.0 && merit.is_finite() {
            true => total as f64 * layer.merit / merit,
            false => layer.removed as f64,
        })
        .collect();
    spread_excess(&mut quotas, &most);
    whole(&quotas, layers, &most, total)
}

/// Cuts quotas to what each layer takes at most and spreads the excess evenly over those with
/// room, until none is left. Every round fills a layer or is the last.
fn spread_excess(quotas: &mut [f64], most: &[usize]) {
    loop {
        let mut excess = 0.0;
        for (quota, most) in quotas.iter_mut().zip(most) {
            let kept = quota.min(*most as f64);
            excess += *quota - kept;
            *quota = kept;
        }
        let is_open = |quota: f64, most: usize| quota < most as f64;
        let open = quotas.iter().zip(most).filter(|(quota, most)| is_open(**quota, **most)).count();
        if excess <= 0.0 || open == 0 {
            return;
        }
        for (quota, most) in quotas.iter_mut().zip(most) {
            if is_open(*quota, *most) {
                *quota += excess / open as f64;
            }
        }
    }
}

/// Whole counts near the quotas that add up to `total`: largest remainders first, earlier
/// layers first on ties.
fn whole(quotas: &[f64], layers: &[Candidate], most: &[usize], total: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = quotas
        .iter()
        .zip(layers)
        .zip(most)
        .map(|((quota, layer), most)| (quota.floor() as usize).clamp(layer.least(), *most))
        .collect();
    let all = 0..counts.len();
    while counts.iter().sum::<usize>() < total {
        let layer = all
            .clone()
            .filter(|&layer| counts[layer] < most[layer])
            .max_by(|&a, &b| {
                let remainder = |layer: usize| quotas[layer] - counts[layer] as f64;
                // `max_by` keeps the last of equals; the reversed index keeps the first layer.
                remainder(a).total_cmp(&remainder(b)).then(b.cmp(&a))
            })
            .expect("the layers take at least the total together");
        counts[layer] += 1;
    }
    while counts.iter().sum::<usize>() > total {
        // Only the one connection for emptied layers can overshoot; the largest gain pays.
        let layer = all
            .clone()
            .max_by_key(|&layer| counts[layer] - layers[layer].least())
            .expect("there are layers");
        counts[layer] -= 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layer(size: usize, active: usize, removed: usize, merit: f64) -> Candidate {
        Candidate { size, active, removed, merit }
    }

    #[test]
    fn merit_decides_where_connections_grow() {
        // Ten were removed; merits 1 : 3 : 1 give 2, 6 and 2.
        let layers = [layer(100, 10, 5, 0.1), layer(100, 8, 4, 0.3), layer(100, 2, 1, 0.1)];
        assert_eq!(grown(&layers), [2, 6, 2]);
    }

    #[test]
    fn fractions_go_to_the_largest_remainders() {
        // Five in equal parts are 1.67 each; the first two get the rest.
        let layers = [layer(100, 10, 3, 1.0), layer(100, 8, 2, 1.0), layer(100, 4, 0, 1.0)];
        assert_eq!(grown(&layers), [2, 2, 1]);
    }

    #[test]
    fn excess_is_spread_evenly() {
        // The first wants 16 of 20 and has room for 10 positions, of which it takes 9; the
        // other 7 are 3.5 each on top of 2, and the earlier layer gets the half.
        let layers = [layer(10, 10, 10, 8.0), layer(100, 10, 5, 1.0), layer(100, 10, 5, 1.0)];
        assert_eq!(grown(&layers), [9, 6, 5]);
    }

    #[test]
    fn a_dense_network_stays_dense() {
        assert_eq!(grown(&[layer(10, 10, 5, 0.7), layer(20, 20, 10, 0.1)]), [5, 10]);
    }

    #[test]
    fn without_merit_every_layer_gets_back_what_it_lost() {
        for merit in [0.0, f64::NAN, f64::INFINITY] {
            assert_eq!(grown(&[layer(100, 8, 4, merit), layer(100, 2, 1, 0.0)]), [4, 1]);
        }
    }

    #[test]
    fn a_layer_that_loses_everything_keeps_one() {
        assert_eq!(grown(&[layer(100, 1, 1, 0.0), layer(100, 10, 5, 1.0)]), [1, 5]);
        assert_eq!(grown(&[layer(1, 1, 1, 0.0), layer(2, 1, 1, 1.0)]), [1, 1]);
    }

    proptest! {
        #[test]
        fn totals_are_kept_and_counts_fit(
            rows in prop::collection::vec((1usize..200, 0.0f64..=1.0, 0.0f64..=1.0, 0.0f64..1e3), 1..8),
        ) {
            let layers: Vec<Candidate> = rows
                .into_iter()
                .map(|(size, density, rate, merit)| {
                    let active = ((density * size as f64) as usize).clamp(1, size);
                    layer(size, active, (rate * active as f64).ceil() as usize, merit)
                })
                .collect();
            let counts = grown(&layers);
            let removed: usize = layers.iter().map(|layer| layer.removed).sum();
            prop_assert_eq!(counts.iter().sum::<usize>(), removed);
            for (count, layer) in counts.iter().zip(&layers) {
                let after = layer.active - layer.removed + count;
                prop_assert!((1..=layer.size).contains(&after), "{layer:?}: {count}");
            }
        }
    }
}
