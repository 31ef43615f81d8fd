//! Medians of squares of five by five bytes, where there is AVX-512; elsewhere nothing that is known is quicker than
//! what others do.

use crate::error::{Result, invalid};
use crate::resample::View;

/// Pixels on each side.
const REACH: usize = 2;

/// The median of the 25 pixels around every pixel, channel by channel; the edge is repeated. Says whether it was done:
/// not without AVX-512, nor for rows of less than 64 bytes.
pub fn median(view: &View<'_, u8>, out: &mut [u8]) -> Result<bool> {
    let (w, h, c) = (view.width, view.height, view.channels);
    let n = w * c;
    if n == 0 || h == 0 || out.len() != n * h || view.data.len() < (h - 1) * view.stride + n {
        return invalid("median: the output must be of the picture's size, which must not be empty.");
    }
    if n < 64 || crate::simd::current() != crate::simd::Level::Avx512 {
        return Ok(false);
    }
    let pad = REACH * c;
    // The least of five pixels of a column, the second, and so on.
    let mut ranks = [(); 5].map(|()| vec![0u8; n + 2 * pad]);
    for (y, out) in out.chunks_exact_mut(n).enumerate() {
        let rows = [0, 1, 2, 3, 4].map(|k| view.row((y + k).saturating_sub(REACH).min(h - 1)));
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that the processor has AVX-512.
        unsafe {
            x86::columns(rows, ranks.each_mut().map(|rank| &mut rank[pad..pad + n]))
        };
        for rank in &mut ranks {
            for k in 0..REACH {
                rank.copy_within(pad..pad + c, k * c);
                rank.copy_within(pad + n - c..pad + n, pad + n + k * c);
            }
        }
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        unsafe {
            x86::middle(ranks.each_ref().map(|rank| &rank[..]), c, out)
        };
        let _ = (&rows, &out);
    }
    Ok(true)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Puts pairs of values in order, one after the other.
    macro_rules! order {
        ($v:ident: $($a:literal $b:literal),*) => {
            $(($v[$a], $v[$b]) = (_mm512_min_epu8($v[$a], $v[$b]), _mm512_max_epu8($v[$a], $v[$b]));)*
        };
    }

    /// Sorts five vectors, place by place.
    macro_rules! sort {
        ($v:ident) => {
            order!($v: 0 3, 1 4, 0 2, 1 3, 0 1, 2 4, 1 2, 3 4, 2 3)
        };
    }

    /// Where vectors begin that cover `n` bytes, the last one over those before.
    fn starts(n: usize) -> impl Iterator<Item = usize> {
        (0..n - 64).step_by(64).chain([n - 64])
    }

    /// Sorts the columns of five rows.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub fn columns(rows: [&[u8]; 5], ranks: [&mut [u8]; 5]) {
        let n = rows[0].len();
        assert!(n >= 64 && rows.iter().all(|row| row.len() == n) && ranks.iter().all(|rank| rank.len() == n));
        let (from, to) = (rows.map(<[u8]>::as_ptr), ranks.map(<[u8]>::as_mut_ptr));
        for at in starts(n) {
            // SAFETY: all hold `n` bytes, and `at` is at most `n - 64`.
            unsafe {
                let mut v = from.map(|row| _mm512_loadu_si512(row.add(at).cast()));
                sort!(v);
                for (to, v) in to.into_iter().zip(v) {
                    _mm512_storeu_si512(to.add(at).cast(), v);
                }
            }
        }
    }

    /// The median of five sorted columns that stand `c` bytes apart.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub fn middle(ranks: [&[u8]; 5], c: usize, out: &mut [u8]) {
        let n = out.len();
        assert!(n >= 64 && ranks.iter().all(|rank| rank.len() == n + 4 * c));
        let from = ranks.map(<[u8]>::as_ptr);
        for at in starts(n) {
            macro_rules! rank {
                ($k:literal) => {{
                    let row = from[$k];
                    // SAFETY: each rank holds `n + 4 * c` bytes, and `at` is at most `n - 64`.
                    let mut v = [0, 1, 2, 3, 4].map(|k| unsafe { _mm512_loadu_si512(row.add(at + k * c).cast()) });
                    sort!(v);
                    v
                }};
            }
            // With rows sorted, too, every value has those to its left and above below it and the others above it: of
            // the 25, twelve are too small or too large to be the thirteenth.
            let (a, b, d, e, f) = (rank!(0), rank!(1), rank!(2), rank!(3), rank!(4));
            let mut v = [a[3], a[4], b[2], b[3], b[4], d[1], d[2], d[3], e[0], e[1], e[2], f[0], f[1]];
            // Of eight the least and the greatest cannot be the seventh of thirteen; they are left out, the next comes in.
            order!(v: 0 7, 1 6, 2 5, 3 4, 0 1, 0 2, 0 3, 4 7, 5 7, 6 7);
            order!(v: 1 8, 2 6, 3 5, 1 2, 1 3, 1 4, 4 8, 5 8, 6 8);
            order!(v: 2 9, 3 6, 4 5, 2 3, 2 4, 5 9, 6 9);
            order!(v: 3 10, 4 6, 3 4, 3 5, 5 10, 6 10);
            order!(v: 4 11, 5 6, 4 5, 6 11);
            order!(v: 5 12, 5 6, 6 12);
            // SAFETY: the output holds `n` bytes.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().add(at).cast(), v[6]) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_median_is_its_definition() {
        for (w, h, c) in [(64usize, 1usize, 1usize), (22, 9, 3), (90, 12, 3), (33, 3, 4), (301, 7, 1)] {
            for levels in [2u32, 5, 256] {
                let data: Vec<u8> = (0..(w * h * c) as u32)
                    .map(|k| (k.wrapping_mul(2_654_435_761) >> 13) % levels)
                    .map(|v| v as u8)
                    .collect();
                let view = View { data: &data, stride: w * c, width: w, height: h, channels: c };
                let mut out = vec![0; data.len()];
                if !median(&view, &mut out).unwrap() {
                    continue;
                }
                for (at, &got) in out.iter().enumerate() {
                    let (x, y, channel) = (at / c % w, at / c / w, at % c);
                    let near = |k: usize, far: usize, n: usize| (k + far).saturating_sub(REACH).min(n - 1);
                    let mut all: Vec<u8> =
                        (0..25).map(|k| data[(near(y, k / 5, h) * w + near(x, k % 5, w)) * c + channel]).collect();
                    all.sort_unstable();
                    assert_eq!(got, all[12], "{w} {h} {c} {levels} {at}");
                }
            }
        }
    }
}
