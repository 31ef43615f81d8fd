//! Bilinear samples of bytes as fine levels: 16-bit words, 64 steps to a level, coordinates in 1/65536 of a pixel.
//!
//! Integer arithmetic from there on, so that every instruction set gives the same bits. What the words cannot say (a
//! chunk whose points lie too far apart) is sampled as floats and rounded.

use super::clamped::{Place, clamped};
use super::points::{CHUNK, NEAR, Points, below};
#[cfg(target_arch = "x86_64")]
use super::{gather, permute_fine};
use crate::leveled;
use crate::resample::View;
use crate::rows::fine::STEPS;
use crate::rows::part;

/// Points that reach further than this over a picture are sampled as floats.
const FAR: f32 = 16000.0;
/// Points whose taps are found at a time.
pub const RUN: usize = 64;

/// One axis: `scale * near + part` counts from the whole pixel `whole`, which lies before every point; kept between
/// `low` and `high`.
#[derive(Clone, Copy)]
pub struct Line {
    pub scale: f32,
    pub part: f32,
    pub whole: i64,
    pub low: f32,
    pub high: f32,
    /// The greatest first tap, counted from the picture's edge.
    last: i32,
}

impl Line {
    fn new(base: f64, scale: f64, shift: f64, length: usize) -> Line {
        let at = base * scale + shift;
        let whole = below(at);
        // Just before the last pixel, so that the second tap is one too.
        let high = (length as f64 - whole) as f32;
        let high = if high > 0.0 { f32::from_bits(high.to_bits() - 1) } else { high - 1.0 };
        let within = |v: f32| if v.abs() < FAR { v } else { FAR.copysign(v) };
        Line {
            scale: scale as f32,
            part: (at - whole) as f32 + 1.0,
            whole: whole as i64 - 1,
            low: within((1.0 - whole) as f32),
            high: within(high),
            last: length as i32 - 2,
        }
    }

    /// A point in 1/65536 of a pixel.
    #[inline(always)]
    pub fn fixed(&self, near: f32) -> i32 {
        let v = near * self.scale + self.part;
        let v = if v > self.low { v } else { self.low };
        let v = if v < self.high { v } else { self.high };
        let v = v * 65536.0;
        // SAFETY: `new` keeps both ends below 16000 pixels, which fit, and a number that is none became one of them.
        let whole: i32 = unsafe { v.to_int_unchecked() };
        whole - i32::from(whole as f32 > v)
    }
}

/// Samples a chunk; every line of `out` takes `count` words of one channel.
pub fn fine(view: &View<'_, u8>, points: &Points, place: Place, count: usize, out: &mut [&mut [i16]]) {
    if points.wide(count, FAR) || view.width < 2 || view.height < 2 {
        let mut floats = [0.0; 3 * CHUNK];
        clamped(view, points, place, count, &mut floats);
        for (line, floats) in out.iter_mut().zip(floats.chunks_exact(CHUNK)) {
            rounded(&floats[..count], &mut line[..count]);
        }
        return;
    }
    let lines = [0, 1].map(|k| {
        let length = if k == 0 { view.width } else { view.height };
        Line::new(points.base[k], place.scale[k], place.shift[k], length)
    });
    let level = crate::simd::current();
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if level == crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512.
        done = unsafe { permute_fine::picked(view, points, &lines, count, out) };
    }
    while done < count {
        let end = (done + RUN).min(count);
        let taps = &mut Taps::default();
        split(&some(&points.near_x, done, end), &lines[0], &mut taps.x, &mut taps.fx);
        split(&some(&points.near_y, done, end), &lines[1], &mut taps.y, &mut taps.fy);
        let mut mixed = 0;
        #[cfg(target_arch = "x86_64")]
        if level >= crate::simd::Level::Avx2 {
            // SAFETY: the level says that the processor has AVX2; the kernel checks its own offsets.
            mixed = unsafe {
                match view.channels {
                    1 => gather::fine_16::<1>(view, taps, done, end - done, out),
                    2 => gather::fine_16::<2>(view, taps, done, end - done, out),
                    _ => 0,
                }
            };
        }
        match view.channels {
            1 => mix::<1>(view, taps, (done, mixed), end, out),
            2 => mix::<2>(view, taps, (done, mixed), end, out),
            _ => mix::<3>(view, taps, (done, mixed), end, out),
        }
        done = end;
    }
}

leveled! {
    fn rounded(floats: &[f32], out: &mut [i16]) {
        for (o, &v) in out.iter_mut().zip(floats) {
            *o = (v * f32::from(STEPS) + 0.5) as i32 as i16;
        }
    }
}

/// First taps, counted from the picture's edge, and the weights of the second ones.
pub struct Taps {
    pub x: [i32; RUN],
    pub y: [i32; RUN],
    pub fx: [i16; RUN],
    pub fy: [i16; RUN],
}

impl Default for Taps {
    fn default() -> Taps {
        Taps { x: [0; RUN], y: [0; RUN], fx: [0; RUN], fy: [0; RUN] }
    }
}

leveled! {
    fn split(near: &[f32; RUN], line: &Line, wholes: &mut [i32; RUN], parts: &mut [i16; RUN]) {
        let mut fixed = [0; RUN];
        for (fixed, &near) in fixed.iter_mut().zip(near) {
            *fixed = line.fixed(near);
        }
        let first = line.whole as i32;
        for (whole, fixed) in wholes.iter_mut().zip(&fixed) {
            // Points too far out for fixed numbers: whatever stands there is covered by fill.
            *whole = ((fixed >> 16) + first).max(0).min(line.last);
        }
        for (part, fixed) in parts.iter_mut().zip(&fixed) {
            *part = ((fixed & 0xFFFF) >> 1) as i16;
        }
    }
}

/// The points `from..to` of one axis, and nothing behind them.
fn some(near: &[f32; NEAR], from: usize, to: usize) -> [f32; RUN] {
    let mut out = [0.0; RUN];
    out[..to - from].copy_from_slice(&near[from..to]);
    out
}

/// Mixes four taps per point, of the points from `from` on those that are not `mixed` yet.
fn mix<const C: usize>(
    view: &View<'_, u8>,
    taps: &Taps,
    (from, mixed): (usize, usize),
    to: usize,
    out: &mut [&mut [i16]],
) {
    let stride = view.stride;
    for k in from + mixed..to {
        let at = k - from;
        let (x, y) = (taps.x[at] as usize, taps.y[at] as usize);
        let first = y * stride + x * C;
        let (top, bottom) = (&view.data[first..][..2 * C], &view.data[first + stride..][..2 * C]);
        let lerp = |a: i16, b: i16, f: i16| a + part(b - a, f);
        for (c, line) in out.iter_mut().enumerate().take(C) {
            let word = |v: u8| i16::from(v) * STEPS;
            let (fx, fy) = (taps.fx[at], taps.fy[at]);
            let above = lerp(word(top[c]), word(top[c + C]), fx);
            let under = lerp(word(bottom[c]), word(bottom[c + C]), fx);
            line[k] = lerp(above, under, fy);
        }
    }
}
