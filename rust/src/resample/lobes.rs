//! Kernels with negative lobes (bicubic, Lanczos) on whole pictures: each axis by itself, clamped between the two.

use super::along::{INTERLEAVED, along_rows};
use super::axis::Axis;
use super::kernel::Kernel;
use super::sample::{Sample, clamp, round_to};
use super::sums::column_sums;
use super::turn::turn;
use super::{STRIP, View};

/// Kernels with negative lobes overshoot. What was inside black to white stays inside, after each axis; `None` for
/// kernels that cannot leave their samples' range.
pub fn bounds<T: Sample>(view: &View<'_, T>, kernel: Kernel) -> Option<(f32, f32)> {
    if !matches!(kernel, Kernel::Bicubic | Kernel::Lanczos) {
        return None;
    }
    let (mut low, mut high) = (0.0, T::WHITE);
    if !T::WHOLE {
        for y in 0..view.height {
            for v in view.row(y) {
                let v = v.to_f32();
                low = if v < low { v } else { low };
                high = if v > high { v } else { high };
            }
        }
    }
    Some((low, high))
}

pub fn lobes<T: Sample, O: Sample>(
    view: &View<'_, T>,
    down: &Axis,
    along: &Axis,
    size: [usize; 2],
    bounds: (f32, f32),
    out: &mut [O],
) {
    // Pillow takes the columns first where that shrinks the picture much more.
    let (lost_x, lost_y) = (view.width as f64 - size[0] as f64, view.height as f64 - size[1] as f64);
    if lost_y > 0.0 && lost_y > 2.0 * lost_x {
        columns_first(view, down, along, bounds, out);
    } else {
        along_first(view, down, along, bounds, out);
    }
}

/// Kernels with negative lobes: along the rows first and clamped before the columns, as Pillow defines it.
fn along_first<T: Sample, O: Sample>(
    view: &View<'_, T>,
    down: &Axis,
    along: &Axis,
    (low, high): (f32, f32),
    out: &mut [O],
) {
    let c = view.channels;
    let n = along.count() * c;
    let width = (along.high - along.low) * c;
    let padded = width.next_multiple_of(STRIP);
    let (mut rows, mut turned) = (vec![0.0f32; STRIP * padded], vec![0.0f32; STRIP * padded]);
    let height = down.high - down.low;
    let mut middle = vec![0.0f32; height * n];
    for (s, middle) in middle.chunks_mut(STRIP * n).enumerate() {
        let count = middle.len() / n;
        for (r, row) in rows.chunks_exact_mut(padded).take(count).enumerate() {
            let source = &view.row(down.low + s * STRIP + r)[along.low * c..];
            for (o, v) in row[..width].iter_mut().zip(source) {
                *o = v.to_f32();
            }
        }
        turn(&rows, padded, &mut turned);
        along_rows(&turned, along, c, INTERLEAVED, count, middle, n);
        for v in middle {
            *v = clamp(*v, low, high);
        }
    }
    let middle = View { data: &middle, stride: n, width: along.count(), height, channels: c };
    let mut line = vec![0.0f32; n];
    for (y, out) in out.chunks_exact_mut(n).enumerate() {
        let weights = &down.weights[y * down.taps..][..down.taps];
        column_sums(&middle, down.start[y] as usize - down.low, weights, 0, &mut line);
        for v in &mut line {
            *v = clamp(*v, low, high);
        }
        round_to(&line, out);
    }
}

/// The same with the columns first.
fn columns_first<T: Sample, O: Sample>(
    view: &View<'_, T>,
    down: &Axis,
    along: &Axis,
    (low, high): (f32, f32),
    out: &mut [O],
) {
    let c = view.channels;
    let n = along.count() * c;
    let width = (along.high - along.low) * c;
    let padded = width.next_multiple_of(STRIP);
    let (mut rows, mut turned) = (vec![0.0f32; STRIP * padded], vec![0.0f32; STRIP * padded]);
    let mut lines = vec![0.0f32; STRIP * n];
    for (s, out) in out.chunks_mut(STRIP * n).enumerate() {
        let count = out.len() / n;
        for (r, row) in rows.chunks_exact_mut(padded).take(count).enumerate() {
            let y = s * STRIP + r;
            let weights = &down.weights[y * down.taps..][..down.taps];
            column_sums(view, down.start[y] as usize, weights, along.low * c, &mut row[..width]);
            for v in &mut row[..width] {
                *v = clamp(*v, low, high);
            }
        }
        turn(&rows, padded, &mut turned);
        along_rows(&turned, along, c, INTERLEAVED, count, &mut lines, n);
        let n = out.len();
        for v in &mut lines[..n] {
            *v = clamp(*v, low, high);
        }
        round_to(&lines[..n], out);
    }
}
