//! An exact half by whole pixels: each output is the mean of two by two, in integers.
//!
//! Quarters of levels are exact in float32, so this is what `strip` gives: (a + b + c + d) / 4, rounded half up.

use super::View;

/// A picture of bytes, twice as wide and high as the output of `width` pixels.
pub fn half(view: &View<'_, u8>, width: usize, out: &mut [u8]) {
    let c = view.channels;
    #[cfg(target_arch = "x86_64")]
    let order = x86::order(c);
    for (y, line) in out.chunks_exact_mut(width * c).enumerate() {
        let (a, b) = (view.row(2 * y), view.row(2 * y + 1));
        #[allow(unused_mut)]
        let mut done = 0;
        #[cfg(target_arch = "x86_64")]
        if crate::simd::current() >= crate::simd::Level::Avx512 {
            // SAFETY: the level says that the processor has AVX-512 with VBMI.
            done = unsafe { x86::half(a, b, c, &order, line) };
        }
        for x in done..width {
            for i in 0..c {
                let (left, right) = (2 * x * c + i, (2 * x + 1) * c + i);
                let sum = u16::from(a[left]) + u16::from(a[right]) + u16::from(b[left]) + u16::from(b[right]);
                line[x * c + i] = ((sum + 2) >> 2) as u8;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Left and right of every output side by side.
    pub fn order(c: usize) -> [u8; 64] {
        let mut order = [0u8; 64];
        for k in 0..32 / c * c {
            order[2 * k] = (k / c * 2 * c + k % c) as u8;
            order[2 * k + 1] = order[2 * k] + c as u8;
        }
        order
    }

    /// As many pixels at a time as 64 bytes of the input hold pairs of; says how many were made.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub fn half(a: &[u8], b: &[u8], c: usize, order: &[u8; 64], out: &mut [u8]) -> usize {
        let most = 32 / c.max(1);
        if most == 0 {
            return 0;
        }
        // SAFETY: the array holds 64 bytes.
        let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
        let (ones, two) = (_mm512_set1_epi8(1), _mm512_set1_epi16(2));
        let width = (a.len().min(b.len()) / 2).min(out.len()) / c;
        if width < most {
            return 0;
        }
        // Whole vectors are written, and what stands behind the last whole pixel is written over; only the last group,
        // which may lie over the one before, keeps to the end of the row.
        for x in (0..width).step_by(most).map(|x| x.min(width - most)) {
            let (at, to) = (2 * x * c, x * c);
            let fits = at + 64 <= a.len().min(b.len()) && to + 32 <= out.len();
            let (reads, writes) = if fits { (64, 32) } else { (2 * most * c, most * c) };
            let (a, b, line) = (&a[at..at + reads], &b[at..at + reads], &mut out[to..to + writes]);
            let mask = !0u64 >> (64 - reads);
            // SAFETY: the masks take as many bytes as the slices hold.
            unsafe {
                let a = _mm512_permutexvar_epi8(order, _mm512_maskz_loadu_epi8(mask, a.as_ptr().cast()));
                let b = _mm512_permutexvar_epi8(order, _mm512_maskz_loadu_epi8(mask, b.as_ptr().cast()));
                let sum = _mm512_add_epi16(_mm512_maddubs_epi16(a, ones), _mm512_maddubs_epi16(b, ones));
                let mean = _mm512_cvtepi16_epi8(_mm512_srli_epi16::<2>(_mm512_add_epi16(sum, two)));
                if fits {
                    _mm256_storeu_si256(line.as_mut_ptr().cast(), mean);
                } else {
                    _mm256_mask_storeu_epi8(line.as_mut_ptr().cast(), !0u32 >> (32 - writes), mean);
                }
            }
        }
        width
    }
}
