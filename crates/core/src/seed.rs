//! One seed per trial, split into named streams.
//!
//! Streams are derived by hashing the seed with a label, so drawing from one never moves
//! another: two strategies with one seed start from the same weights and see the same batches.
//! Streams that depend on a position (an epoch, a batch) carry it in their label, so resuming
//! needs no saved generator state.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The random streams of one trial.
///
/// | stream | used for |
/// |---|---|
/// | `init/<parameter>` | starting weights |
/// | `order/<epoch>` | order of the training examples |
/// | `augment/<batch>` | image augmentation |
/// | `topology` | a strategy's random choices |
/// | `dropout/<batch>` | seeds libtorch's own generator |
///
/// None but `topology` depends on the strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedStreams {
    seed: u64,
}

impl SeedStreams {
    /// The streams of the trial seed `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream of that name. The same seed and label always give the same numbers, on every
    /// platform and in every later version.
    pub fn stream(&self, label: &str) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.digest(label))
    }

    /// A seed for a generator that is not ours, such as libtorch's.
    pub fn libtorch_seed(&self, label: &str) -> i64 {
        let digest = self.digest(label);
        i64::from_le_bytes(digest[..8].try_into().expect("a SHA-256 digest has 32 bytes"))
    }

    fn digest(&self, label: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"dst seed stream 1\0");
        hash.update(self.seed.to_le_bytes());
        hash.update(label.as_bytes());
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_differ_by_label_and_seed_and_repeat() {
        let first = |seed, label: &str| SeedStreams::new(seed).stream(label).next_u64();
        assert_eq!(first(1, "order/0"), first(1, "order/0"));
        assert_ne!(first(1, "order/0"), first(1, "order/1"));
        assert_ne!(first(1, "order/0"), first(2, "order/0"));
    }

    /// Stored results stay comparable only while the streams stay what they are.
    #[test]
    fn streams_never_change_between_versions() {
        assert_eq!(SeedStreams::new(0).libtorch_seed("dropout/0"), 1_732_261_057_628_289_187);
    }
}
