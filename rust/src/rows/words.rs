//! Several 16-bit words at once: one set of plain integer operations, written for every instruction set.

/// # Safety
/// Every method may only be called where the processor has the instruction set of the type, and pointers must be good
/// for `N` values.
#[allow(clippy::missing_safety_doc)]
pub unsafe trait Words: Copy {
    const N: usize;
    unsafe fn splat(v: i16) -> Self;
    unsafe fn load(from: *const i16) -> Self;
    unsafe fn store(self, to: *mut i16);
    /// `v * scale`, rounded to the nearest whole number (ties to the even one) and held to 16 bits.
    unsafe fn load_floats(from: *const f32, scale: f32) -> Self;
    /// `v * gain`, and `+ add` if ADD; around the caches if PAST, where the place begins as a vector does.
    unsafe fn store_floats<const PAST: bool, const ADD: bool>(self, to: *mut f32, gain: f32, add: f32);
    /// Levels of 64 steps, rounded half up, held between 0 and 255.
    unsafe fn store_levels(self, to: *mut u8);
    /// The sum, less the bits that do not fit.
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    /// The sum, held to 16 bits.
    unsafe fn add_held(self, other: Self) -> Self;
    /// The product with a fraction in 15 bits, rounded half up.
    unsafe fn part(self, fraction: Self) -> Self;
    unsafe fn most(self, other: Self) -> Self;
    unsafe fn least(self, other: Self) -> Self;
    unsafe fn same(self, other: Self) -> bool;
    /// The first word.
    unsafe fn first(self) -> i16;
}

/// The product of a word with a fraction in 15 bits, rounded half up.
#[inline(always)]
pub fn part(v: i16, fraction: i16) -> i16 {
    ((i32::from(v) * i32::from(fraction) + 0x4000) >> 15) as i16
}

/// The nearest whole number, ties to the even one, held to 16 bits.
#[inline(always)]
fn nearest(v: f32) -> i16 {
    let v = if v > -32768.0 { v } else { -32768.0 };
    let v = if v < 32767.0 { v } else { 32767.0 };
    // Adding so much leaves no room for a fraction: the processor rounds.
    let rounded = (v.abs() + 8_388_608.0) - 8_388_608.0;
    (if v < 0.0 { -rounded } else { rounded }) as i16
}

/// Eight words for processors without a kernel of their own; the compiler makes of them what there is.
#[derive(Clone, Copy)]
pub struct Eight([i16; 8]);

impl Eight {
    #[inline(always)]
    fn each(mut self, other: Eight, f: impl Fn(i16, i16) -> i16) -> Eight {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        self
    }
}

// SAFETY: plain Rust, which every processor can do.
unsafe impl Words for Eight {
    const N: usize = 8;
    #[inline(always)]
    unsafe fn splat(v: i16) -> Self {
        Eight([v; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const i16) -> Self {
        // SAFETY: the caller vouches for eight values.
        Eight(unsafe { from.cast::<[i16; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut i16) {
        // SAFETY: the caller vouches for eight values.
        unsafe { to.cast::<[i16; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn load_floats(from: *const f32, scale: f32) -> Self {
        // SAFETY: the caller vouches for eight values.
        Eight(unsafe { from.cast::<[f32; 8]>().read_unaligned() }.map(|v| nearest(v * scale)))
    }
    #[inline(always)]
    unsafe fn store_floats<const PAST: bool, const ADD: bool>(self, to: *mut f32, gain: f32, add: f32) {
        // SAFETY: the caller vouches for eight values.
        unsafe {
            to.cast::<[f32; 8]>()
                .write_unaligned(self.0.map(|v| if ADD { f32::from(v) * gain + add } else { f32::from(v) * gain }))
        }
    }
    #[inline(always)]
    unsafe fn store_levels(self, to: *mut u8) {
        let level = |v: i16| (v.saturating_add(32) >> 6).clamp(0, 255) as u8;
        // SAFETY: the caller vouches for eight values.
        unsafe { to.cast::<[u8; 8]>().write_unaligned(self.0.map(level)) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.each(other, i16::wrapping_add)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.each(other, i16::wrapping_sub)
    }
    #[inline(always)]
    unsafe fn add_held(self, other: Self) -> Self {
        self.each(other, i16::saturating_add)
    }
    #[inline(always)]
    unsafe fn part(self, fraction: Self) -> Self {
        self.each(fraction, part)
    }
    #[inline(always)]
    unsafe fn most(self, other: Self) -> Self {
        self.each(other, i16::max)
    }
    #[inline(always)]
    unsafe fn least(self, other: Self) -> Self {
        self.each(other, i16::min)
    }
    #[inline(always)]
    unsafe fn same(self, other: Self) -> bool {
        self.0 == other.0
    }
    #[inline(always)]
    unsafe fn first(self) -> i16 {
        self.0[0]
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Words;
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub struct Avx2(__m256i);
    #[derive(Clone, Copy)]
    pub struct Avx512(__m512i);

    /// The operations that both instruction sets spell alike.
    macro_rules! alike {
        ($($name:ident = $of:ident),*) => {
            $(
                #[inline(always)]
                unsafe fn $name(self, other: Self) -> Self {
                    // SAFETY: the caller vouches for the processor.
                    Self(unsafe { $of(self.0, other.0) })
                }
            )*
        };
    }

    // SAFETY: every method states in its caller's contract what it needs.
    unsafe impl Words for Avx2 {
        const N: usize = 16;
        alike!(
            add = _mm256_add_epi16,
            sub = _mm256_sub_epi16,
            add_held = _mm256_adds_epi16,
            part = _mm256_mulhrs_epi16,
            most = _mm256_max_epi16,
            least = _mm256_min_epi16
        );
        #[inline(always)]
        unsafe fn splat(v: i16) -> Self {
            // SAFETY: the caller vouches for AVX2, here and below.
            Self(unsafe { _mm256_set1_epi16(v) })
        }
        #[inline(always)]
        unsafe fn load(from: *const i16) -> Self {
            // SAFETY: the caller vouches for sixteen values.
            Self(unsafe { _mm256_loadu_si256(from.cast()) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut i16) {
            // SAFETY: as above.
            unsafe { _mm256_storeu_si256(to.cast(), self.0) }
        }
        #[inline(always)]
        unsafe fn load_floats(from: *const f32, scale: f32) -> Self {
            // SAFETY: as above.
            unsafe {
                let scale = _mm256_set1_ps(scale);
                let low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from), scale));
                let high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from.add(8)), scale));
                Self(_mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(low, high)))
            }
        }
        #[inline(always)]
        unsafe fn store_floats<const PAST: bool, const ADD: bool>(self, to: *mut f32, gain: f32, add: f32) {
            // SAFETY: as above.
            unsafe {
                let (gain, add) = (_mm256_set1_ps(gain), _mm256_set1_ps(add));
                let low = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(self.0)));
                let high = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256::<1>(self.0)));
                let (mut low, mut high) = (_mm256_mul_ps(low, gain), _mm256_mul_ps(high, gain));
                if ADD {
                    (low, high) = (_mm256_add_ps(low, add), _mm256_add_ps(high, add));
                }
                if PAST && to.addr().is_multiple_of(32) {
                    _mm256_stream_ps(to, low);
                    _mm256_stream_ps(to.add(8), high);
                } else {
                    _mm256_storeu_ps(to, low);
                    _mm256_storeu_ps(to.add(8), high);
                }
            }
        }
        #[inline(always)]
        unsafe fn store_levels(self, to: *mut u8) {
            // SAFETY: as above.
            unsafe {
                let v = _mm256_srai_epi16::<6>(_mm256_adds_epi16(self.0, _mm256_set1_epi16(32)));
                let packed = _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
                _mm_storeu_si128(to.cast(), packed);
            }
        }
        #[inline(always)]
        unsafe fn same(self, other: Self) -> bool {
            // SAFETY: as above.
            unsafe { _mm256_movemask_epi8(_mm256_cmpeq_epi16(self.0, other.0)) == -1 }
        }
        #[inline(always)]
        unsafe fn first(self) -> i16 {
            // SAFETY: as above.
            unsafe { _mm256_cvtsi256_si32(self.0) as i16 }
        }
    }

    // SAFETY: every method states in its caller's contract what it needs.
    unsafe impl Words for Avx512 {
        const N: usize = 32;
        alike!(
            add = _mm512_add_epi16,
            sub = _mm512_sub_epi16,
            add_held = _mm512_adds_epi16,
            part = _mm512_mulhrs_epi16,
            most = _mm512_max_epi16,
            least = _mm512_min_epi16
        );
        #[inline(always)]
        unsafe fn splat(v: i16) -> Self {
            // SAFETY: the caller vouches for AVX-512, here and below.
            Self(unsafe { _mm512_set1_epi16(v) })
        }
        #[inline(always)]
        unsafe fn load(from: *const i16) -> Self {
            // SAFETY: the caller vouches for thirty-two values.
            Self(unsafe { _mm512_loadu_si512(from.cast()) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut i16) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_si512(to.cast(), self.0) }
        }
        #[inline(always)]
        unsafe fn load_floats(from: *const f32, scale: f32) -> Self {
            // SAFETY: as above.
            unsafe {
                let scale = _mm512_set1_ps(scale);
                let low = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(from), scale));
                let high = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(from.add(16)), scale));
                let (low, high) = (_mm512_cvtsepi32_epi16(low), _mm512_cvtsepi32_epi16(high));
                Self(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high))
            }
        }
        #[inline(always)]
        unsafe fn store_floats<const PAST: bool, const ADD: bool>(self, to: *mut f32, gain: f32, add: f32) {
            // SAFETY: as above.
            unsafe {
                let (gain, add) = (_mm512_set1_ps(gain), _mm512_set1_ps(add));
                let low = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_castsi512_si256(self.0)));
                let high = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64::<1>(self.0)));
                let (mut low, mut high) = (_mm512_mul_ps(low, gain), _mm512_mul_ps(high, gain));
                if ADD {
                    (low, high) = (_mm512_add_ps(low, add), _mm512_add_ps(high, add));
                }
                if PAST && to.addr().is_multiple_of(64) {
                    _mm512_stream_ps(to, low);
                    _mm512_stream_ps(to.add(16), high);
                } else {
                    _mm512_storeu_ps(to, low);
                    _mm512_storeu_ps(to.add(16), high);
                }
            }
        }
        #[inline(always)]
        unsafe fn store_levels(self, to: *mut u8) {
            // SAFETY: as above.
            unsafe {
                let v = _mm512_srai_epi16::<6>(_mm512_adds_epi16(self.0, _mm512_set1_epi16(32)));
                let v = _mm512_max_epi16(v, _mm512_setzero_si512());
                _mm256_storeu_si256(to.cast(), _mm512_cvtusepi16_epi8(v));
            }
        }
        #[inline(always)]
        unsafe fn same(self, other: Self) -> bool {
            // SAFETY: as above.
            unsafe { _mm512_cmpneq_epi16_mask(self.0, other.0) == 0 }
        }
        #[inline(always)]
        unsafe fn first(self) -> i16 {
            // SAFETY: as above.
            unsafe { _mm512_cvtsi512_si32(self.0) as i16 }
        }
    }
}
