//! Eight rows turned into columns of eight and back, so that the pass along the rows reads contiguously too.

use super::STRIP;
use crate::leveled;

leveled! {
    pub fn turn(rows: &[f32], padded: usize, turned: &mut [f32]) {
        for (x, out) in turned[..STRIP * padded].chunks_exact_mut(STRIP * STRIP).enumerate() {
            let mut block = [&[0.0; STRIP]; STRIP];
            for (r, b) in block.iter_mut().enumerate() {
                if let Ok(row) = rows[r * padded + STRIP * x..][..STRIP].try_into() {
                    *b = row;
                }
            }
            if let Ok(out) = out.try_into() {
                turn_block::<L>(block, out);
            }
        }
    }
}

/// Turns eight rows into groups of eight: value `x` of row `r` goes to `8 * x + r`.
#[inline(always)]
pub fn turn_block<const L: u8>(rows: [&[f32; STRIP]; STRIP], out: &mut [f32; STRIP * STRIP]) {
    #[cfg(target_arch = "x86_64")]
    if L >= 1 {
        // SAFETY: L >= 1 only where AVX2 was found; the arrays have the sizes that are read and written.
        unsafe { x86::turn_block(rows, out) };
        return;
    }
    for (r, row) in rows.iter().enumerate() {
        for (x, &v) in row.iter().enumerate() {
            out[x * STRIP + r] = v;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::STRIP;
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn turn(r: [__m256; 8]) -> [__m256; 8] {
        let a = [
            _mm256_unpacklo_ps(r[0], r[1]),
            _mm256_unpackhi_ps(r[0], r[1]),
            _mm256_unpacklo_ps(r[2], r[3]),
            _mm256_unpackhi_ps(r[2], r[3]),
            _mm256_unpacklo_ps(r[4], r[5]),
            _mm256_unpackhi_ps(r[4], r[5]),
            _mm256_unpacklo_ps(r[6], r[7]),
            _mm256_unpackhi_ps(r[6], r[7]),
        ];
        const LOW: i32 = 0x44;
        const HIGH: i32 = 0xEE;
        let b = [
            _mm256_shuffle_ps::<LOW>(a[0], a[2]),
            _mm256_shuffle_ps::<HIGH>(a[0], a[2]),
            _mm256_shuffle_ps::<LOW>(a[1], a[3]),
            _mm256_shuffle_ps::<HIGH>(a[1], a[3]),
            _mm256_shuffle_ps::<LOW>(a[4], a[6]),
            _mm256_shuffle_ps::<HIGH>(a[4], a[6]),
            _mm256_shuffle_ps::<LOW>(a[5], a[7]),
            _mm256_shuffle_ps::<HIGH>(a[5], a[7]),
        ];
        [
            _mm256_permute2f128_ps::<0x20>(b[0], b[4]),
            _mm256_permute2f128_ps::<0x20>(b[1], b[5]),
            _mm256_permute2f128_ps::<0x20>(b[2], b[6]),
            _mm256_permute2f128_ps::<0x20>(b[3], b[7]),
            _mm256_permute2f128_ps::<0x31>(b[0], b[4]),
            _mm256_permute2f128_ps::<0x31>(b[1], b[5]),
            _mm256_permute2f128_ps::<0x31>(b[2], b[6]),
            _mm256_permute2f128_ps::<0x31>(b[3], b[7]),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn turn_block(rows: [&[f32; STRIP]; STRIP], out: &mut [f32; STRIP * STRIP]) {
        // SAFETY: every array holds the eight values that are read.
        let r = rows.map(|row| unsafe { _mm256_loadu_ps(row.as_ptr()) });
        for (v, out) in turn(r).into_iter().zip(out.chunks_exact_mut(STRIP)) {
            // SAFETY: a chunk holds eight values.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), v) };
        }
    }
}
