//! Several float32 values at once: one set of plain operations, written for every instruction set.
//!
//! Kernels are generic over `Lanes`, so that their arithmetic is written once. Operations are those of IEEE 754 without
//! contraction; `most` and `least` give the second value where the two do not compare. A kernel that is made of them
//! gives the same bits at every level.

/// # Safety
/// Every method may only be called where the processor has the instruction set of the type, and pointers must be good
/// for `N` values.
#[allow(clippy::missing_safety_doc)]
pub unsafe trait Lanes: Copy {
    const N: usize;
    unsafe fn splat(v: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Bytes as they are, 0 to 255.
    unsafe fn load_bytes(from: *const u8) -> Self;
    /// Rounded half up; the values must lie between 0 and 255.
    unsafe fn store_bytes(self, to: *mut u8);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self > other ? self : other`
    unsafe fn most(self, other: Self) -> Self;
    /// `self < other ? self : other`
    unsafe fn least(self, other: Self) -> Self;
    unsafe fn floor(self) -> Self;
    /// `self >= other ? yes : no`
    unsafe fn if_at_least(self, other: Self, yes: Self, no: Self) -> Self;
    /// Whether all bits are the same.
    unsafe fn same(self, other: Self) -> bool;
}

/// Eight values for processors without a kernel of their own; the compiler makes of them what there is.
#[derive(Clone, Copy)]
pub struct Eight([f32; 8]);

impl Eight {
    #[inline(always)]
    fn each(mut self, other: Eight, f: impl Fn(f32, f32) -> f32) -> Eight {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        self
    }

    #[inline(always)]
    fn choose(self, other: Eight, yes: Eight, mut no: Eight, f: impl Fn(f32, f32) -> bool) -> Eight {
        for k in 0..8 {
            no.0[k] = if f(self.0[k], other.0[k]) { yes.0[k] } else { no.0[k] };
        }
        no
    }
}

// SAFETY: plain Rust, which every processor can do.
unsafe impl Lanes for Eight {
    const N: usize = 8;
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        Eight([v; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for eight values.
        Eight(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for eight values.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        // SAFETY: the caller vouches for eight values.
        Eight(unsafe { from.cast::<[u8; 8]>().read_unaligned() }.map(f32::from))
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        // SAFETY: the caller vouches for eight values.
        unsafe { to.cast::<[u8; 8]>().write_unaligned(self.0.map(|v| (v + 0.5) as u8)) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.each(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.each(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn most(self, other: Self) -> Self {
        self.each(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn least(self, other: Self) -> Self {
        self.each(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn floor(self) -> Self {
        self.each(self, |a, _| a.floor())
    }
    #[inline(always)]
    unsafe fn if_at_least(self, other: Self, yes: Self, no: Self) -> Self {
        self.choose(other, yes, no, |a, b| a >= b)
    }
    #[inline(always)]
    unsafe fn same(self, other: Self) -> bool {
        self.0.map(f32::to_bits) == other.0.map(f32::to_bits)
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub struct Avx2(__m256);
    #[derive(Clone, Copy)]
    pub struct Avx512(__m512);

    /// The operations that both instruction sets spell alike.
    macro_rules! alike {
        ($splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $max:ident, $min:ident) => {
            #[inline(always)]
            unsafe fn splat(v: f32) -> Self {
                // SAFETY: the caller vouches for the processor, here and below.
                Self(unsafe { $splat(v) })
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the caller vouches for the values behind the pointer.
                Self(unsafe { $load(from) })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: as above.
                unsafe { $store(to, self.0) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: the caller vouches for the processor.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $sub(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $mul(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn most(self, other: Self) -> Self {
                // SAFETY: as above. The instruction gives its second operand where the two do not compare.
                Self(unsafe { $max(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn least(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $min(self.0, other.0) })
            }
        };
    }

    // SAFETY: every method states in its caller's contract what it needs.
    unsafe impl Lanes for Avx2 {
        const N: usize = 8;
        alike!(
            _mm256_set1_ps,
            _mm256_loadu_ps,
            _mm256_storeu_ps,
            _mm256_add_ps,
            _mm256_sub_ps,
            _mm256_mul_ps,
            _mm256_max_ps,
            _mm256_min_ps
        );
        #[inline(always)]
        unsafe fn load_bytes(from: *const u8) -> Self {
            // SAFETY: the caller vouches for eight bytes and for AVX2.
            Self(unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()))) })
        }
        #[inline(always)]
        unsafe fn store_bytes(self, to: *mut u8) {
            // SAFETY: as above.
            unsafe {
                let v = _mm256_cvttps_epi32(_mm256_add_ps(self.0, _mm256_set1_ps(0.5)));
                let words = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
                _mm_storel_epi64(to.cast(), _mm_packus_epi16(words, words));
            }
        }
        #[inline(always)]
        unsafe fn floor(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_floor_ps(self.0) })
        }
        #[inline(always)]
        unsafe fn if_at_least(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_GE_OQ>(self.0, other.0)) })
        }
        #[inline(always)]
        unsafe fn same(self, other: Self) -> bool {
            // SAFETY: as above.
            unsafe {
                let equal = _mm256_cmpeq_epi32(_mm256_castps_si256(self.0), _mm256_castps_si256(other.0));
                _mm256_movemask_epi8(equal) == -1
            }
        }
    }

    // SAFETY: every method states in its caller's contract what it needs.
    unsafe impl Lanes for Avx512 {
        const N: usize = 16;
        alike!(
            _mm512_set1_ps,
            _mm512_loadu_ps,
            _mm512_storeu_ps,
            _mm512_add_ps,
            _mm512_sub_ps,
            _mm512_mul_ps,
            _mm512_max_ps,
            _mm512_min_ps
        );
        #[inline(always)]
        unsafe fn load_bytes(from: *const u8) -> Self {
            // SAFETY: the caller vouches for sixteen bytes and for AVX-512.
            Self(unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()))) })
        }
        #[inline(always)]
        unsafe fn store_bytes(self, to: *mut u8) {
            // SAFETY: as above.
            unsafe {
                let v = _mm512_cvttps_epi32(_mm512_add_ps(self.0, _mm512_set1_ps(0.5)));
                _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(v));
            }
        }
        #[inline(always)]
        unsafe fn floor(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(self.0) })
        }
        #[inline(always)]
        unsafe fn if_at_least(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_mask_mov_ps(no.0, _mm512_cmp_ps_mask::<_CMP_GE_OQ>(self.0, other.0), yes.0) })
        }
        #[inline(always)]
        unsafe fn same(self, other: Self) -> bool {
            // SAFETY: as above.
            unsafe { _mm512_cmpneq_epi32_mask(_mm512_castps_si512(self.0), _mm512_castps_si512(other.0)) == 0 }
        }
    }
}
