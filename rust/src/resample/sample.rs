//! Kinds of samples: bytes, 16-bit words, floats; and how sums become samples again.

/// A kind of sample.
pub trait Sample: Copy + Send + Sync + Default + 'static {
    fn to_f32(self) -> f32;
    /// Rounded half up and clamped, as the type allows.
    fn from_f32(v: f32) -> Self;
    /// The value of white.
    const WHITE: f32;
    /// Whether these are whole numbers from black to white.
    const WHOLE: bool = true;
    /// The samples as bytes, where they are bytes.
    fn as_bytes(_data: &[Self]) -> Option<&[u8]> {
        None
    }
    /// The same to write into.
    fn as_bytes_mut(_data: &mut [Self]) -> Option<&mut [u8]> {
        None
    }
    /// `from_f32` for as many values as whole vectors hold; says how many. Both slices have one length.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn round_avx2(_from: &[f32], _to: &mut [Self]) -> usize {
        0
    }
}

impl Sample for u8 {
    const WHITE: f32 = 255.0;
    fn as_bytes(data: &[u8]) -> Option<&[u8]> {
        Some(data)
    }
    fn as_bytes_mut(data: &mut [u8]) -> Option<&mut [u8]> {
        Some(data)
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn from_f32(v: f32) -> u8 {
        (clamp(v, 0.0, 255.0) + 0.5) as i32 as u8
    }
    #[cfg(target_arch = "x86_64")]
    unsafe fn round_avx2(from: &[f32], to: &mut [u8]) -> usize {
        // SAFETY: the caller vouches for AVX2.
        unsafe { x86::round_bytes(from, to) }
    }
}

impl Sample for u16 {
    const WHITE: f32 = 65535.0;
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn from_f32(v: f32) -> u16 {
        (clamp(v, 0.0, 65535.0) + 0.5) as i32 as u16
    }
    #[cfg(target_arch = "x86_64")]
    unsafe fn round_avx2(from: &[f32], to: &mut [u16]) -> usize {
        // SAFETY: the caller vouches for AVX2.
        unsafe { x86::round_words(from, to) }
    }
}

impl Sample for f32 {
    const WHITE: f32 = 1.0;
    const WHOLE: bool = false;
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline(always)]
    fn from_f32(v: f32) -> f32 {
        v
    }
}

/// Clamps with two plain selections: the same instructions at every level, and NaN becomes `low`.
#[inline(always)]
pub fn clamp(v: f32, low: f32, high: f32) -> f32 {
    let v = if v > low { v } else { low };
    if v < high { v } else { high }
}

/// Rounds and clamps to the sample's kind.
pub fn round_to<T: Sample>(from: &[f32], to: &mut [T]) {
    let n = from.len().min(to.len());
    let (from, to) = (&from[..n], &mut to[..n]);
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx2 {
        // SAFETY: AVX2 was found.
        done = unsafe { T::round_avx2(from, to) };
    }
    for (o, &v) in to[done..].iter_mut().zip(&from[done..]) {
        *o = T::from_f32(v);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// clamp, + 0.5, truncate: what `from_f32` does.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn whole(v: __m256, white: f32) -> __m256i {
        // max(v, 0) gives its second operand for NaN: 0, as `clamp` does.
        let v = _mm256_min_ps(_mm256_max_ps(v, _mm256_setzero_ps()), _mm256_set1_ps(white));
        _mm256_cvttps_epi32(_mm256_add_ps(v, _mm256_set1_ps(0.5)))
    }

    #[target_feature(enable = "avx2")]
    pub fn round_bytes(from: &[f32], to: &mut [u8]) -> usize {
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        for (from, to) in from.chunks_exact(32).zip(to.chunks_exact_mut(32)) {
            // SAFETY: the chunk holds 32 values.
            let v = [0, 8, 16, 24].map(|k| whole(unsafe { _mm256_loadu_ps(from.as_ptr().add(k)) }, 255.0));
            let words = [_mm256_packus_epi32(v[0], v[1]), _mm256_packus_epi32(v[2], v[3])];
            let bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(words[0], words[1]), order);
            // SAFETY: the chunk holds 32 bytes.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes) };
        }
        from.len().min(to.len()) / 32 * 32
    }

    #[target_feature(enable = "avx2")]
    pub fn round_words(from: &[f32], to: &mut [u16]) -> usize {
        for (from, to) in from.chunks_exact(16).zip(to.chunks_exact_mut(16)) {
            // SAFETY: the chunk holds 16 values.
            let v = [0, 8].map(|k| whole(unsafe { _mm256_loadu_ps(from.as_ptr().add(k)) }, 65535.0));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(v[0], v[1]));
            // SAFETY: the chunk holds 16 words.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), words) };
        }
        from.len().min(to.len()) / 16 * 16
    }
}
