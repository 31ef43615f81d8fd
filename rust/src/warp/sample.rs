//! Sampling one chunk of points: bilinear, with weights in float32 from coordinates in float64.
//!
//! Every tap lies on the picture: coordinates are kept between the middles of the first and the last pixel, which is what
//! repeating the edge means. Where a constant lies beyond the edge, the share of the four taps that lie on the picture
//! blends the two; that is the same sum.

use super::{Border, Matrix};
use crate::leveled;
use crate::resample::{Sample, View};

pub const CHUNK: usize = 256;
/// Vector code may read behind the last point.
pub(super) const NEAR: usize = CHUNK + 32;

/// Source points of one chunk, in pixel indices; and the same from a whole pixel near them on, in float32, which is
/// exact enough there.
pub struct Points {
    pub x: [f64; CHUNK],
    pub y: [f64; CHUNK],
    pub(super) near_x: [f32; NEAR],
    pub(super) near_y: [f32; NEAR],
    base: [f64; 2],
    cover: [f32; CHUNK],
    form: Form,
}

/// How the points of a chunk are known.
#[derive(Clone, Copy)]
enum Form {
    /// `x` and `y` hold them.
    Any,
    /// They stand on a line in order, so that its ends say whether all lie inside.
    Line,
    /// The same, seen in perspective through a matrix from (x, y) on; `x` and `y` are only filled when they are needed.
    Seen { matrix: Matrix, from: [f64; 2], ends: [[f64; 2]; 2] },
    /// Evenly on a line: the first one and the step; `x` and `y` are only filled when they are needed.
    Even { first: [f64; 2], step: [f64; 2] },
}

impl Default for Points {
    fn default() -> Self {
        let (x, near_x, cover) = ([0.0; CHUNK], [0.0; NEAR], [0.0; CHUNK]);
        Points { x, y: x, near_x, near_y: near_x, base: [0.0; 2], cover, form: Form::Any }
    }
}

/// What lies further out than any picture; it also stands for points beyond the horizon.
const OUT: f64 = 1e8;
const REACH: f64 = 8e6;
/// Points further before the picture are brought to its edge anyhow: float32 counts from here on.
const BEFORE: f64 = -256.0;

/// The whole number below, for numbers that fit 64 bits; without a call where the processor has no instruction for it.
#[inline(always)]
fn below(v: f64) -> f64 {
    let whole = v as i64 as f64;
    if whole > v { whole - 1.0 } else { whole }
}

fn within_reach(v: f64) -> f64 {
    let v = if v < REACH { v } else { REACH };
    if v > BEFORE { v } else { BEFORE }
}

leveled! {
    /// Finds the whole pixel before all points and the points' distance from it.
    fn relate(at: &[f64; CHUNK], count: usize, near: &mut [f32; NEAR]) -> f64 {
        let mut least = [OUT; 8];
        let mut look = |lane: usize, v: f64| {
            // Points far out do not count: they are brought to the edge anyhow.
            let v = if v > -OUT { v } else { OUT };
            least[lane] = if v < least[lane] { v } else { least[lane] };
        };
        let chunks = at[..count].chunks_exact(8);
        chunks.remainder().iter().for_each(|&v| look(0, v));
        for chunk in chunks {
            for l in 0..8 {
                look(l, chunk[l]);
            }
        }
        // Within what float32 counts exactly, whatever the size of the picture.
        let base = within_reach(least.into_iter().fold(OUT, |m, v| if v < m { v } else { m }).floor());
        for k in 0..CHUNK {
            near[k] = (at[k] - base) as f32;
        }
        base
    }
}

/// The same for points that stand evenly: base, first one from there, step.
#[inline(always)]
fn even(first: f64, step: f64, count: usize) -> (f64, f32, f32) {
    let last = first + step * (count - 1) as f64;
    let base = within_reach(below(if first < last { first } else { last }));
    (base, (first - base) as f32, step as f32)
}

leveled! {
    fn relate_even(x: (f32, f32), y: (f32, f32), count: usize, near_x: &mut [f32; NEAR], near_y: &mut [f32; NEAR]) {
        // Whole vectors are written; those behind the last point are not used.
        let n = count.next_multiple_of(16).min(CHUNK);
        for (k, (near_x, near_y)) in near_x[..n].iter_mut().zip(&mut near_y[..n]).enumerate() {
            *near_x = x.0 + x.1 * k as f32;
            *near_y = y.0 + y.1 * k as f32;
        }
    }
}

leveled! {
    /// What `project` gives, counted from a base; every point must be before the horizon.
    fn project_near(m: &Matrix, x: f64, y: f64, count: usize, base: [f64; 2], near_x: &mut [f32; NEAR], near_y: &mut [f32; NEAR]) {
        let (bx, by, bw) = (m[1] * y + m[2], m[4] * y + m[5], m[7] * y + m[8]);
        let n = count.next_multiple_of(16).min(CHUNK);
        for (k, (near_x, near_y)) in near_x[..n].iter_mut().zip(&mut near_y[..n]).enumerate() {
            let x = x + k as f64;
            let r = 1.0 / (m[6] * x + bw);
            *near_x = (((m[0] * x + bx) * r - 0.5) - base[0]) as f32;
            *near_y = (((m[3] * x + by) * r - 0.5) - base[1]) as f32;
        }
    }
}

leveled! {
    fn spread(first: f64, step: f64, at: &mut [f64; CHUNK]) {
        for k in 0..CHUNK {
            at[k] = first + step * k as f64;
        }
    }
}

impl Points {
    /// The source points of output points (x + k, y), k < count.
    pub fn project(&mut self, m: &Matrix, x: f64, y: f64, count: usize) {
        if super::is_flat(m) {
            let first = [(m[0] * x + (m[1] * y + m[2])) - 0.5, (m[3] * x + (m[4] * y + m[5])) - 0.5];
            self.form = Form::Even { first, step: [m[0], m[3]] };
            let (x, y) = (even(first[0], m[0], count), even(first[1], m[3], count));
            self.base = [x.0, y.0];
            relate_even((x.1, x.2), (y.1, y.2), count, &mut self.near_x, &mut self.near_y);
        } else if let (Some(first), Some(last)) = (super::seen(m, x, y), super::seen(m, x + (count - 1) as f64, y)) {
            self.base = [0, 1].map(|k| within_reach(below(if first[k] < last[k] { first[k] } else { last[k] })));
            project_near(m, x, y, count, self.base, &mut self.near_x, &mut self.near_y);
            self.form = Form::Seen { matrix: *m, from: [x, y], ends: [first, last] };
        } else {
            super::project(m, x, y, &mut self.x, &mut self.y);
            self.form = Form::Line;
            self.ready(count);
        }
    }

    /// Whether those between two points that lie on the picture lie between them.
    pub(super) fn in_order(&self) -> bool {
        !matches!(self.form, Form::Any)
    }

    /// Points of a field, as they stand there.
    pub fn take(&mut self, field: &[f32], count: usize) {
        for (k, p) in field.chunks_exact(2).take(count).enumerate() {
            (self.x[k], self.y[k]) = (f64::from(p[0]) - 0.5, f64::from(p[1]) - 0.5);
        }
        self.form = Form::Any;
        self.ready(count);
    }

    /// Makes the points ready for `clamped` after `x` and `y` have changed.
    fn ready(&mut self, count: usize) {
        self.base[0] = relate(&self.x, count, &mut self.near_x);
        self.base[1] = relate(&self.y, count, &mut self.near_y);
    }

    /// Fills `x` and `y`.
    fn fill(&mut self) {
        match self.form {
            Form::Even { first, step } => {
                spread(first[0], step[0], &mut self.x);
                spread(first[1], step[1], &mut self.y);
                self.form = Form::Line;
            }
            Form::Seen { matrix, from, .. } => {
                super::project(&matrix, from[0], from[1], &mut self.x, &mut self.y);
                self.form = Form::Line;
            }
            Form::Line | Form::Any => {}
        }
    }

    /// How much of the points' taps lies on a picture.
    pub fn shares(&mut self, width: usize, height: usize, count: usize) -> Shares {
        let (right, bottom) = (width as f64 - 1.0, height as f64 - 1.0);
        let inside = |x: f64, y: f64| x >= 0.0 && x <= right && y >= 0.0 && y <= bottom;
        let last = count - 1;
        let all = match self.form {
            Form::Any => false,
            Form::Line => inside(self.x[0], self.y[0]) && inside(self.x[last], self.y[last]),
            Form::Seen { ends, .. } => ends.iter().all(|p| inside(p[0], p[1])),
            Form::Even { first, step } => {
                let end = last as f64;
                inside(first[0], first[1]) && inside(first[0] + step[0] * end, first[1] + step[1] * end)
            }
        };
        if all {
            return Shares::Everything;
        }
        self.fill();
        covered(self, right, bottom, count)
    }
}

/// From a picture's coordinates to those of a plane of another scale: `scale * p + shift`, per axis.
#[derive(Clone, Copy)]
pub struct Place {
    pub scale: [f64; 2],
    pub shift: [f64; 2],
}

impl Place {
    pub const SAME: Place = Place { scale: [1.0, 1.0], shift: [0.0, 0.0] };
}

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
            points.fill();
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
    points.form = Form::Any;
    points.ready(count);
}

/// Whether the four taps of every point of a chunk lie on the picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shares {
    Everything,
    Some,
    Nothing,
}

leveled! {
    /// How much of each point's four taps lies on the picture.
    fn covered(points: &mut Points, right: f64, bottom: f64, count: usize) -> Shares {
        let (mut least, mut most) = (1.0f32, 0.0f32);
        for k in 0..CHUNK {
            let part = |v: f64, last: f64| {
                let low = if v + 1.0 < 1.0 { v + 1.0 } else { 1.0 };
                let high = last + 1.0 - v;
                let part = if low < high { low } else { high };
                if part > 0.0 { part as f32 } else { 0.0 }
            };
            points.cover[k] = part(points.x[k], right) * part(points.y[k], bottom);
        }
        for &share in &points.cover[..count] {
            least = if share < least { share } else { least };
            most = if share > most { share } else { most };
        }
        if least >= 1.0 {
            Shares::Everything
        } else if most > 0.0 {
            Shares::Some
        } else {
            Shares::Nothing
        }
    }
}

leveled! {
    fn blend(line: &mut [f32], cover: &[f32], fill: f32) {
        for (v, &share) in line.iter_mut().zip(cover) {
            *v = fill + (*v - fill) * share;
        }
    }
}

impl Points {
    /// Mixes the samples with what lies beyond the edge.
    pub fn blend(&self, shares: Shares, fill: &[f32], count: usize, out: &mut [f32]) {
        if shares == Shares::Everything {
            return;
        }
        for (line, &fill) in out.chunks_exact_mut(CHUNK).zip(fill) {
            match shares {
                Shares::Nothing => line[..count].fill(fill),
                _ => blend(&mut line[..count], &self.cover[..count], fill),
            }
        }
    }
}

/// One axis of `clamped`: `scale * near + part` counts from the whole pixel `whole`; kept between `low` and `high`.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub scale: f32,
    pub part: f32,
    pub whole: i64,
    pub low: f32,
    pub high: f32,
    /// The greatest first tap, counted from `whole`.
    pub last: i32,
}

impl Line {
    fn new(base: f64, scale: f64, shift: f64, length: usize) -> Line {
        let at = base * scale + shift;
        let whole = below(at);
        let end = length as f64 - 1.0 - whole;
        Line {
            scale: scale as f32,
            part: (at - whole) as f32,
            whole: whole as i64,
            low: (-whole) as f32,
            high: end as f32,
            last: (length as f64 - whole).max(2.0 - whole) as i32 - 2,
        }
    }

    /// The first tap, counted from the picture's edge, and the weight of the second.
    #[inline(always)]
    fn tap(&self, near: f32) -> (i32, f32) {
        let v = near * self.scale + self.part;
        let v = if v > self.low { v } else { self.low };
        let v = if v < self.high { v } else { self.high };
        // Truncation, as the vector instruction does it: the nearest whole number, corrected.
        let nearest = (v.abs() + 8_388_608.0) - 8_388_608.0;
        let whole = if nearest > v.abs() { nearest - 1.0 } else { nearest };
        let whole = if v < 0.0 { -whole } else { whole };
        let last = self.last as f32;
        let first = if whole < last { whole } else { last };
        (first as i32 + self.whole as i32, v - first)
    }
}

/// Bilinear samples at coordinates kept on the picture; the points must be `ready`.
pub fn clamped<T: Sample>(view: &View<'_, T>, points: &Points, place: Place, count: usize, out: &mut [f32]) {
    let lines = [0, 1].map(|k| {
        let length = if k == 0 { view.width } else { view.height };
        Line::new(points.base[k], place.scale[k], place.shift[k], length)
    });
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if let Some(bytes) = T::as_bytes(view.data) {
        let (stride, width, height, channels) = (view.stride, view.width, view.height, view.channels);
        let view = View { data: bytes, stride, width, height, channels };
        match crate::simd::current() {
            // SAFETY: the level says that the processor has AVX-512; the kernel checks its own offsets.
            crate::simd::Level::Avx512 => done = unsafe { x86::clamped(&view, points, &lines, count, out) },
            // SAFETY: the same for AVX2.
            crate::simd::Level::Avx2 => done = unsafe { x86::clamped_8(&view, points, &lines, 0, count, out) },
            crate::simd::Level::Base => {}
        }
    }
    if done == count {
        return;
    }
    let places = &mut Taps { x: [0; CHUNK], y: [0; CHUNK], fx: [0.0; CHUNK], fy: [0.0; CHUNK] };
    taps(points, &lines, places);
    match view.channels {
        1 => mix::<T, 1>(view, places, done, count, out),
        3 => mix::<T, 3>(view, places, done, count, out),
        4 => mix::<T, 4>(view, places, done, count, out),
        _ => mix::<T, 0>(view, places, done, count, out),
    }
}

/// First taps and weights of a chunk.
struct Taps {
    x: [i32; CHUNK],
    y: [i32; CHUNK],
    fx: [f32; CHUNK],
    fy: [f32; CHUNK],
}

leveled! {
    fn taps(points: &Points, lines: &[Line; 2], out: &mut Taps) {
        for k in 0..CHUNK {
            (out.x[k], out.fx[k]) = lines[0].tap(points.near_x[k]);
        }
        for k in 0..CHUNK {
            (out.y[k], out.fy[k]) = lines[1].tap(points.near_y[k]);
        }
    }
}

/// Mixes four taps per point; `C` channels, or as many as there are where it is 0.
fn mix<T: Sample, const C: usize>(view: &View<'_, T>, taps: &Taps, from: usize, to: usize, out: &mut [f32]) {
    let (c, s) = (if C == 0 { view.channels } else { C }, view.stride);
    let (step_x, step_y) = (if view.width > 1 { c } else { 0 }, if view.height > 1 { s } else { 0 });
    for k in from..to {
        let at = taps.y[k].max(0) as usize * s + taps.x[k].max(0) as usize * c;
        let (fx, fy) = (taps.fx[k], taps.fy[k]);
        let (top, bottom) = (&view.data[at..at + step_x + c], &view.data[at + step_y..at + step_y + step_x + c]);
        for i in 0..c {
            let (a, b) = (top[i].to_f32(), top[i + step_x].to_f32());
            let (d, e) = (bottom[i].to_f32(), bottom[i + step_x].to_f32());
            let (t, w) = (a + (b - a) * fx, d + (e - d) * fx);
            out[i * CHUNK + k] = t + (w - t) * fy;
        }
    }
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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{CHUNK, Line, NEAR, Points, View};
    use crate::warp::permute::{GROUP, picked};
    use std::arch::x86_64::*;

    /// Group after group: picked out of registers where the taps lie together, gathered where they do not. Says up to
    /// where it got.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    pub fn clamped(view: &View<'_, u8>, points: &Points, lines: &[Line; 2], count: usize, out: &mut [f32]) -> usize {
        let mut done = 0;
        let mut size = GROUP;
        while done < count {
            let end = (done + size).min(count);
            if picked(view, points, lines, done, end, out) {
                done = end;
            } else if size > 32 && end - done > 32 {
                size = 32;
            } else {
                done = clamped_16(view, points, lines, done, end, out);
                if done < end {
                    break;
                }
            }
        }
        done
    }

    /// The same kernel for eight and for sixteen points at a time: bytes with one to three channels. Says up to where it
    /// got; it stops before offsets whose bytes do not all lie in the data.
    macro_rules! clamped {
        (
            $name:ident, $features:literal, $lanes:literal, $f:ty, $i:ty, $load:ident, $store:ident, $set1:ident, $seti:ident,
            $add:ident, $sub:ident, $mul:ident, $max:ident, $min:ident, $whole:ident, $float:ident, $addi:ident,
            $muli:ident, $mini:ident, $and:ident, $shift:ident, |$at:ident, $limit:ident| $bad:expr,
            |$data:ident, $o:ident| $gather:expr
        ) => {
            #[target_feature(enable = $features)]
            pub fn $name(view: &View<'_, u8>, points: &Points, lines: &[Line; 2], from: usize, count: usize, out: &mut [f32]) -> usize {
                let (data, stride, channels) = (view.data, view.stride, view.channels);
                let small = view.width < 2 || view.height < 2 || data.len() > i32::MAX as usize;
                if small || !(1..=3).contains(&channels) || out.len() < channels * CHUNK || count > CHUNK {
                    return from;
                }
                // The last byte that a gather of four touches behind an offset in the second row and column.
                let Some(limit) = data.len().checked_sub(stride + channels + 4) else { return from };
                // Where the lines begin; offsets are counted from there.
                let base = lines[1].whole * stride as i64 + lines[0].whole * channels as i64;
                let Ok(base) = i32::try_from(base) else { return from };
                let (base, limit, st) = ($seti(base), $seti(limit as i32), $seti(stride as i32));
                let split = |near: &[f32; NEAR], k: usize, line: &Line| -> ($i, $f) {
                    let near = &near[k..k + $lanes];
                    // SAFETY: the slice holds as many values as are read.
                    let v = unsafe { $load(near.as_ptr()) };
                    let v = $add($mul(v, $set1(line.scale)), $set1(line.part));
                    // max and min give their second operand for NaN.
                    let v = $min($max(v, $set1(line.low)), $set1(line.high));
                    let first = $mini($whole(v), $seti(line.last));
                    (first, $sub(v, $float(first)))
                };
                let lerp = |a: $f, b: $f, f: $f| $add(a, $mul($sub(b, a), f));
                let low = |g: $i| $float($and(g, $seti(255)));
                let mut k = from;
                while k < count {
                    let (x, fx) = split(&points.near_x, k, &lines[0]);
                    let (y, fy) = split(&points.near_y, k, &lines[1]);
                    let double = $addi(x, x);
                    let step = match channels {
                        1 => x,
                        2 => double,
                        _ => $addi(x, double),
                    };
                    let $at = $addi($addi($muli(y, st), step), base);
                    let $limit = limit;
                    // An offset below 0 or beyond the limit: the careful loop takes the rest.
                    if $bad {
                        return k;
                    }
                    let gather = |$o: $i| {
                        let $data = data.as_ptr();
                        // SAFETY: every offset is at least 0 and, with what is read behind it, at most data.len().
                        unsafe { $gather }
                    };
                    let mut put = |c: usize, a: $i, b: $i, d: $i, e: $i| {
                        let v = lerp(lerp(low(a), low(b), fx), lerp(low(d), low(e), fx), fy);
                        let place = &mut out[c * CHUNK + k..][..$lanes];
                        // SAFETY: the slice holds as many values as are written.
                        unsafe { $store(place.as_mut_ptr(), v) }
                    };
                    let (g, h) = (gather($at), gather($addi($at, st)));
                    match channels {
                        1 => put(0, g, $shift::<8>(g), h, $shift::<8>(h)),
                        2 => {
                            put(0, g, $shift::<16>(g), h, $shift::<16>(h));
                            put(1, $shift::<8>(g), $shift::<24>(g), $shift::<8>(h), $shift::<24>(h));
                        }
                        _ => {
                            let right = $addi($at, $seti(3));
                            let (i, j) = (gather(right), gather($addi(right, st)));
                            put(0, g, i, h, j);
                            put(1, $shift::<8>(g), $shift::<8>(i), $shift::<8>(h), $shift::<8>(j));
                            put(2, $shift::<16>(g), $shift::<16>(i), $shift::<16>(h), $shift::<16>(j));
                        }
                    }
                    k += $lanes;
                }
                count
            }
        };
    }

    clamped!(
        clamped_8, "avx2", 8, __m256, __m256i, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_set1_epi32,
        _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_max_ps, _mm256_min_ps, _mm256_cvttps_epi32,
        _mm256_cvtepi32_ps, _mm256_add_epi32, _mm256_mullo_epi32, _mm256_min_epi32, _mm256_and_si256, _mm256_srli_epi32,
        |at, limit| {
            let out = _mm256_or_si256(_mm256_cmpgt_epi32(at, limit), _mm256_cmpgt_epi32(_mm256_setzero_si256(), at));
            _mm256_movemask_epi8(out) != 0
        },
        |data, o| _mm256_i32gather_epi32::<1>(data.cast(), o)
    );

    clamped!(
        clamped_16, "avx512f,avx512bw,avx512dq,avx512vl", 16, __m512, __m512i, _mm512_loadu_ps, _mm512_storeu_ps,
        _mm512_set1_ps, _mm512_set1_epi32, _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_max_ps, _mm512_min_ps,
        _mm512_cvttps_epi32, _mm512_cvtepi32_ps, _mm512_add_epi32, _mm512_mullo_epi32, _mm512_min_epi32, _mm512_and_si512,
        _mm512_srli_epi32,
        // As unsigned numbers, those below 0 are beyond the limit too.
        |at, limit| _mm512_cmpgt_epu32_mask(at, limit) != 0,
        |data, o| _mm512_i32gather_epi32::<1>(o, data.cast())
    );
}
