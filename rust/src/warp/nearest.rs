//! The nearest pixel under every point: values are moved, never mixed.

use super::border::Border;
use super::frames::frame_run;
use super::matrix::{Matrix, project};
use super::points::{CHUNK, Points};
use super::{Map, Warp};
use crate::error::{Result, invalid};
use crate::leveled;
use crate::resample::View;

/// The nearest pixel: for masks and labels, whose values must not mix.
pub fn nearest<T: Copy>(view: &View<'_, T>, request: &Warp<'_>, fill: &[T], out: &mut [T]) -> Result<()> {
    let c = view.channels;
    let n = request.width * c;
    if fill.len() != c || out.len() != n * request.height || n == 0 {
        return invalid("warp: the fill must have one value per channel and the output the size that is asked for.");
    }
    if let Map::Field(field) = request.map
        && field.len() != request.width * request.height * 2
    {
        return invalid("warp: the field must have one point per output pixel.");
    }
    let frames_cut = |y: usize, out: &mut [T]| {
        frame_run(request.frames, y, request.width, |_, from, to| {
            out[from * c..to * c].chunks_exact_mut(c).for_each(|pixel| pixel.copy_from_slice(fill));
        })
    };
    if let Map::Matrix(m) = request.map
        && let Some(straight) = Straight::of(&m, request.border)
    {
        for (y, out) in out.chunks_exact_mut(n).enumerate() {
            let (low, high) = frames_cut(y, out);
            straight.row(view, y, low, high, fill, out);
        }
        return Ok(());
    }
    let mut points = Points::default();
    let mut places = Places { x: [0; CHUNK], y: [0; CHUNK], inside: [0; CHUNK] };
    for (y, out) in out.chunks_exact_mut(n).enumerate() {
        let (low, high) = frames_cut(y, out);
        let mut x = low;
        while x < high {
            let count = CHUNK.min(high - x);
            match request.map {
                Map::Matrix(m) => project(&m, x as f64 + 0.5, y as f64 + 0.5, count, &mut points.x, &mut points.y),
                Map::Field(field) => points.take(&field[(y * request.width + x) * 2..], count),
            }
            if request.border != Border::Constant {
                for k in 0..count {
                    // Only what lies outside is folded, so that ties inside stay what they are.
                    let (u, v) = (points.x[k], points.y[k]);
                    if !(u >= -0.5 && u < view.width as f64 - 0.5 && v >= -0.5 && v < view.height as f64 - 0.5) {
                        (points.x[k], points.y[k]) =
                            (request.border.into(u, view.width), request.border.into(v, view.height));
                    }
                }
            }
            find(&points, count, view.width as f64, view.height as f64, &mut places);
            let beyond = request.border == Border::Constant;
            let line = &mut out[x * c..(x + count) * c];
            match c {
                1 => pick::<T, 1>(view, &places, beyond, fill, line),
                3 => pick::<T, 3>(view, &places, beyond, fill, line),
                4 => pick::<T, 4>(view, &places, beyond, fill, line),
                _ => pick::<T, 0>(view, &places, beyond, fill, line),
            }
            x += count;
        }
    }
    Ok(())
}

/// Copies pixels; `C` channels, or as many as there are where it is 0.
fn pick<T: Copy, const C: usize>(view: &View<'_, T>, places: &Places, beyond: bool, fill: &[T], out: &mut [T]) {
    let c = if C == 0 { view.channels } else { C };
    for (k, pixel) in out.chunks_exact_mut(c).enumerate() {
        let at = places.y[k] as usize * view.stride + places.x[k] as usize * c;
        let inside = places.inside[k] != 0 || !beyond;
        let from = if inside { &view.data[at..at + c] } else { &fill[..c] };
        for i in 0..c {
            pixel[i] = from[i];
        }
    }
}

/// Copies pixels in turned order.
fn turned<T: Copy, const C: usize>(from: &[T], channels: usize, to: &mut [T]) {
    let c = if C == 0 { channels } else { C };
    for (to, from) in to.chunks_exact_mut(c).zip(from.rchunks_exact(c)) {
        for i in 0..c {
            to[i] = from[i];
        }
    }
}

/// Pixels under points, kept on the picture, and whether each point lies on it.
struct Places {
    x: [i32; CHUNK],
    y: [i32; CHUNK],
    inside: [u8; CHUNK],
}

leveled! {
    fn find(points: &Points, count: usize, width: f64, height: f64, out: &mut Places) {
        // Whole vectors are worked on; those behind the last point are not used.
        for k in 0..count.next_multiple_of(16).min(CHUNK) {
            let (u, v) = (points.x[k] + 0.5, points.y[k] + 0.5);
            out.inside[k] = u8::from((u >= 0.0) & (u < width) & (v >= 0.0) & (v < height));
            // A billionth of a pixel: a map that is exact but for rounding stays exact.
            let keep = |v: f64, side: f64| {
                let v = v + 1e-9;
                let v = if v > 0.0 { v } else { 0.0 };
                floor(if v < side - 1.0 { v } else { side - 1.0 })
            };
            (out.x[k], out.y[k]) = (keep(u, width), keep(v, height));
        }
    }
}

/// The whole part of a number from 0 to 2^31, in steps that vectors have.
#[inline(always)]
fn floor(v: f64) -> i32 {
    const MAGIC: f64 = 4_503_599_627_370_496.0;
    let nearest = v + MAGIC;
    let whole = nearest.to_bits() as i32;
    if nearest - MAGIC > v { whole - 1 } else { whole }
}

/// A map that only shifts and mirrors whole pixels: rows are copied.
struct Straight {
    sign: [i64; 2],
    shift: [i64; 2],
}

impl Straight {
    fn of(m: &Matrix, border: Border) -> Option<Straight> {
        let whole = |v: f64| (v.fract() == 0.0 && v.abs() < 1e9).then_some(v as i64);
        let flat = [m[1], m[3], m[6], m[7]] == [0.0; 4] && m[8] == 1.0 && m[0].abs() == 1.0 && m[4].abs() == 1.0;
        if !flat || border != Border::Constant {
            return None;
        }
        let sign = [whole(m[0])?, whole(m[4])?];
        // The pixel that starts at i ends where its mirror image begins.
        let back = |s: i64| i64::from(s < 0);
        Some(Straight { sign, shift: [whole(m[2])? - back(sign[0]), whole(m[5])? - back(sign[1])] })
    }

    fn row<T: Copy>(&self, view: &View<'_, T>, y: usize, low: usize, high: usize, fill: &[T], out: &mut [T]) {
        let c = view.channels;
        let source = self.sign[1] * y as i64 + self.shift[1];
        let (mut first, mut last) = (low, low);
        if (0..view.height as i64).contains(&source) {
            // The columns whose source lies on the picture.
            let (a, b) = match self.sign[0] {
                1 => (-self.shift[0], view.width as i64 - self.shift[0]),
                _ => (self.shift[0] - view.width as i64 + 1, self.shift[0] + 1),
            };
            first = (a.max(low as i64) as usize).min(high);
            last = (b.max(first as i64) as usize).min(high);
            let row = view.row(source as usize);
            let from = (self.sign[0] * first as i64 + self.shift[0]) as usize;
            let pixels = &mut out[first * c..last * c];
            if self.sign[0] == 1 {
                let n = pixels.len();
                pixels.copy_from_slice(&row[from * c..from * c + n]);
            } else if !pixels.is_empty() {
                let row = &row[(from + 1) * c - pixels.len()..(from + 1) * c];
                match c {
                    1 => turned::<T, 1>(row, 1, pixels),
                    3 => turned::<T, 3>(row, 3, pixels),
                    _ => turned::<T, 0>(row, c, pixels),
                }
            }
        }
        for edge in [low..first, last..high] {
            out[edge.start * c..edge.end * c].chunks_exact_mut(c).for_each(|pixel| pixel.copy_from_slice(fill));
        }
    }
}
