//! The source points of one chunk of output pixels, and how much of each lies on the picture.

use super::matrix::{Matrix, is_flat, project, seen};
use crate::leveled;
use crate::rows::part as fraction_of;
use std::ops::Range;

pub const CHUNK: usize = 640;
/// As many where the map is seen in perspective, so that one density serves them all.
pub const CHUNK_SEEN: usize = 256;
/// Vector code may read behind the last point.
pub(super) const NEAR: usize = CHUNK + 32;

/// Source points of one chunk, in pixel indices; and the same from a whole pixel near them on, in float32, which is
/// exact enough there.
pub struct Points {
    pub x: [f64; CHUNK],
    pub y: [f64; CHUNK],
    pub(super) near_x: [f32; NEAR],
    pub(super) near_y: [f32; NEAR],
    pub(super) base: [f64; 2],
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
pub(super) fn below(v: f64) -> f64 {
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
        // Whole vectors are written, here and below; those behind the last point are not used.
        for k in 0..count.next_multiple_of(16).min(CHUNK) {
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
    fn spread(first: f64, step: f64, count: usize, at: &mut [f64; CHUNK]) {
        for k in 0..count.next_multiple_of(16).min(CHUNK) {
            at[k] = first + step * k as f64;
        }
    }
}

impl Points {
    /// The source points of output points (x + k, y), k < count.
    pub fn project(&mut self, m: &Matrix, x: f64, y: f64, count: usize) {
        if is_flat(m) {
            let first = [(m[0] * x + (m[1] * y + m[2])) - 0.5, (m[3] * x + (m[4] * y + m[5])) - 0.5];
            self.form = Form::Even { first, step: [m[0], m[3]] };
            let (x, y) = (even(first[0], m[0], count), even(first[1], m[3], count));
            self.base = [x.0, y.0];
            relate_even((x.1, x.2), (y.1, y.2), count, &mut self.near_x, &mut self.near_y);
        } else if let (Some(first), Some(last)) = (seen(m, x, y), seen(m, x + (count - 1) as f64, y)) {
            self.base = [0, 1].map(|k| within_reach(below(if first[k] < last[k] { first[k] } else { last[k] })));
            project_near(m, x, y, count, self.base, &mut self.near_x, &mut self.near_y);
            self.form = Form::Seen { matrix: *m, from: [x, y], ends: [first, last] };
        } else {
            project(m, x, y, count, &mut self.x, &mut self.y);
            self.form = Form::Line;
            self.ready(count);
        }
    }

    /// Whether those between two points that lie on the picture lie between them.
    pub(super) fn in_order(&self) -> bool {
        !matches!(self.form, Form::Any)
    }

    /// Whether some lie further than this apart, as far as their ends say; points in no order count as such.
    pub(super) fn wide(&self, count: usize, far: f32) -> bool {
        // Counted from the least of them.
        let ends = [&self.near_x, &self.near_y].map(|near| near[0].max(near[count - 1]));
        !self.in_order() || ends[0].max(ends[1]) >= far
    }

    /// Points of a field, as they stand there.
    pub fn take(&mut self, field: &[f32], count: usize) {
        for (k, p) in field.chunks_exact(2).take(count).enumerate() {
            (self.x[k], self.y[k]) = (f64::from(p[0]) - 0.5, f64::from(p[1]) - 0.5);
        }
        self.moved(count);
    }

    /// Takes what now stands in `x` and `y`.
    pub(super) fn moved(&mut self, count: usize) {
        self.form = Form::Any;
        self.ready(count);
    }

    /// Makes the points ready for `clamped` after `x` and `y` have changed.
    fn ready(&mut self, count: usize) {
        self.base[0] = relate(&self.x, count, &mut self.near_x);
        self.base[1] = relate(&self.y, count, &mut self.near_y);
    }

    /// Fills `x` and `y`.
    pub(super) fn fill(&mut self, count: usize) {
        match self.form {
            Form::Even { first, step } => {
                spread(first[0], step[0], count, &mut self.x);
                spread(first[1], step[1], count, &mut self.y);
                self.form = Form::Line;
            }
            Form::Seen { matrix, from, .. } => {
                project(&matrix, from[0], from[1], count, &mut self.x, &mut self.y);
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
        self.fill(count);
        covered(self, right, bottom, count)
    }
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
        for k in 0..count.next_multiple_of(16).min(CHUNK) {
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

impl Points {
    /// The same for fine levels: those of a picture of this size whose points are `range`.
    pub fn blend_words(&self, size: (usize, usize), range: Range<usize>, fill: [i16; 3], lines: &mut [&mut [i16]]) {
        let (right, bottom) = (size.0 as f64 - 1.0, size.1 as f64 - 1.0);
        for k in range {
            let [x, y] = self.point(k);
            let share = (part(x, right) * part(y, bottom) * 32767.0 + 0.5) as i16;
            for (line, fill) in lines.iter_mut().zip(fill) {
                line[k] = fill + fraction_of(line[k] - fill, share);
            }
        }
    }

    /// The same after `shares`, for all of them.
    pub fn blend_all_words(&self, shares: Shares, fill: i16, line: &mut [i16]) {
        match shares {
            Shares::Everything => {}
            Shares::Nothing => line.fill(fill),
            Shares::Some => blend_words(line, &self.cover, fill),
        }
    }

    /// One point, in pixel indices.
    fn point(&self, k: usize) -> [f64; 2] {
        let far = k as f64;
        match self.form {
            Form::Even { first, step } => [first[0] + step[0] * far, first[1] + step[1] * far],
            Form::Seen { matrix, from, .. } => seen(&matrix, from[0] + far, from[1]).unwrap_or([-OUT; 2]),
            Form::Line | Form::Any => [self.x[k], self.y[k]],
        }
    }
}

/// How much of two taps around `v` lies between the middles of the first and the last pixel, and half a pixel further.
#[inline(always)]
fn part(v: f64, last: f64) -> f32 {
    let low = if v + 1.0 < 1.0 { v + 1.0 } else { 1.0 };
    let high = last + 1.0 - v;
    let part = if low < high { low } else { high };
    if part > 0.0 { part as f32 } else { 0.0 }
}

leveled! {
    fn blend_words(line: &mut [i16], cover: &[f32; CHUNK], fill: i16) {
        for (v, &share) in line.iter_mut().zip(cover) {
            *v = fill + fraction_of(*v - fill, (share * 32767.0 + 0.5) as i32 as i16);
        }
    }
}
