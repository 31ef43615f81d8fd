//! Mapping a picture through a matrix or a dense field: bilinear at exact coordinates, or the nearest pixel.
//!
//! Coordinates are computed in float64, weights in float32. Output pixels are worked on in chunks; inside a chunk the
//! run whose four taps all lie in the picture takes the fast kernel, the rest is done tap by tap. Frames are the
//! canvases that the picture passed on its way: a pixel whose middle lies outside one of them takes the fill.

use crate::error::{Result, invalid};
use crate::leveled;
use crate::resample::{Sample, View, round_to};

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
    fn into(self, at: f64, length: usize) -> f64 {
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

    /// The index of a tap, after `into`; `None` takes the fill.
    #[inline]
    fn index(self, i: i64, length: usize) -> Option<usize> {
        let n = length as i64;
        match self {
            Border::Constant => (0..n).contains(&i).then_some(i as usize),
            Border::Wrap => Some(i.rem_euclid(n) as usize),
            // After folding a tap lies at most one pixel out, where these three repeat the edge.
            _ => Some(i.clamp(0, n - 1) as usize),
        }
    }
}

/// A canvas on the way: output coordinates to its own, and its size.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub back: Matrix,
    pub width: f64,
    pub height: f64,
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
    pub frames: &'a [Frame],
    /// Average several samples per pixel where the map shrinks.
    pub supersample: bool,
}

pub const CHUNK: usize = 64;
const FAR: f64 = -1e9;
const HORIZON: f64 = 1e-9;

/// Coordinates of one chunk: whole pixels and fractions.
pub struct Points {
    pub x: [i32; CHUNK],
    pub y: [i32; CHUNK],
    pub fx: [f32; CHUNK],
    pub fy: [f32; CHUNK],
    pub px: [f64; CHUNK],
    pub py: [f64; CHUNK],
}

impl Points {
    pub fn new() -> Points {
        Points {
            x: [0; CHUNK],
            y: [0; CHUNK],
            fx: [0.0; CHUNK],
            fy: [0.0; CHUNK],
            px: [0.0; CHUNK],
            py: [0.0; CHUNK],
        }
    }
}

impl Default for Points {
    fn default() -> Self {
        Points::new()
    }
}

leveled! {
    /// Source points, in pixel indices, of output points (x0 + k, y), k < CHUNK.
    pub fn project(m: &Matrix, x0: f64, y: f64, px: &mut [f64; CHUNK], py: &mut [f64; CHUNK]) {
        let (bx, by, bw) = (m[1] * y + m[2], m[4] * y + m[5], m[7] * y + m[8]);
        if m[6] == 0.0 && m[7] == 0.0 && m[8] == 1.0 {
            for k in 0..CHUNK {
                let x = x0 + k as f64;
                px[k] = (m[0] * x + bx) - 0.5;
                py[k] = (m[3] * x + by) - 0.5;
            }
        } else {
            for k in 0..CHUNK {
                let x = x0 + k as f64;
                let w = m[6] * x + bw;
                let (u, v) = ((m[0] * x + bx) / w, (m[3] * x + by) / w);
                let seen = w > HORIZON;
                px[k] = (if seen { u } else { FAR }) - 0.5;
                py[k] = (if seen { v } else { FAR }) - 0.5;
            }
        }
    }
}

leveled! {
    /// Splits coordinates into whole pixels and fractions; what lies far out is brought just out of reach.
    fn split(at: &[f64; CHUNK], length: usize, whole: &mut [i32; CHUNK], part: &mut [f32; CHUNK]) {
        let high = length as f64 + 1.0;
        for k in 0..CHUNK {
            let v = at[k];
            let v = if v > -2.0 { v } else { -2.0 };
            let v = if v < high { v } else { high };
            // v + 2 is not negative, so truncation is the floor.
            let w = (v + 2.0) as i32 - 2;
            whole[k] = w;
            part[k] = (v - f64::from(w)) as f32;
        }
    }
}

leveled! {
    /// Which pixels have all four taps inside, as 0 or 1; gives their number.
    fn inner(x: &[i32; CHUNK], y: &[i32; CHUNK], right: i32, bottom: i32, flags: &mut [u8; CHUNK]) -> u32 {
        let mut count = 0;
        for k in 0..CHUNK {
            let ok = (x[k] >= 0) & (x[k] < right) & (y[k] >= 0) & (y[k] < bottom);
            flags[k] = u8::from(ok);
            count += u32::from(ok);
        }
        count
    }
}

/// The columns `low..high` of output row `y` whose middles lie inside every frame.
pub fn frame_run(frames: &[Frame], y: usize, width: usize) -> (usize, usize) {
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
        (low, high) = (l, h);
        if low >= high {
            return (0, 0);
        }
    }
    (low as usize, high as usize)
}

/// One value per channel at a point, tap by tap.
fn slow<T: Sample>(view: &View<'_, T>, border: Border, fill: &[f32], points: &Points, k: usize, out: &mut [f32]) {
    let (x, y) = (i64::from(points.x[k]), i64::from(points.y[k]));
    let (fx, fy) = (points.fx[k], points.fy[k]);
    let columns = [border.index(x, view.width), border.index(x + 1, view.width)];
    let rows = [border.index(y, view.height), border.index(y + 1, view.height)];
    for c in 0..view.channels {
        let tap = |row: Option<usize>, column: Option<usize>| match (row, column) {
            (Some(row), Some(column)) => view.row(row)[column * view.channels + c].to_f32(),
            _ => fill[c],
        };
        let (a, b) = (tap(rows[0], columns[0]), tap(rows[0], columns[1]));
        let (d, e) = (tap(rows[1], columns[0]), tap(rows[1], columns[1]));
        let (top, bottom) = (a + (b - a) * fx, d + (e - d) * fx);
        out[c * CHUNK + k] = top + (bottom - top) * fy;
    }
}

/// Pixels `from..to` of a chunk, all of whose taps lie inside.
fn fast<T: Sample>(view: &View<'_, T>, points: &Points, from: usize, to: usize, out: &mut [f32]) {
    #[allow(unused_mut)]
    let mut done = from;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx2
        && let Some(bytes) = T::as_bytes(view.data)
    {
        // SAFETY: AVX2 was found; the kernel checks its own offsets.
        done = unsafe { x86::bytes(bytes, view.stride, view.channels, points, from, to, out) };
    }
    let (c, s) = (view.channels, view.stride);
    for k in done..to {
        let at = points.y[k] as usize * s + points.x[k] as usize * c;
        let (top, bottom) = (&view.data[at..at + 2 * c], &view.data[at + s..at + s + 2 * c]);
        let (fx, fy) = (points.fx[k], points.fy[k]);
        for i in 0..c {
            let (a, b) = (top[i].to_f32(), top[i + c].to_f32());
            let (d, e) = (bottom[i].to_f32(), bottom[i + c].to_f32());
            let (t, u) = (a + (b - a) * fx, d + (e - d) * fx);
            out[i * CHUNK + k] = t + (u - t) * fy;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{CHUNK, Points};
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx2")]
    fn channel<const SHIFT: i32>(g: __m256i) -> __m256 {
        _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32::<SHIFT>(g), _mm256_set1_epi32(255)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn lerp(a: __m256, b: __m256, f: __m256) -> __m256 {
        _mm256_add_ps(a, _mm256_mul_ps(_mm256_sub_ps(b, a), f))
    }

    /// Bytes with one to three channels, eight pixels at a time; says up to where it got.
    #[target_feature(enable = "avx2")]
    pub fn bytes(
        data: &[u8],
        stride: usize,
        channels: usize,
        points: &Points,
        from: usize,
        to: usize,
        out: &mut [f32],
    ) -> usize {
        if !(1..=3).contains(&channels) || out.len() < channels * CHUNK || data.len() > i32::MAX as usize {
            return from;
        }
        let st = _mm256_set1_epi32(stride as i32);
        // The last byte that a gather of four touches behind an offset in the second row and column.
        let reach = stride + channels + 4;
        let Some(limit) = data.len().checked_sub(reach) else {
            return from;
        };
        let limit = _mm256_set1_epi32(limit as i32);
        let mut k = from;
        while k + 8 <= to.min(CHUNK) {
            // SAFETY: k + 8 <= CHUNK.
            let (x, y, fx, fy) = unsafe {
                (
                    _mm256_loadu_si256(points.x.as_ptr().add(k).cast()),
                    _mm256_loadu_si256(points.y.as_ptr().add(k).cast()),
                    _mm256_loadu_ps(points.fx.as_ptr().add(k)),
                    _mm256_loadu_ps(points.fy.as_ptr().add(k)),
                )
            };
            let double = _mm256_add_epi32(x, x);
            let step = match channels {
                1 => x,
                2 => double,
                _ => _mm256_add_epi32(x, double),
            };
            let at = _mm256_add_epi32(_mm256_mullo_epi32(y, st), step);
            // An offset below 0 or beyond the limit: the careful loop takes the rest.
            let bad = _mm256_or_si256(
                _mm256_cmpgt_epi32(at, limit),
                _mm256_cmpgt_epi32(_mm256_setzero_si256(), at),
            );
            if _mm256_movemask_epi8(bad) != 0 {
                return k;
            }
            let below = _mm256_add_epi32(at, st);
            // SAFETY: every offset is at least 0 and, with what is read behind it, at most data.len().
            let gather = |o: __m256i| unsafe { _mm256_i32gather_epi32::<1>(data.as_ptr().cast(), o) };
            let mut put = |c: usize, v: __m256| {
                // SAFETY: out holds channels * CHUNK values and k + 8 <= CHUNK.
                unsafe { _mm256_storeu_ps(out.as_mut_ptr().add(c * CHUNK + k), v) }
            };
            if channels == 1 {
                let (g, h) = (gather(at), gather(below));
                let top = lerp(channel::<0>(g), channel::<8>(g), fx);
                let bottom = lerp(channel::<0>(h), channel::<8>(h), fx);
                put(0, lerp(top, bottom, fy));
            } else if channels == 2 {
                let (g, h) = (gather(at), gather(below));
                let mix = |a, b, d, e| lerp(lerp(a, b, fx), lerp(d, e, fx), fy);
                put(0, mix(channel::<0>(g), channel::<16>(g), channel::<0>(h), channel::<16>(h)));
                put(1, mix(channel::<8>(g), channel::<24>(g), channel::<8>(h), channel::<24>(h)));
            } else {
                let three = _mm256_set1_epi32(3);
                let (a, b) = (gather(at), gather(_mm256_add_epi32(at, three)));
                let (d, e) = (gather(below), gather(_mm256_add_epi32(below, three)));
                let mix = |a, b, d, e| lerp(lerp(a, b, fx), lerp(d, e, fx), fy);
                put(
                    0,
                    mix(channel::<0>(a), channel::<0>(b), channel::<0>(d), channel::<0>(e)),
                );
                put(
                    1,
                    mix(channel::<8>(a), channel::<8>(b), channel::<8>(d), channel::<8>(e)),
                );
                put(
                    2,
                    mix(channel::<16>(a), channel::<16>(b), channel::<16>(d), channel::<16>(e)),
                );
            }
            k += 8;
        }
        k
    }
}

/// Samples a whole chunk; `out` holds CHUNK values per channel. `count` of them are wanted.
pub fn sample_chunk<T: Sample>(view: &View<'_, T>, warp: &Warp<'_>, points: &mut Points, count: usize, out: &mut [f32]) {
    if warp.border != Border::Constant {
        for k in 0..count {
            points.px[k] = warp.border.into(points.px[k], view.width);
            points.py[k] = warp.border.into(points.py[k], view.height);
        }
    }
    split(&points.px, view.width, &mut points.x, &mut points.fx);
    split(&points.py, view.height, &mut points.y, &mut points.fy);
    let mut flags = [0u8; CHUNK];
    let inside = inner(
        &points.x,
        &points.y,
        view.width as i32 - 1,
        view.height as i32 - 1,
        &mut flags,
    ) as usize;
    let from = flags[..count].iter().position(|&f| f != 0).unwrap_or(count);
    let to = flags[..count].iter().rposition(|&f| f != 0).map_or(from, |k| k + 1);
    let run = flags[from..to].iter().all(|&f| f != 0);
    let (from, to) = if run && inside > 0 { (from, to) } else { (count, count) };
    fast(view, points, from, to, out);
    let (w, h) = (view.width as i32, view.height as i32);
    for k in (0..from).chain(to..count) {
        let outside = points.x[k] < -1 || points.x[k] >= w || points.y[k] < -1 || points.y[k] >= h;
        if outside && warp.border == Border::Constant {
            for (c, &fill) in warp.fill.iter().enumerate() {
                out[c * CHUNK + k] = fill;
            }
        } else {
            slow(view, warp.border, warp.fill, points, k, out);
        }
    }
}

/// Samples per axis that a chunk takes: as many as source pixels pass per output pixel.
pub fn density(m: &Matrix, x: f64, y: f64) -> (usize, usize) {
    let w = m[6] * x + m[7] * y + m[8];
    if !(w > HORIZON) {
        return (1, 1);
    }
    let (u, v) = ((m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w);
    let along = ((m[0] - u * m[6]) / w).hypot((m[3] - v * m[6]) / w);
    let down = ((m[1] - u * m[7]) / w).hypot((m[4] - v * m[7]) / w);
    let whole = |s: f64| (s + 0.5).clamp(1.0, 16.0) as usize;
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
    if view.width.max(view.height) > 1 << 24 {
        return invalid("warp: the picture must be at most 16777216 pixels wide and high.");
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
    let (low, high) = frame_run(request.frames, y, request.width);
    if low > 0 || high < request.width {
        for (values, &fill) in chunk.chunks_exact_mut(CHUNK).zip(request.fill) {
            values.fill(fill);
        }
        for (from, to) in [(0, low), (high, request.width)] {
            let mut x = from;
            while x < to {
                let count = CHUNK.min(to - x);
                put(x, count, chunk);
                x += count;
            }
        }
    }
    let mut x = low;
    while x < high {
        let count = CHUNK.min(high - x);
        match request.map {
            Map::Field(field) => {
                for (k, p) in field[(y * request.width + x) * 2..].chunks_exact(2).take(count).enumerate() {
                    (points.px[k], points.py[k]) = (f64::from(p[0]) - 0.5, f64::from(p[1]) - 0.5);
                }
                sample_chunk(view, request, points, count, chunk);
                put(x, count, chunk);
            }
            Map::Matrix(m) => {
                let middle = (x as f64 + count as f64 / 2.0, y as f64 + 0.5);
                let (nx, ny) = if request.supersample { density(&m, middle.0, middle.1) } else { (1, 1) };
                if nx * ny == 1 {
                    project(&m, x as f64 + 0.5, y as f64 + 0.5, &mut points.px, &mut points.py);
                    sample_chunk(view, request, points, count, chunk);
                    put(x, count, chunk);
                } else {
                    sum.fill(0.0);
                    for k in 0..nx * ny {
                        let (sx, sy) = ((k % nx) as f64 + 0.5, (k / nx) as f64 + 0.5);
                        let at = (x as f64 + sx / nx as f64, y as f64 + sy / ny as f64);
                        project(&m, at.0, at.1, &mut points.px, &mut points.py);
                        sample_chunk(view, request, points, count, chunk);
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
    let (mut px, mut py) = ([0.0; CHUNK], [0.0; CHUNK]);
    for (y, out) in out.chunks_exact_mut(n).enumerate() {
        let (low, high) = frame_run(request.frames, y, request.width);
        for (x, pixel) in out.chunks_exact_mut(c).enumerate() {
            if x < low || x >= high {
                pixel.copy_from_slice(fill);
            }
        }
        let mut x = low;
        while x < high {
            let count = CHUNK.min(high - x);
            match request.map {
                Map::Matrix(m) => project(&m, x as f64 + 0.5, y as f64 + 0.5, &mut px, &mut py),
                Map::Field(field) => {
                    let Some(row) = field.get((y * request.width + x) * 2..) else {
                        return invalid("warp: the field must have one point per output pixel.");
                    };
                    for (k, p) in row.chunks_exact(2).take(count).enumerate() {
                        (px[k], py[k]) = (f64::from(p[0]) - 0.5, f64::from(p[1]) - 0.5);
                    }
                }
            }
            for k in 0..count {
                let (u, v) = (px[k] + 0.5, py[k] + 0.5);
                let (w, h) = (view.width as f64, view.height as f64);
                let pixel = &mut out[(x + k) * c..][..c];
                let inside = u >= 0.0 && u < w && v >= 0.0 && v < h;
                let (u, v) = if inside {
                    (u, v)
                } else if request.border == Border::Constant {
                    pixel.copy_from_slice(fill);
                    continue;
                } else {
                    (
                        request.border.into(u - 0.5, view.width) + 0.5,
                        request.border.into(v - 0.5, view.height) + 0.5,
                    )
                };
                // A billionth of a pixel: a map that is exact but for rounding stays exact.
                let (i, j) = (
                    ((v + 1e-9).max(0.0) as usize).min(view.height - 1),
                    ((u + 1e-9).max(0.0) as usize).min(view.width - 1),
                );
                pixel.copy_from_slice(&view.data[i * view.stride + j * c..][..c]);
            }
            x += count;
        }
    }
    Ok(())
}
