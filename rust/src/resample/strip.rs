//! Strips of eight output rows: down the columns, turned, along the rows.

use super::along::{INTERLEAVED, along_rows};
use super::axis::Axis;
use super::picked::{REACH, picked};
use super::sample::Sample;
use super::sums::column_sums;
use super::turn::turn;
use super::{STRIP, View};

/// Scratch of one thread.
#[derive(Default)]
pub struct Scratch {
    rows: Vec<f32>,
    turned: Vec<f32>,
}

/// Makes output rows `y0 .. y0 + STRIP` (as far as there are any) as float32; `out` has rows of `stride` values.
pub fn strip<T: Sample>(
    view: &View<'_, T>,
    down: &Axis,
    along: &Axis,
    y0: usize,
    out: &mut [f32],
    stride: usize,
    scratch: &mut Scratch,
) {
    let (rows, padded) = columns(view, down, along, y0, STRIP, scratch);
    if view.channels == 1 && picked(&scratch.rows, padded, along, rows, out, stride) {
        return;
    }
    turn(&scratch.rows, padded, &mut scratch.turned);
    along_rows(&scratch.turned, along, view.channels, INTERLEAVED, rows, out, stride);
}

/// The same with every channel in a plane of its own, `most` rows at most.
#[allow(clippy::too_many_arguments)]
pub fn strip_planes<T: Sample>(
    view: &View<'_, T>,
    down: &Axis,
    along: &Axis,
    y0: usize,
    most: usize,
    out: &mut [&mut [f32]],
    stride: usize,
    scratch: &mut Scratch,
) {
    let (rows, padded) = columns(view, down, along, y0, most, scratch);
    if view.channels == 1 && picked(&scratch.rows, padded, along, rows, out[0], stride) {
        return;
    }
    turn(&scratch.rows, padded, &mut scratch.turned);
    for (c, out) in out.iter_mut().enumerate().take(view.channels) {
        along_rows(&scratch.turned, along, view.channels, c, rows, out, stride);
    }
}

/// The pass down the columns for one strip; says how many rows there are, and how far apart they lie.
fn columns<T: Sample>(
    view: &View<'_, T>,
    down: &Axis,
    along: &Axis,
    y0: usize,
    most: usize,
    scratch: &mut Scratch,
) -> (usize, usize) {
    let c = view.channels;
    let n = (along.high - along.low) * c;
    let padded = n.next_multiple_of(STRIP);
    scratch.rows.resize(STRIP * padded + REACH, 0.0);
    scratch.turned.resize(STRIP * padded, 0.0);
    let rows = STRIP.min(most).min(down.count() - y0);
    for r in 0..rows {
        let y = y0 + r;
        let weights = &down.weights[y * down.taps..][..down.taps];
        let target = &mut scratch.rows[r * padded..][..n];
        column_sums(view, down.start[y] as usize, weights, along.low * c, target);
    }
    (rows, padded)
}
