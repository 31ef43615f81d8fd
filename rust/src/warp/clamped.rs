//! Bilinear samples at coordinates kept on the picture, with weights in float32 from coordinates in float64.

#[cfg(target_arch = "x86_64")]
use super::gather;
use super::points::{CHUNK, Points, below};
use crate::leveled;
use crate::resample::{Sample, View};

/// From a picture's coordinates to those of a plane of another scale: `scale * p + shift`, per axis.
#[derive(Clone, Copy)]
pub struct Place {
    pub scale: [f64; 2],
    pub shift: [f64; 2],
}

impl Place {
    pub const SAME: Place = Place { scale: [1.0, 1.0], shift: [0.0, 0.0] };
}

/// One axis of `clamped`: `scale * near + part` counts from the whole pixel `whole`; kept between `low` and `high`.
#[derive(Clone, Copy)]
pub struct Line {
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
            crate::simd::Level::Avx512 => done = unsafe { gather::clamped(&view, points, &lines, count, out) },
            // SAFETY: the same for AVX2.
            crate::simd::Level::Avx2 => done = unsafe { gather::clamped_8(&view, points, &lines, 0, count, out) },
            crate::simd::Level::Base => {}
        }
    }
    if done == count {
        return;
    }
    let places = &mut Taps { x: [0; CHUNK], y: [0; CHUNK], fx: [0.0; CHUNK], fy: [0.0; CHUNK] };
    taps(points, &lines, count, places);
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
    fn taps(points: &Points, lines: &[Line; 2], count: usize, out: &mut Taps) {
        let n = count.next_multiple_of(16).min(CHUNK);
        for k in 0..n {
            (out.x[k], out.fx[k]) = lines[0].tap(points.near_x[k]);
        }
        for k in 0..n {
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
