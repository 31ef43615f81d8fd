//! Sampling one chunk of points, whatever lies beyond the edge of the picture.
//!
//! Every tap lies on the picture: coordinates are kept between the middles of the first and the last pixel, which is what
//! repeating the edge means. Where a constant lies beyond the edge, the share of the four taps that lie on the picture
//! blends the two; that is the same sum.

use super::border::Border;
use super::clamped::{Place, clamped};
use super::points::{CHUNK, Points, Shares};
use crate::resample::{Sample, View};

/// Samples a chunk; `out` holds CHUNK values per channel, of which the first `count` are wanted.
pub fn sample<T: Sample>(
    view: &View<'_, T>,
    border: Border,
    fill: &[f32],
    points: &mut Points,
    count: usize,
    out: &mut [f32],
) {
    match border {
        Border::Constant => {
            let shares = points.shares(view.width, view.height, count);
            if shares != Shares::Nothing {
                clamped(view, points, Place::SAME, count, out);
            }
            points.blend(shares, fill, count, out);
        }
        Border::Replicate => clamped(view, points, Place::SAME, count, out),
        Border::Reflect | Border::Symmetric => {
            fold(border, view, points, count);
            clamped(view, points, Place::SAME, count, out);
        }
        Border::Wrap => {
            fold(border, view, points, count);
            clamped(view, points, Place::SAME, count, out);
            points.fill(count);
            let (right, bottom) = (view.width as f64 - 1.0, view.height as f64 - 1.0);
            for k in 0..count {
                if points.x[k] < 0.0 || points.x[k] > right || points.y[k] < 0.0 || points.y[k] > bottom {
                    around(view, points, k, out);
                }
            }
        }
    }
}

fn fold<T>(border: Border, view: &View<'_, T>, points: &mut Points, count: usize) {
    if points.shares(view.width, view.height, count) == Shares::Everything {
        return;
    }
    let (right, bottom) = (view.width as f64 - 1.0, view.height as f64 - 1.0);
    for k in 0..count {
        // What lies inside stays as it is.
        if !(points.x[k] >= 0.0 && points.x[k] <= right) {
            points.x[k] = border.into(points.x[k], view.width);
        }
        if !(points.y[k] >= 0.0 && points.y[k] <= bottom) {
            points.y[k] = border.into(points.y[k], view.height);
        }
    }
    points.moved(count);
}

/// One point whose taps wrap around the edge.
fn around<T: Sample>(view: &View<'_, T>, points: &Points, k: usize, out: &mut [f32]) {
    let (x, y) = (points.x[k].floor(), points.y[k].floor());
    let (fx, fy) = ((points.x[k] - x) as f32, (points.y[k] - y) as f32);
    let wrap = |i: f64, n: usize| (i as i64).rem_euclid(n as i64) as usize;
    let columns = [wrap(x, view.width), wrap(x + 1.0, view.width)];
    let rows = [view.row(wrap(y, view.height)), view.row(wrap(y + 1.0, view.height))];
    for c in 0..view.channels {
        let tap = |row: &[T], column: usize| row[column * view.channels + c].to_f32();
        let (a, b) = (tap(rows[0], columns[0]), tap(rows[0], columns[1]));
        let (d, e) = (tap(rows[1], columns[0]), tap(rows[1], columns[1]));
        let (t, w) = (a + (b - a) * fx, d + (e - d) * fx);
        out[c * CHUNK + k] = t + (w - t) * fy;
    }
}
