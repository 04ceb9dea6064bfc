//! Instruction sets, and which of them this processor has.

use std::sync::OnceLock;

use crate::Error;
#[cfg(target_arch = "x86_64")]
use crate::vector::x86;
use crate::vector::{Portable, Vector};

/// An instruction set that the kernels are compiled for. Results are the same bits with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Instructions {
    /// AVX-512F, with AVX2 and FMA.
    Avx512,
    /// AVX2 and FMA.
    Avx2,
    /// What the compiler was told to use. Where it has no fused multiplication this is very slow.
    Portable,
}

impl Instructions {
    /// Those that this processor has, the widest first; the last is always [`Self::Portable`].
    pub fn available() -> Vec<Self> {
        let all = [Self::Avx512, Self::Avx2, Self::Portable];
        all.into_iter().filter(|set| Level::of(*set).is_ok()).collect()
    }
}

/// An instruction set that this processor has: there is no other way to one than [`Level::of`],
/// so that kernels may rely on it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512(Proof),
    #[cfg(target_arch = "x86_64")]
    Avx2(Proof),
    Portable,
}

/// Cannot be made outside of this file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof(());

impl Level {
    /// The widest of this processor, asked once.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            let first = Instructions::available()[0];
            Self::of(first).expect("it is available")
        })
    }

    /// # Errors
    /// If this processor lacks it.
    pub(crate) fn of(set: Instructions) -> Result<Self, Error> {
        match set {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 if has_avx2() && is_x86_feature_detected!("avx512f") => {
                Ok(Self::Avx512(Proof(())))
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 if has_avx2() => Ok(Self::Avx2(Proof(()))),
            Instructions::Portable => Ok(Self::Portable),
            Instructions::Avx512 => Err(Error::Instructions("AVX-512")),
            Instructions::Avx2 => Err(Error::Instructions("AVX2 with FMA")),
        }
    }

    /// Vectors that one visit computes together at most.
    pub(crate) fn groups(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => x86::Avx512::GROUPS,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => x86::Avx2::GROUPS,
            Self::Portable => Portable::GROUPS,
        }
    }

    pub(crate) fn instructions(self) -> Instructions {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Instructions::Avx512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Instructions::Avx2,
            Self::Portable => Instructions::Portable,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}
