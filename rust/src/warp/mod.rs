//! Mapping a picture through a matrix or a dense field: bilinear at exact coordinates, or the nearest pixel.
//!
//! Coordinates are computed in float64, weights in float32. Output pixels are worked on in chunks; inside a chunk the
//! run whose four taps all lie in the picture takes the fast kernel, the rest is done tap by tap. Frames are the
//! canvases that the picture passed on its way: a pixel whose middle lies outside one of them takes the fill.

#[cfg(target_arch = "x86_64")]
mod permute;
mod sample;

use crate::error::{Result, invalid};
use crate::leveled;
use crate::resample::{Sample, View, round_to};
pub use sample::{CHUNK, Place, Points, Shares, clamped, sample as sample_chunk};

pub type Matrix = [f64; 9];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Border {
    Constant,
    Reflect,
    Symmetric,
    Replicate,
    Wrap,
}

impl Border {
    pub fn parse(name: &str) -> Option<Border> {
        Some(match name {
            "constant" => Border::Constant,
            "reflect" => Border::Reflect,
            "symmetric" => Border::Symmetric,
            "replicate" => Border::Replicate,
            "wrap" => Border::Wrap,
            _ => return None,
        })
    }

    /// Brings a continuous coordinate (in pixel indices) back inside.
    #[inline]
    pub(crate) fn into(self, at: f64, length: usize) -> f64 {
        let n = length as f64;
        match self {
            Border::Constant => at,
            Border::Replicate => at.clamp(0.0, n - 1.0),
            Border::Wrap => (at + 0.5).rem_euclid(n) - 0.5,
            Border::Symmetric => {
                let t = (at + 0.5).rem_euclid(2.0 * n);
                (if t > n { 2.0 * n - t } else { t }) - 0.5
            }
            Border::Reflect if length == 1 => 0.0,
            Border::Reflect => {
                let t = at.rem_euclid(2.0 * (n - 1.0));
                if t > n - 1.0 { 2.0 * (n - 1.0) - t } else { t }
            }
        }
    }
}

/// A canvas on the way: output coordinates to its own, its size, and which of the fills lies beyond it.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub back: Matrix,
    pub width: f64,
    pub height: f64,
    pub fill: usize,
}

/// Where an output pixel comes from.
#[derive(Clone, Copy)]
pub enum Map<'a> {
    /// Output coordinates to the picture's.
    Matrix(Matrix),
    /// For the middle of every output pixel the picture's point (x, y).
    Field(&'a [f32]),
}

pub struct Warp<'a> {
    pub map: Map<'a>,
    pub width: usize,
    pub height: usize,
    pub border: Border,
    /// One value per channel, in the samples' own scale.
    pub fill: &'a [f32],
    /// The canvases on the way, the last one first.
    pub frames: &'a [Frame],
    /// What lies beyond them, by their `fill`; empty when it is `fill` everywhere.
    pub beyond: &'a [Vec<f32>],
    /// Average several samples per pixel where the map shrinks.
    pub supersample: bool,
}

pub const FAR: f64 = -1e9;
const HORIZON: f64 = 1e-9;

leveled! {
    /// Source points, in pixel indices, of output points (x0 + k, y), k < CHUNK.
    pub fn project(m: &Matrix, x0: f64, y: f64, px: &mut [f64; CHUNK], py: &mut [f64; CHUNK]) {
        let (bx, by, bw) = (m[1] * y + m[2], m[4] * y + m[5], m[7] * y + m[8]);
        if is_flat(m) {
            for k in 0..CHUNK {
                let x = x0 + k as f64;
                px[k] = (m[0] * x + bx) - 0.5;
                py[k] = (m[3] * x + by) - 0.5;
            }
        } else {
            for k in 0..CHUNK {
                let x = x0 + k as f64;
                let w = m[6] * x + bw;
                let seen = w > HORIZON;
                let r = 1.0 / (if seen { w } else { 1.0 });
                let (u, v) = ((m[0] * x + bx) * r, (m[3] * x + by) * r);
                px[k] = (if seen { u } else { FAR }) - 0.5;
                py[k] = (if seen { v } else { FAR }) - 0.5;
            }
        }
    }
}

/// The source point, in pixel indices, of one output point; nothing beyond the horizon.
fn seen(m: &Matrix, x: f64, y: f64) -> Option<[f64; 2]> {
    let w = m[6] * x + (m[7] * y + m[8]);
    let r = 1.0 / w;
    (w > HORIZON).then(|| [(m[0] * x + (m[1] * y + m[2])) * r - 0.5, (m[3] * x + (m[4] * y + m[5])) * r - 0.5])
}

/// Whether a map has no perspective.
pub fn is_flat(m: &Matrix) -> bool {
    m[6] == 0.0 && m[7] == 0.0 && m[8] == 1.0
}

/// The columns `low..high` of output row `y` whose middles lie inside every frame. What a frame cuts off is told to
/// `paint(frame, from, to)`; of two frames that cut the same pixel the first one counts.
pub fn frame_run(frames: &[Frame], y: usize, width: usize, mut paint: impl FnMut(&Frame, usize, usize)) -> (usize, usize) {
    let (mut low, mut high) = (0i64, width as i64);
    let cy = y as f64 + 0.5;
    for frame in frames {
        let m = &frame.back;
        let (bx, by, bw) = (m[1] * cy + m[2], m[4] * cy + m[5], m[7] * cy + m[8]);
        // Five linear forms a x + b that must not be negative (the horizon's must be positive).
        let forms = [
            (m[0], bx),
            (m[3], by),
            (frame.width * m[6] - m[0], frame.width * bw - bx),
            (frame.height * m[6] - m[3], frame.height * bw - by),
            (m[6], bw - HORIZON),
        ];
        // The pixel at the far edge belongs outside: [0, w) x [0, h).
        let inside = |k: i64| {
            let x = k as f64 + 0.5;
            forms[..2].iter().all(|&(a, b)| a * x + b >= 0.0) && forms[2..].iter().all(|&(a, b)| a * x + b > 0.0)
        };
        let (mut a0, mut a1) = (low as f64, high as f64);
        for &(a, b) in &forms {
            let root = -b / a - 0.5;
            if a > 0.0 {
                a0 = a0.max(root);
            } else if a < 0.0 {
                a1 = a1.min(root + 1.0);
            } else if b < 0.0 {
                a1 = a0 - 4.0;
            }
        }
        if !(a1 > a0 - 2.0) {
            paint(frame, low as usize, high as usize);
            return (0, 0);
        }
        // The roots are rounded: the predicate itself decides at both ends.
        let (mut l, mut h) = ((a0.floor() as i64 - 1).max(low), (a1.ceil() as i64 + 1).min(high));
        while l < h && !inside(l) {
            l += 1;
        }
        while h > l && !inside(h - 1) {
            h -= 1;
        }
        if l >= h {
            paint(frame, low as usize, high as usize);
            return (0, 0);
        }
        paint(frame, low as usize, l as usize);
        paint(frame, h as usize, high as usize);
        (low, high) = (l, h);
    }
    (low as usize, high as usize)
}

/// Samples per axis that a chunk takes: as many as source pixels pass per output pixel.
pub fn density(m: &Matrix, x: f64, y: f64) -> (usize, usize) {
    let w = m[6] * x + m[7] * y + m[8];
    if !(w > HORIZON) {
        return (1, 1);
    }
    let (u, v) = ((m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w);
    let length = |x: f64, y: f64| (x * x + y * y).sqrt() / w;
    let along = length(m[0] - u * m[6], m[3] - v * m[6]);
    let down = length(m[1] - u * m[7], m[4] - v * m[7]);
    // Four taps reach over two pixels: one sample is enough up to there.
    let whole = |s: f64| (0.75 * s + 0.5).clamp(1.0, 16.0) as usize;
    (whole(along), whole(down))
}

/// Scratch of one thread.
#[derive(Default)]
pub struct Scratch {
    points: Points,
    chunk: Vec<f32>,
    sum: Vec<f32>,
}

/// Refuses what cannot be warped.
pub fn check<T>(view: &View<'_, T>, request: &Warp<'_>) -> Result<()> {
    if request.fill.len() != view.channels || request.width * request.height == 0 {
        return invalid("warp: the fill must have one value per channel and the output the size that is asked for.");
    }
    if view.width.max(view.height) > 1 << 22 {
        return invalid("warp: the picture must be at most 4194304 pixels wide and high.");
    }
    if let Map::Field(field) = request.map
        && field.len() != request.width * request.height * 2
    {
        return invalid("warp: the field must have one point per output pixel.");
    }
    Ok(())
}

/// Samples output row `y`; `put(x, count, values)` takes CHUNK values per channel, of which `count` count.
pub fn row<T: Sample>(
    view: &View<'_, T>,
    request: &Warp<'_>,
    y: usize,
    scratch: &mut Scratch,
    mut put: impl FnMut(usize, usize, &[f32]),
) {
    let Scratch { points, chunk, sum } = scratch;
    let size = view.channels * CHUNK;
    chunk.resize(size, 0.0);
    sum.resize(size, 0.0);
    let (low, high) = frame_run(request.frames, y, request.width, |frame, from, to| {
        let fill = request.beyond.get(frame.fill).map_or(request.fill, Vec::as_slice);
        for (values, &fill) in chunk.chunks_exact_mut(CHUNK).zip(fill) {
            values.fill(fill);
        }
        let mut x = from;
        while x < to {
            let count = CHUNK.min(to - x);
            put(x, count, chunk);
            x += count;
        }
    });
    let mut x = low;
    while x < high {
        let count = CHUNK.min(high - x);
        match request.map {
            Map::Field(field) => {
                points.take(&field[(y * request.width + x) * 2..], count);
                sample_chunk(view, request.border, request.fill, points, count, chunk);
                put(x, count, chunk);
            }
            Map::Matrix(m) => {
                let middle = (x as f64 + count as f64 / 2.0, y as f64 + 0.5);
                let (nx, ny) = if request.supersample { density(&m, middle.0, middle.1) } else { (1, 1) };
                if nx * ny == 1 {
                    points.project(&m, x as f64 + 0.5, y as f64 + 0.5, count);
                    sample_chunk(view, request.border, request.fill, points, count, chunk);
                    put(x, count, chunk);
                } else {
                    sum.fill(0.0);
                    for k in 0..nx * ny {
                        let (sx, sy) = ((k % nx) as f64 + 0.5, (k / nx) as f64 + 0.5);
                        let at = (x as f64 + sx / nx as f64, y as f64 + sy / ny as f64);
                        points.project(&m, at.0, at.1, count);
                        sample_chunk(view, request.border, request.fill, points, count, chunk);
                        for (s, v) in sum.iter_mut().zip(&*chunk) {
                            *s += v;
                        }
                    }
                    let share = 1.0 / (nx * ny) as f32;
                    for s in sum.iter_mut() {
                        *s *= share;
                    }
                    put(x, count, sum);
                }
            }
        }
        x += count;
    }
}

/// Warps into rows of `width * channels` samples.
pub fn warp<T: Sample, O: Sample>(view: &View<'_, T>, request: &Warp<'_>, out: &mut [O]) -> Result<()> {
    check(view, request)?;
    let c = view.channels;
    let n = request.width * c;
    if out.len() != n * request.height {
        return invalid("warp: the output must have the size that is asked for.");
    }
    let mut scratch = Scratch::default();
    let mut line = vec![0.0f32; n];
    for (y, out) in out.chunks_exact_mut(n).enumerate() {
        row(view, request, y, &mut scratch, |x, count, values| {
            interleave(values, c, &mut line[x * c..(x + count) * c]);
        });
        round_to(&line, out);
    }
    Ok(())
}

/// Channel after channel to pixel after pixel.
fn interleave(values: &[f32], channels: usize, out: &mut [f32]) {
    if channels == 1 {
        let n = out.len();
        out.copy_from_slice(&values[..n]);
        return;
    }
    for (c, plane) in values.chunks_exact(CHUNK).enumerate() {
        for (o, &v) in out.chunks_exact_mut(channels).zip(plane) {
            o[c] = v;
        }
    }
}

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
                Map::Matrix(m) => project(&m, x as f64 + 0.5, y as f64 + 0.5, &mut points.x, &mut points.y),
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
            find(&points, view.width as f64, view.height as f64, &mut places);
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
    fn find(points: &Points, width: f64, height: f64, out: &mut Places) {
        for k in 0..CHUNK {
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
