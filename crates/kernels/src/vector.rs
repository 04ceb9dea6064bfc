//! Sixteen floats at once, so that each loop is written once for every instruction set.

use crate::tile::GROUPS;

/// Samples of one register group, whatever the instruction set: one register of AVX-512, two of
/// AVX2. All sums have the same order everywhere, so that results do not depend on the processor.
pub(crate) const LANES: usize = 16;

/// [`LANES`] floats.
///
/// The methods are `inline(always)` and dissolve into a caller with the right `target_feature`.
///
/// # Safety
/// All methods need the instruction set of their type; `load` and `store` need [`LANES`] floats
/// behind the pointer. No alignment is needed.
pub(crate) trait Vector: Copy {
    /// The most of them that one visit computes together: as many as there are registers for.
    const GROUPS: usize = GROUPS;
    /// A truth value for each lane.
    type Mask: Copy;

    /// All lanes `value`.
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self + a · b`, rounded once.
    unsafe fn fma(self, a: Self, b: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// Which lanes are larger than those of `best`, or NaN.
    unsafe fn larger(self, best: Self) -> Self::Mask;
    unsafe fn equal(self, other: Self) -> Self::Mask;
    /// The lanes of `yes` where the mask holds, and of `no` elsewhere.
    unsafe fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// The first lanes, at most [`LANES`], and zeros.
    #[inline(always)]
    unsafe fn load_first(from: *const f32, lanes: usize) -> Self {
        // SAFETY: so many floats by the caller's promise.
        unsafe {
            if lanes == LANES {
                return Self::load(from);
            }
            let mut all = [0.0; LANES];
            std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), lanes);
            Self::load(all.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, lanes: usize) {
        // SAFETY: so many floats by the caller's promise.
        unsafe {
            if lanes == LANES {
                return self.store(to);
            }
            let mut all = [0.0; LANES];
            self.store(all.as_mut_ptr());
            std::ptr::copy_nonoverlapping(all.as_ptr(), to, lanes);
        }
    }
    /// Asks for the cache line at `at`, which may be no valid address.
    #[inline(always)]
    fn prefetch(at: *const f32) {
        let _ = at;
    }
    /// The sums over the lanes of four: of lanes 8 apart, then 4 apart, then neighbours.
    unsafe fn sums(of: [Self; 4]) -> [f32; 4];
    /// Adds the sums to four floats.
    #[inline(always)]
    unsafe fn add_sums(of: [Self; 4], to: *mut f32) {
        // SAFETY: the caller promises four floats.
        unsafe {
            let to = to.cast::<[f32; 4]>();
            let (sums, before) = (Self::sums(of), to.read_unaligned());
            to.write_unaligned(std::array::from_fn(|i| before[i] + sums[i]));
        }
    }
}

/// For processors without the instructions below; a fused multiplication may be a call here.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

// SAFETY of all methods: they only use what the trait's caller promises of the pointers.
impl Vector for Portable {
    type Mask = [bool; LANES];

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises LANES floats.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises LANES floats.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|i| a.0[i].mul_add(b.0[i], self.0[i])))
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
    #[inline(always)]
    unsafe fn larger(self, best: Self) -> Self::Mask {
        std::array::from_fn(|i| self.0[i] > best.0[i] || self.0[i].is_nan())
    }
    #[inline(always)]
    unsafe fn equal(self, other: Self) -> Self::Mask {
        std::array::from_fn(|i| self.0[i] == other.0[i])
    }
    #[inline(always)]
    unsafe fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|i| if mask[i] { yes.0[i] } else { no.0[i] }))
    }
    #[inline(always)]
    unsafe fn sums(of: [Self; 4]) -> [f32; 4] {
        of.map(|v| {
            let eight: [f32; 8] = std::array::from_fn(|i| v.0[i] + v.0[i + 8]);
            let four: [f32; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
            (four[0] + four[1]) + (four[2] + four[3])
        })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;
    use crate::tile::MOST;

    /// Sums over the lanes of four registers.
    ///
    /// # Safety
    /// Needs AVX2.
    #[inline(always)]
    unsafe fn sums8(of: [__m256; 4]) -> [f32; 4] {
        // SAFETY: AVX2 by the caller; a register of four floats and an array of four are one size.
        unsafe {
            let [a, b, c, d] = of;
            let (a, b, c, d) = (halves4(a), halves4(b), halves4(c), halves4(d));
            std::mem::transmute(_mm_hadd_ps(_mm_hadd_ps(a, b), _mm_hadd_ps(c, d)))
        }
    }

    /// # Safety
    /// Needs AVX2.
    #[inline(always)]
    unsafe fn halves4(of: __m256) -> __m128 {
        // SAFETY: AVX2 by the caller.
        unsafe { _mm_add_ps(_mm256_castps256_ps128(of), _mm256_extractf128_ps::<1>(of)) }
    }

    /// # Safety
    /// Needs AVX2.
    #[inline(always)]
    unsafe fn larger8(x: __m256, best: __m256) -> __m256 {
        // SAFETY: AVX2 by the caller.
        unsafe {
            let greater = _mm256_cmp_ps::<_CMP_GT_OQ>(x, best);
            _mm256_or_ps(greater, _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x))
        }
    }

    /// # Safety
    /// Needs AVX-512.
    #[inline(always)]
    unsafe fn halves8(of: __m512) -> __m256 {
        // SAFETY: AVX-512 by the caller, which has AVX2.
        unsafe {
            let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(of));
            _mm256_add_ps(_mm512_castps512_ps256(of), _mm256_castpd_ps(high))
        }
    }

    /// Two registers of AVX2.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256, __m256);

    impl Vector for Avx2 {
        type Mask = Self;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: AVX2 by the trait's promise, as in all methods below.
            let all = unsafe { _mm256_set1_ps(value) };
            Self(all, all)
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: sixteen floats by the trait's promise.
            unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: sixteen floats by the trait's promise.
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }
        #[inline(always)]
        unsafe fn fma(self, a: Self, b: Self) -> Self {
            // SAFETY: see `splat`.
            unsafe { Self(_mm256_fmadd_ps(a.0, b.0, self.0), _mm256_fmadd_ps(a.1, b.1, self.1)) }
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            // SAFETY: see `splat`.
            unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see `splat`.
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn larger(self, best: Self) -> Self {
            // SAFETY: see `splat`.
            unsafe { Self(larger8(self.0, best.0), larger8(self.1, best.1)) }
        }
        #[inline(always)]
        unsafe fn equal(self, other: Self) -> Self {
            // SAFETY: see `splat`.
            unsafe {
                Self(
                    _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0),
                    _mm256_cmp_ps::<_CMP_EQ_OQ>(self.1, other.1),
                )
            }
        }
        #[inline(always)]
        unsafe fn select(mask: Self, yes: Self, no: Self) -> Self {
            // SAFETY: see `splat`.
            unsafe {
                Self(_mm256_blendv_ps(no.0, yes.0, mask.0), _mm256_blendv_ps(no.1, yes.1, mask.1))
            }
        }
        #[inline(always)]
        fn prefetch(at: *const f32) {
            // SAFETY: every x86-64 has it, and it reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
        }
        #[inline(always)]
        unsafe fn sums(of: [Self; 4]) -> [f32; 4] {
            // SAFETY: see `splat`.
            unsafe {
                let [a, b, c, d] = of;
                sums8([
                    _mm256_add_ps(a.0, a.1),
                    _mm256_add_ps(b.0, b.1),
                    _mm256_add_ps(c.0, c.1),
                    _mm256_add_ps(d.0, d.1),
                ])
            }
        }
    }

    /// One register of AVX-512.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    impl Vector for Avx512 {
        const GROUPS: usize = MOST;
        type Mask = __mmask16;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: AVX-512 by the trait's promise, as in all methods below.
            Self(unsafe { _mm512_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: sixteen floats by the trait's promise.
            Self(unsafe { _mm512_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: sixteen floats by the trait's promise.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn fma(self, a: Self, b: Self) -> Self {
            // SAFETY: see `splat`.
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            // SAFETY: see `splat`.
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see `splat`.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn larger(self, best: Self) -> __mmask16 {
            // SAFETY: see `splat`.
            unsafe {
                _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, best.0)
                    | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0)
            }
        }
        #[inline(always)]
        unsafe fn equal(self, other: Self) -> __mmask16 {
            // SAFETY: see `splat`.
            unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0) }
        }
        #[inline(always)]
        unsafe fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
            // SAFETY: see `splat`.
            Self(unsafe { _mm512_mask_blend_ps(mask, no.0, yes.0) })
        }
        #[inline(always)]
        fn prefetch(at: *const f32) {
            // SAFETY: every x86-64 has it, and it reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
        }
        #[inline(always)]
        unsafe fn sums(of: [Self; 4]) -> [f32; 4] {
            // SAFETY: see `splat`; AVX-512 has AVX2.
            unsafe {
                let [a, b, c, d] = of;
                sums8([halves8(a.0), halves8(b.0), halves8(c.0), halves8(d.0)])
            }
        }
    }
}
