//! The pass along the rows of one strip: lanes are rows, so that every output is a sum of whole vectors.

use super::STRIP;
use super::axis::Axis;
use super::turn::turn_block;
use crate::leveled;

/// All channels, interleaved as they came.
pub const INTERLEAVED: usize = usize::MAX;

leveled! {
    /// The pass along the rows; lanes are rows. Specialized by the number of taps, which changes no result.
    pub fn along_rows(turned: &[f32], axis: &Axis, channels: usize, only: usize, rows: usize, out: &mut [f32], stride: usize) {
        match (axis.taps, channels) {
            (1, _) => along::<L, 1>(turned, axis, channels, only, rows, out, stride),
            (2, 1) => along::<L, 2>(turned, axis, 1, only, rows, out, stride),
            (2, _) => along::<L, 2>(turned, axis, channels, only, rows, out, stride),
            (3, 1) => along::<L, 3>(turned, axis, 1, only, rows, out, stride),
            (3, _) => along::<L, 3>(turned, axis, channels, only, rows, out, stride),
            (4, 1) => along::<L, 4>(turned, axis, 1, only, rows, out, stride),
            (4, _) => along::<L, 4>(turned, axis, channels, only, rows, out, stride),
            (5, 1) => along::<L, 5>(turned, axis, 1, only, rows, out, stride),
            (5, _) => along::<L, 5>(turned, axis, channels, only, rows, out, stride),
            (7, _) => along::<L, 7>(turned, axis, channels, only, rows, out, stride),
            _ => along::<L, 0>(turned, axis, channels, only, rows, out, stride),
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn along<const L: u8, const TAPS: usize>(
    turned: &[f32],
    axis: &Axis,
    channels: usize,
    only: usize,
    rows: usize,
    out: &mut [f32],
    stride: usize,
) {
    if only != INTERLEAVED || channels == 1 {
        let only = if only == INTERLEAVED { 0 } else { only };
        let first = Columns::<TAPS> { turned, axis, step: channels, pick: 1, only };
        first.fill::<L>(axis.count(), rows, out, stride);
    } else {
        let all = Columns::<TAPS> { turned, axis, step: channels, pick: channels, only: 0 };
        all.fill::<L>(axis.count() * channels, rows, out, stride);
    }
}

/// The outputs of one strip: output `i` is column `i / pick` of channel `only + i % pick`.
struct Columns<'a, const TAPS: usize> {
    turned: &'a [f32],
    axis: &'a Axis,
    step: usize,
    pick: usize,
    only: usize,
}

impl<const TAPS: usize> Columns<'_, TAPS> {
    #[inline(always)]
    fn value(&self, i: usize) -> [f32; STRIP] {
        let (x, c) = if self.pick == 1 { (i, self.only) } else { (i / self.pick, i % self.pick) };
        value::<TAPS>(self.turned, self.axis, self.step, x, c)
    }

    /// Turns columns of eight rows back into rows.
    #[inline(always)]
    fn fill<const L: u8>(&self, total: usize, rows: usize, out: &mut [f32], stride: usize) {
        let mut i = 0;
        while i + STRIP <= total {
            let block: [[f32; STRIP]; STRIP] = [
                self.value(i),
                self.value(i + 1),
                self.value(i + 2),
                self.value(i + 3),
                self.value(i + 4),
                self.value(i + 5),
                self.value(i + 6),
                self.value(i + 7),
            ];
            let mut back = [0.0f32; STRIP * STRIP];
            turn_block::<L>(block.each_ref(), &mut back);
            for r in 0..rows {
                out[r * stride + i..][..STRIP].copy_from_slice(&back[r * STRIP..][..STRIP]);
            }
            i += STRIP;
        }
        while i < total {
            let sum = self.value(i);
            for r in 0..rows {
                out[r * stride + i] = sum[r];
            }
            i += 1;
        }
    }
}

/// Output `x` of channel `c` of a row, for eight rows at once.
#[inline(always)]
fn value<const TAPS: usize>(turned: &[f32], axis: &Axis, channels: usize, x: usize, c: usize) -> [f32; STRIP] {
    let taps = if TAPS == 0 { axis.taps } else { TAPS };
    let from = (axis.start[x] as usize - axis.low) * channels + c;
    let w = &axis.weights[x * taps..][..taps];
    let mut sum = [0.0; STRIP];
    let line = &turned[from * STRIP..][..((taps - 1) * channels + 1) * STRIP];
    for k in 0..taps {
        let t = &line[k * channels * STRIP..][..STRIP];
        if k == 0 {
            for l in 0..STRIP {
                sum[l] = t[l] * w[k];
            }
        } else {
            for l in 0..STRIP {
                sum[l] += t[l] * w[k];
            }
        }
    }
    sum
}
