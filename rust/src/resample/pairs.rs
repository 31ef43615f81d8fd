//! Two taps down and two along, as bilinear interpolation and an exact half have them: sixteen outputs at a time.
//!
//! The sums are those of `strip`, value for value; only what stands between them in memory differs.

use super::View;
use super::axis::Axis;

/// Makes all rows of a picture of bytes; false where this way does not apply.
#[allow(unused_variables)]
pub fn pairs(view: &View<'_, u8>, down: &Axis, along: &Axis, out: &mut [u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx512
        && down.taps <= 2
        && along.taps == 2
        && let Some(groups) = x86::groups(along, view.channels)
    {
        // SAFETY: the level says that the processor has AVX-512 with VBMI.
        unsafe { x86::rows(view, down, along, &groups, out) };
        return true;
    }
    false
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use crate::resample::View;
    use crate::resample::axis::Axis;
    use std::arch::x86_64::*;

    /// Rows that share one look at the tables.
    const ROWS: usize = 4;

    /// Whole pixels that fit sixteen lanes, and whose taps stand within 32 values.
    pub struct Group {
        to: usize,
        from: usize,
        left: [i32; 16],
        weights: [[f32; 16]; 2],
    }

    /// The outputs of a row in groups, the last of which may lie over the one before; nothing where taps lie too far
    /// apart.
    pub fn groups(along: &Axis, c: usize) -> Option<Vec<Group>> {
        let (count, most) = (along.count(), 16 / c.max(1));
        if !(1..=4).contains(&c) || count < most {
            return None;
        }
        let group = |x0: usize| {
            let taps = &along.start[x0..x0 + most];
            let from = *taps.iter().min()? as usize;
            if (*taps.iter().max()? as usize - from + 2) * c > 32 {
                return None;
            }
            let mut group = Group { to: x0 * c, from: (from - along.low) * c, left: [0; 16], weights: [[0.0; 16]; 2] };
            for (k, &start) in taps.iter().enumerate() {
                for i in 0..c {
                    group.left[k * c + i] = ((start as usize - from) * c + i) as i32;
                    group.weights[0][k * c + i] = along.weights[(x0 + k) * 2];
                    group.weights[1][k * c + i] = along.weights[(x0 + k) * 2 + 1];
                }
            }
            Some(group)
        };
        (0..count).step_by(most).map(|x| group(x.min(count - most))).collect()
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    pub fn rows(view: &View<'_, u8>, down: &Axis, along: &Axis, groups: &[Group], out: &mut [u8]) {
        let c = view.channels;
        let (n, wide) = (along.count() * c, (along.high - along.low) * c);
        let last = groups.len() - 1;
        // The taps of a group are read as 32 values, wherever the row ends.
        let stride = wide + 32;
        let mut sums = vec![0.0f32; ROWS * stride];
        let right = _mm512_set1_epi32(c as i32);
        let half = _mm512_set1_ps(0.5);
        for (block, out) in out.chunks_mut(ROWS * n).enumerate() {
            let rows = out.len() / n;
            for r in 0..rows {
                let y = block * ROWS + r;
                let first = down.start[y] as usize;
                let w = &down.weights[y * down.taps..][..down.taps];
                let other = (first + 1).min(view.height - 1);
                let part = |row: usize| &view.row(row)[along.low * c..][..wide];
                let second = w.get(1).copied().unwrap_or(0.0);
                add([part(first), part(other)], [w[0], second], &mut sums[r * stride..][..wide]);
            }
            for (k, group) in groups.iter().enumerate() {
                // SAFETY: the arrays hold sixteen values.
                let (left, w0, w1) = unsafe {
                    (
                        _mm512_loadu_si512(group.left.as_ptr().cast()),
                        _mm512_loadu_ps(group.weights[0].as_ptr()),
                        _mm512_loadu_ps(group.weights[1].as_ptr()),
                    )
                };
                let next = _mm512_add_epi32(left, right);
                for r in 0..rows {
                    let from = &sums[r * stride + group.from..][..32];
                    // SAFETY: the slice holds 32 values.
                    let (a, b) = unsafe { (_mm512_loadu_ps(from.as_ptr()), _mm512_loadu_ps(from.as_ptr().add(16))) };
                    let sum = _mm512_add_ps(
                        _mm512_mul_ps(_mm512_permutex2var_ps(a, left, b), w0),
                        _mm512_mul_ps(_mm512_permutex2var_ps(a, next, b), w1),
                    );
                    // Weights are shares, so that sums lie between black and white but for their last bit.
                    let bytes = _mm512_cvtusepi32_epi8(_mm512_cvttps_epi32(_mm512_add_ps(sum, half)));
                    let to = &mut out[r * n + group.to..];
                    if k < last
                        && let Some(to) = to.first_chunk_mut::<16>()
                    {
                        // What stands behind the last whole pixel is written over by the next group.
                        // SAFETY: the array holds 16 bytes.
                        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), bytes) };
                    } else {
                        let mut kept = [0u8; 16];
                        // SAFETY: the array holds 16 bytes.
                        unsafe { _mm_storeu_si128(kept.as_mut_ptr().cast(), bytes) };
                        let count = 16 / c * c;
                        to[..count].copy_from_slice(&kept[..count]);
                    }
                }
            }
        }
    }

    /// `out[i]` = `rows[0][i] * w[0] + rows[1][i] * w[1]`
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    fn add(rows: [&[u8]; 2], w: [f32; 2], out: &mut [f32]) {
        let n = out.len();
        let (a, b) = (&rows[0][..n], &rows[1][..n]);
        for k in 0..n {
            out[k] = f32::from(a[k]) * w[0] + f32::from(b[k]) * w[1];
        }
    }
}
