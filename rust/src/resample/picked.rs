//! The pass along the rows as they lie: sixteen outputs at a time, whose taps are picked out of two vectors of a row
//! (AVX-512). Sums run in the order of the taps, as where lanes are rows.

use super::axis::Axis;

/// Outputs of a group, and samples that its taps may stretch over.
pub const GROUP: usize = 16;
pub const REACH: usize = 2 * GROUP;
/// Taps that are kept in registers.
pub const TAPS: usize = 6;

/// Writes `count` rows; says whether it could. The rows begin with sample `axis.low`, are `padded` values apart, and
/// have `REACH` values of any kind behind the last one.
pub fn picked(rows: &[f32], padded: usize, axis: &Axis, count: usize, out: &mut [f32], stride: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    if axis.is_near() && crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512.
        unsafe {
            match axis.taps {
                1 => x86::pick::<1>(rows, padded, axis, count, out, stride),
                2 => x86::pick::<2>(rows, padded, axis, count, out, stride),
                3 => x86::pick::<3>(rows, padded, axis, count, out, stride),
                4 => x86::pick::<4>(rows, padded, axis, count, out, stride),
                5 => x86::pick::<5>(rows, padded, axis, count, out, stride),
                6 => x86::pick::<6>(rows, padded, axis, count, out, stride),
                _ => return false,
            }
        }
        return true;
    }
    let _ = (rows, padded, axis, count, out, stride);
    false
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Axis, GROUP, REACH};
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx512f")]
    pub fn pick<const TAPS: usize>(
        rows: &[f32],
        padded: usize,
        axis: &Axis,
        count: usize,
        out: &mut [f32],
        stride: usize,
    ) {
        let groups = axis.start.chunks(GROUP).zip(axis.by_tap.chunks_exact(GROUP * TAPS));
        for (group, (start, weights)) in groups.enumerate() {
            let mask = ((1u32 << start.len()) - 1) as u16;
            let first = start[0].min(start[start.len() - 1]);
            // SAFETY: the mask takes as many values as the slice holds.
            let at = unsafe { _mm512_maskz_loadu_epi32(mask, start.as_ptr().cast()) };
            let at = _mm512_sub_epi32(at, _mm512_set1_epi32(first as i32));
            let (mut index, mut w) = ([at; TAPS], [_mm512_setzero_ps(); TAPS]);
            for k in 0..TAPS {
                index[k] = _mm512_add_epi32(at, _mm512_set1_epi32(k as i32));
                let weights = &weights[k * GROUP..][..GROUP];
                // SAFETY: the slice holds 16 values.
                w[k] = unsafe { _mm512_loadu_ps(weights.as_ptr()) };
            }
            for r in 0..count {
                let from = &rows[r * padded + first as usize - axis.low..][..REACH];
                // SAFETY: the slice holds 32 values.
                let (low, high) =
                    unsafe { (_mm512_loadu_ps(from.as_ptr()), _mm512_loadu_ps(from.as_ptr().add(GROUP))) };
                let mut sum = _mm512_mul_ps(_mm512_permutex2var_ps(low, index[0], high), w[0]);
                for k in 1..TAPS {
                    sum = _mm512_add_ps(sum, _mm512_mul_ps(_mm512_permutex2var_ps(low, index[k], high), w[k]));
                }
                let to = &mut out[r * stride + group * GROUP..][..start.len()];
                // SAFETY: the mask writes as many values as the slice holds.
                unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask, sum) };
            }
        }
    }
}
