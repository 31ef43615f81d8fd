//! Smoothing with symmetric taps, down the columns and then along the rows, in float32.

mod boxes;
#[cfg(target_arch = "x86_64")]
mod eight;
mod lanes;
mod median;

use crate::error::{Result, invalid};
use crate::leveled;
use crate::resample::{Sample, View, round_to};
use crate::warp::Border;
use lanes::{LANES, Lanes};

pub use boxes::box_mean;
pub use median::median;

/// Values whose sums stay in registers while all taps are added.
const BLOCK: usize = 64;

/// Rows that are made together.
const GROUP: usize = 8;

/// Values of a row that are made before the next row's.
const PART: usize = 4 * BLOCK;

/// Values in a cache line.
const LINE: usize = 16;

/// What lies at `at` of a line of `length`: a place on it, or nothing where a constant lies.
fn place(at: i64, length: usize, border: Border) -> Option<usize> {
    let n = length as i64;
    if (0..n).contains(&at) {
        return Some(at as usize);
    }
    let folded = match border {
        Border::Constant => return None,
        Border::Replicate => at.clamp(0, n - 1),
        Border::Wrap => at.rem_euclid(n),
        Border::Symmetric => {
            let t = at.rem_euclid(2 * n);
            if t < n { t } else { 2 * n - 1 - t }
        }
        Border::Reflect if n == 1 => 0,
        Border::Reflect => {
            let t = at.rem_euclid(2 * (n - 1));
            if t < n { t } else { 2 * (n - 1) - t }
        }
    };
    Some(folded as usize)
}

/// Smooths a picture into `out`. `taps[k]` is the weight `k` pixels away; `edge` is what lies beyond a constant border,
/// in the samples' scale.
pub fn smooth<T: Sample>(view: &View<'_, T>, taps: &[f32], border: Border, edge: f32, out: &mut [T]) -> Result<()> {
    let (w, h, c) = (view.width, view.height, view.channels);
    let n = w * c;
    let Some(radius) = taps.len().checked_sub(1) else { return invalid("smooth: there must be a tap.") };
    if n == 0 || h == 0 || out.len() != n * h || view.data.len() < (h - 1) * view.stride + n {
        return invalid("smooth: the output must be of the picture's size, which must not be empty.");
    }
    let pad = radius * c;
    let mut lanes = if T::as_bytes(view.data).is_some() { Lanes::new(n, pad) } else { None };
    let apart = if lanes.is_some() { LANES } else { 1 };
    // Rows are whole blocks long and begin at cache lines: nothing is left to single values, and no vector lies across
    // two lines. What stands behind their ends is computed too, and not used.
    let stride = lanes.as_ref().map_or(n.next_multiple_of(BLOCK), Lanes::len);
    let beyond = vec![edge; stride];
    // Every row as floats once, kept as long as a tap can reach it.
    let slots = if border == Border::Wrap { h } else { h.min(2 * radius + GROUP) };
    let mut ring = vec![0.0f32; slots * stride + LINE];
    let skip = aligned(&ring, 0);
    let ring = &mut ring[skip..];
    let mut have: Vec<usize> = vec![usize::MAX; slots];
    let ends = pad * apart;
    let long = (stride + 2 * ends).next_multiple_of(LINE);
    let mut made = vec![0.0f32; GROUP * long + LINE];
    let skip = aligned(&made, ends);
    let made = &mut made[skip..];
    let mut done = vec![0.0f32; stride];
    // Which sample stands at each place before and behind a row.
    let sample = |at: i64| {
        let channel = at.rem_euclid(c as i64) as usize;
        place(at.div_euclid(c as i64), w, border).map(|x| x * c + channel)
    };
    let before: Vec<Option<usize>> = (-(pad as i64)..0).map(sample).collect();
    let behind: Vec<Option<usize>> = (n as i64..(n + pad) as i64).map(sample).collect();
    for (group, out) in out.chunks_mut(GROUP * n).enumerate() {
        let (first, count) = ((group * GROUP) as i64, out.len() / n);
        let reach = radius as i64;
        let rows: Vec<Option<usize>> =
            (first - reach..first + count as i64 + reach).map(|y| place(y, h, border)).collect();
        let whole = slots == h;
        for row in rows.iter().flatten() {
            // Folded borders reach rows that lie near, so that no slot is taken twice; wrapped ones keep all rows.
            let slot = if whole { *row } else { row % slots };
            if have[slot] != *row {
                let to = &mut ring[slot * stride..][..stride];
                match (&mut lanes, T::as_bytes(view.row(*row))) {
                    (Some(lanes), Some(row)) => widen_bytes(lanes.apart(row), to),
                    _ => widen(view.row(*row), &mut to[..n]),
                }
                have[slot] = *row;
            }
        }
        let near = |row: &Option<usize>| match row {
            Some(row) => &ring[(if whole { *row } else { row % slots }) * stride..][..stride],
            None => &beyond[..],
        };
        let lines: Vec<&[f32]> = rows.iter().map(near).collect();
        all_down(&lines, taps, stride, &mut made[ends..], long, count);
        for (line, out) in made.chunks_exact_mut(long).zip(out.chunks_exact_mut(n)) {
            if let Some(lanes) = &mut lanes {
                lanes.extend(line, [&before, &behind], edge);
                if let Some(out) = T::as_bytes_mut(out) {
                    along_vectors(line, taps, c, &mut done);
                    lanes.together(|bytes| round_to(&done, bytes), out);
                }
                continue;
            }
            for (k, from) in before.iter().enumerate() {
                line[k] = from.map_or(edge, |from| line[pad + from]);
            }
            for (k, from) in behind.iter().enumerate() {
                line[pad + n + k] = from.map_or(edge, |from| line[pad + from]);
            }
            along(line, taps, c, &mut done);
            round_to(&done[..n], out);
        }
    }
    Ok(())
}

/// How many values to leave out so that the one at `at` behind them begins a cache line.
fn aligned(values: &[f32], at: usize) -> usize {
    (values.as_ptr().align_offset(4 * LINE).min(LINE) + LINE - at % LINE) % LINE
}

leveled! {
    fn widen_bytes(row: &[u8], out: &mut [f32]) {
        for (o, &v) in out.iter_mut().zip(row) {
            *o = f32::from(v);
        }
    }
}

/// Samples as floats.
fn widen<T: Sample>(row: &[T], out: &mut [f32]) {
    if let Some(row) = T::as_bytes(row) {
        widen_bytes(row, out);
        return;
    }
    for (o, &v) in out.iter_mut().zip(row) {
        *o = v.to_f32();
    }
}

/// `count` rows of `n` values, `long` values apart.
fn all_down(lines: &[&[f32]], taps: &[f32], n: usize, out: &mut [f32], long: usize, count: usize) {
    #[cfg(target_arch = "x86_64")]
    if count == eight::SUMS && crate::simd::current() == crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512.
        if unsafe { eight::down(lines, taps, n, out, long) } {
            return;
        }
    }
    // Rows share most of what they are made of: a part of all of them at a time stays in the nearest cache.
    for from in (0..n).step_by(PART) {
        let to = n.min(from + PART);
        for (k, line) in out.chunks_mut(long).take(count).enumerate() {
            down(&lines[k..k + 2 * taps.len() - 1], taps, from, &mut line[from..to]);
        }
    }
}

/// `along` where neighbors stand `c` vectors apart.
fn along_vectors(line: &[f32], taps: &[f32], c: usize, out: &mut [f32]) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() == crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512.
        done = unsafe { eight::along(line, taps, c, out) };
    }
    along(&line[done..], taps, c * LANES, &mut out[done..]);
}

leveled! {
    /// `out` is whole blocks long, and begins at `from`.
    fn down(lines: &[&[f32]], taps: &[f32], from: usize, out: &mut [f32]) {
        let radius = taps.len() - 1;
        let n = out.len();
        let mut at = 0;
        while at + BLOCK <= n {
            let mut sum = [0.0f32; BLOCK];
            let middle: &[f32; BLOCK] = lines[radius][from + at..from + at + BLOCK].try_into().unwrap_or(&[0.0; BLOCK]);
            for k in 0..BLOCK {
                sum[k] = middle[k] * taps[0];
            }
            for (r, &w) in taps.iter().enumerate().skip(1) {
                let a: &[f32; BLOCK] = lines[radius - r][from + at..from + at + BLOCK].try_into().unwrap_or(&[0.0; BLOCK]);
                let b: &[f32; BLOCK] = lines[radius + r][from + at..from + at + BLOCK].try_into().unwrap_or(&[0.0; BLOCK]);
                for k in 0..BLOCK {
                    sum[k] += (a[k] + b[k]) * w;
                }
            }
            out[at..at + BLOCK].copy_from_slice(&sum);
            at += BLOCK;
        }
    }
}

leveled! {
    /// `out` is whole blocks long.
    fn along(line: &[f32], taps: &[f32], c: usize, out: &mut [f32]) {
        let radius = taps.len() - 1;
        let pad = radius * c;
        let n = out.len();
        let mut at = 0;
        while at + BLOCK <= n {
            let mut sum = [0.0f32; BLOCK];
            let middle: &[f32; BLOCK] = line[pad + at..pad + at + BLOCK].try_into().unwrap_or(&[0.0; BLOCK]);
            for k in 0..BLOCK {
                sum[k] = middle[k] * taps[0];
            }
            for (r, &w) in taps.iter().enumerate().skip(1) {
                let (low, high) = (pad + at - r * c, pad + at + r * c);
                let a: &[f32; BLOCK] = line[low..low + BLOCK].try_into().unwrap_or(&[0.0; BLOCK]);
                let b: &[f32; BLOCK] = line[high..high + BLOCK].try_into().unwrap_or(&[0.0; BLOCK]);
                for k in 0..BLOCK {
                    sum[k] += (a[k] + b[k]) * w;
                }
            }
            out[at..at + BLOCK].copy_from_slice(&sum);
            at += BLOCK;
        }
    }
}
