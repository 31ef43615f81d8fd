//! The samples of a chunk, channel after channel, become pixels of the output.

use super::points::CHUNK;
use crate::resample::{Sample, round_to};

/// Rounds `values`, CHUNK of each channel, into as many pixels as `out` holds; `line` is scratch of its size.
pub fn together<O: Sample>(values: &[f32], channels: usize, line: &mut [f32], out: &mut [O]) {
    if channels == 1 {
        round_to(&values[..out.len()], out);
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if channels == 3
        && crate::simd::current() >= crate::simd::Level::Avx512
        && let Some(out) = O::as_bytes_mut(out)
    {
        // SAFETY: the level says that the processor has AVX-512 with VBMI.
        if unsafe { x86::three(values, out) } {
            return;
        }
    }
    for (c, plane) in values.chunks_exact(CHUNK).enumerate() {
        for (o, &v) in line.chunks_exact_mut(channels).zip(plane) {
            o[c] = v;
        }
    }
    round_to(line, out);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::CHUNK;
    use std::arch::x86_64::*;

    macro_rules! whole {
        ($at:expr) => {{
            // SAFETY: the caller has checked that sixteen values stand there.
            let v = unsafe { _mm512_loadu_ps($at.as_ptr()) };
            // max gives its second operand for NaN.
            let v = _mm512_min_ps(_mm512_max_ps(v, _mm512_setzero_ps()), _mm512_set1_ps(255.0));
            _mm512_cvttps_epi32(_mm512_add_ps(v, _mm512_set1_ps(0.5)))
        }};
    }

    /// Sixteen pixels at a time, the last ones over those before; false for fewer.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    pub fn three(values: &[f32], out: &mut [u8]) -> bool {
        let count = out.len() / 3;
        if !(16..=CHUNK).contains(&count) || values.len() < 3 * CHUNK {
            return false;
        }
        let mut order = [0u8; 64];
        for (k, o) in order[..48].iter_mut().enumerate() {
            *o = (k / 3 * 4 + k % 3) as u8;
        }
        // SAFETY: the array holds 64 bytes.
        let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
        for x in (0..count).step_by(16).map(|x| x.min(count - 16)) {
            let (r, g, b) = (
                whole!(values[x..x + 16]),
                whole!(values[CHUNK + x..CHUNK + x + 16]),
                whole!(values[2 * CHUNK + x..2 * CHUNK + x + 16]),
            );
            let pixels = _mm512_or_si512(_mm512_or_si512(r, _mm512_slli_epi32::<8>(g)), _mm512_slli_epi32::<16>(b));
            let bytes = _mm512_permutexvar_epi8(order, pixels);
            let to = &mut out[3 * x..3 * x + 48];
            // SAFETY: the slice holds 48 bytes.
            unsafe {
                _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_castsi512_si256(bytes));
                _mm_storeu_si128(to.as_mut_ptr().add(32).cast(), _mm512_extracti32x4_epi32::<2>(bytes));
            }
        }
        true
    }
}
