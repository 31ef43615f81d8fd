//! Eight sums of neighboring rows, or of vectors on a row, at a time: what they share is read once (AVX-512).
//!
//! The sums are those of `down` and `along`, addition by addition.

use std::arch::x86_64::*;

/// Sums that are made at once.
pub const SUMS: usize = 8;
/// Taps on one side for which everything stays in registers.
pub const MOST: usize = 8;

const LANES: usize = 16;

/// Calls `$name` with the number of taps on one side as a constant; false where there are too many.
macro_rules! by_radius {
    ($radius:expr, $name:ident($($a:expr),*)) => {
        match $radius {
            1 => $name::<1>($($a),*),
            2 => $name::<2>($($a),*),
            3 => $name::<3>($($a),*),
            4 => $name::<4>($($a),*),
            5 => $name::<5>($($a),*),
            6 => $name::<6>($($a),*),
            7 => $name::<7>($($a),*),
            8 => $name::<8>($($a),*),
            _ => return false,
        }
    };
}

/// Sums rows into eight of `len` values: `out` holds them `long` values apart, `lines` all that they reach. Says whether
/// it could.
#[target_feature(enable = "avx512f")]
pub fn down(lines: &[&[f32]], taps: &[f32], len: usize, out: &mut [f32], long: usize) -> bool {
    let radius = taps.len() - 1;
    let fits = lines.len() == SUMS + 2 * radius && lines.iter().all(|line| line.len() >= len);
    if !fits || !len.is_multiple_of(LANES) || long < len || out.len() < (SUMS - 1) * long + len {
        return false;
    }
    by_radius!(radius, down_by(lines, taps, len, out, long));
    true
}

#[target_feature(enable = "avx512f")]
fn down_by<const R: usize>(lines: &[&[f32]], taps: &[f32], len: usize, out: &mut [f32], long: usize) {
    let mut from = [std::ptr::null::<f32>(); SUMS + 2 * MOST];
    for (from, line) in from.iter_mut().zip(lines) {
        *from = line.as_ptr();
    }
    let taps = spread::<R>(taps);
    let to = out.as_mut_ptr();
    for x in (0..len).step_by(LANES) {
        // SAFETY: the caller has checked that all lines and outputs hold `len` values, and `x + 16` is at most that.
        unsafe {
            sum::<R>(&taps, |i| _mm512_loadu_ps(from[i].add(x)), |k, v| _mm512_storeu_ps(to.add(k * long + x), v))
        }
    }
}

/// Sums vectors that stand `far` vectors apart along `line`, which begins that much times the number of taps on one side
/// before the first sum; says how many values were made.
#[target_feature(enable = "avx512f")]
pub fn along(line: &[f32], taps: &[f32], far: usize, out: &mut [f32]) -> usize {
    let radius = taps.len() - 1;
    let block = SUMS * far * LANES;
    let blocks = out.len().checked_div(block).unwrap_or(0);
    if line.len() < blocks * block + 2 * radius * far * LANES {
        return 0;
    }
    let run = |line: &[f32], out: &mut [f32]| {
        by_radius!(radius, along_by(line, taps, far, blocks, out));
        true
    };
    if run(line, out) { blocks * block } else { 0 }
}

#[target_feature(enable = "avx512f")]
fn along_by<const R: usize>(line: &[f32], taps: &[f32], far: usize, blocks: usize, out: &mut [f32]) {
    let taps = spread::<R>(taps);
    let step = far * LANES;
    for block in 0..blocks {
        for first in 0..far {
            let at = block * SUMS * step + first * LANES;
            // SAFETY: the caller has checked that all blocks lie on `out`, and what they reach on `line`.
            unsafe {
                let (from, to) = (line.as_ptr().add(at), out.as_mut_ptr().add(at));
                sum::<R>(&taps, |i| _mm512_loadu_ps(from.add(i * step)), |k, v| _mm512_storeu_ps(to.add(k * step), v));
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn spread<const R: usize>(taps: &[f32]) -> [__m512; MOST + 1] {
    let mut out = [_mm512_setzero_ps(); MOST + 1];
    for r in 0..=R {
        out[r] = _mm512_set1_ps(taps[r]);
    }
    out
}

#[inline]
#[target_feature(enable = "avx512f")]
fn sum<const R: usize>(taps: &[__m512; MOST + 1], load: impl Fn(usize) -> __m512, store: impl Fn(usize, __m512)) {
    let mut v = [_mm512_setzero_ps(); SUMS + 2 * MOST];
    for (i, v) in v.iter_mut().enumerate().take(SUMS + 2 * R) {
        *v = load(i);
    }
    for k in 0..SUMS {
        let mut sum = _mm512_mul_ps(v[k + R], taps[0]);
        for r in 1..=R {
            let pair = _mm512_add_ps(v[k + R - r], v[k + R + r]);
            sum = _mm512_add_ps(sum, _mm512_mul_ps(pair, taps[r]));
        }
        store(k, sum);
    }
}
