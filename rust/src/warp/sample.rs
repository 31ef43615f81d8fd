//! Sampling one chunk of points: bilinear, with weights in float32 from coordinates in float64.
//!
//! Every tap lies on the picture: coordinates are kept between the middles of the first and the last pixel, which is what
//! repeating the edge means. Where a constant lies beyond the edge, the share of the four taps that lie on the picture
//! blends the two; that is the same sum.

use super::Border;
use crate::leveled;
use crate::resample::{Sample, View};

pub const CHUNK: usize = 64;

/// Source points of one chunk, in pixel indices.
pub struct Points {
    pub x: [f64; CHUNK],
    pub y: [f64; CHUNK],
    cover: [f32; CHUNK],
}

impl Default for Points {
    fn default() -> Self {
        Points { x: [0.0; CHUNK], y: [0.0; CHUNK], cover: [0.0; CHUNK] }
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

/// Whether the first and the last point of a chunk lie inside, and so, where they stand on a line, all of them.
pub fn ends_inside(points: &Points, right: f64, bottom: f64, count: usize) -> bool {
    let inside = |k: usize| {
        let (x, y) = (points.x[k], points.y[k]);
        x >= 0.0 && x <= right && y >= 0.0 && y <= bottom
    };
    count > 0 && inside(0) && inside(count - 1)
}

/// Samples a chunk; `out` holds CHUNK values per channel, of which the first `count` are wanted. `straight` says that the
/// points stand on a line.
pub fn sample<T: Sample>(
    view: &View<'_, T>,
    border: Border,
    fill: &[f32],
    points: &mut Points,
    count: usize,
    straight: bool,
    out: &mut [f32],
) {
    match border {
        Border::Constant => {
            let (right, bottom) = (view.width as f64 - 1.0, view.height as f64 - 1.0);
            let shares = if straight && ends_inside(points, right, bottom, count) {
                Shares::Everything
            } else {
                covered(points, right, bottom, count)
            };
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
    for k in 0..count {
        points.x[k] = border.into(points.x[k], view.width);
        points.y[k] = border.into(points.y[k], view.height);
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
    pub fn covered(points: &mut Points, right: f64, bottom: f64, count: usize) -> Shares {
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

/// Bilinear samples at coordinates kept on the picture.
pub fn clamped<T: Sample>(view: &View<'_, T>, points: &Points, place: Place, count: usize, out: &mut [f32]) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx2
        && let Some(bytes) = T::as_bytes(view.data)
    {
        let view = View { data: bytes, stride: view.stride, width: view.width, height: view.height, channels: view.channels };
        // SAFETY: AVX2 was found; the kernel checks its own offsets.
        done = unsafe { x86::clamped(&view, points, place, count, out) };
    }
    let (c, s) = (view.channels, view.stride);
    let (right, bottom) = (view.width as f64 - 1.0, view.height as f64 - 1.0);
    let (last_x, last_y) = (view.width.saturating_sub(2), view.height.saturating_sub(2));
    let (step_x, step_y) = (if view.width > 1 { c } else { 0 }, if view.height > 1 { s } else { 0 });
    for k in done..count {
        let keep = |v: f64, last: f64| {
            let v = if v > 0.0 { v } else { 0.0 };
            if v < last { v } else { last }
        };
        let u = keep(points.x[k] * place.scale[0] + place.shift[0], right);
        let v = keep(points.y[k] * place.scale[1] + place.shift[1], bottom);
        let (x, y) = ((u as usize).min(last_x), (v as usize).min(last_y));
        let (fx, fy) = ((u - x as f64) as f32, (v - y as f64) as f32);
        let at = y * s + x * c;
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
    use super::{CHUNK, Place, Points, View};
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx2")]
    fn channel<const SHIFT: i32>(g: __m256i) -> __m256 {
        _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32::<SHIFT>(g), _mm256_set1_epi32(255)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn lerp(a: __m256, b: __m256, f: __m256) -> __m256 {
        _mm256_add_ps(a, _mm256_mul_ps(_mm256_sub_ps(b, a), f))
    }

    /// Whole pixels (at most `most`) and fractions of eight coordinates.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn split(at: &[f64; CHUNK], k: usize, scale: f64, shift: f64, last: f64, most: __m128i) -> (__m256i, __m256) {
        let half = |at: &[f64]| {
            // SAFETY: the slice holds four values.
            let v = unsafe { _mm256_loadu_pd(at[..4].as_ptr()) };
            let v = _mm256_add_pd(_mm256_mul_pd(v, _mm256_set1_pd(scale)), _mm256_set1_pd(shift));
            // max and min give their second operand for NaN.
            let v = _mm256_min_pd(_mm256_max_pd(v, _mm256_setzero_pd()), _mm256_set1_pd(last));
            let whole = _mm_min_epi32(_mm256_cvttpd_epi32(v), most);
            (whole, _mm256_cvtpd_ps(_mm256_sub_pd(v, _mm256_cvtepi32_pd(whole))))
        };
        let ((a, fa), (b, fb)) = (half(&at[k..]), half(&at[k + 4..]));
        (_mm256_set_m128i(b, a), _mm256_set_m128(fb, fa))
    }

    /// Bytes with one to three channels, eight points at a time; says up to where it got.
    #[target_feature(enable = "avx2")]
    pub fn clamped(view: &View<'_, u8>, points: &Points, place: Place, count: usize, out: &mut [f32]) -> usize {
        let (data, stride, channels) = (view.data, view.stride, view.channels);
        let small = view.width < 2 || view.height < 2 || data.len() > i32::MAX as usize;
        if small || !(1..=3).contains(&channels) || out.len() < channels * CHUNK || count > CHUNK {
            return 0;
        }
        // The last byte that a gather of four touches behind an offset in the second row and column.
        let Some(limit) = data.len().checked_sub(stride + channels + 4) else { return 0 };
        let (limit, st) = (_mm256_set1_epi32(limit as i32), _mm256_set1_epi32(stride as i32));
        let (right, bottom) = (view.width as f64 - 1.0, view.height as f64 - 1.0);
        let most = (_mm_set1_epi32(view.width as i32 - 2), _mm_set1_epi32(view.height as i32 - 2));
        let mut k = 0;
        while k < count {
            let (x, fx) = split(&points.x, k, place.scale[0], place.shift[0], right, most.0);
            let (y, fy) = split(&points.y, k, place.scale[1], place.shift[1], bottom, most.1);
            let double = _mm256_add_epi32(x, x);
            let step = match channels {
                1 => x,
                2 => double,
                _ => _mm256_add_epi32(x, double),
            };
            let at = _mm256_add_epi32(_mm256_mullo_epi32(y, st), step);
            // An offset below 0 or beyond the limit: the careful loop takes the rest.
            let bad = _mm256_or_si256(_mm256_cmpgt_epi32(at, limit), _mm256_cmpgt_epi32(_mm256_setzero_si256(), at));
            if _mm256_movemask_epi8(bad) != 0 {
                return k;
            }
            let below = _mm256_add_epi32(at, st);
            // SAFETY: every offset is at least 0 and, with what is read behind it, at most data.len().
            let gather = |o: __m256i| unsafe { _mm256_i32gather_epi32::<1>(data.as_ptr().cast(), o) };
            let mix = |a, b, d, e| lerp(lerp(a, b, fx), lerp(d, e, fx), fy);
            let mut put = |c: usize, v: __m256| {
                let place = &mut out[c * CHUNK + k..][..8];
                // SAFETY: the slice holds eight values.
                unsafe { _mm256_storeu_ps(place.as_mut_ptr(), v) }
            };
            let (g, h) = (gather(at), gather(below));
            match channels {
                1 => put(0, mix(channel::<0>(g), channel::<8>(g), channel::<0>(h), channel::<8>(h))),
                2 => {
                    put(0, mix(channel::<0>(g), channel::<16>(g), channel::<0>(h), channel::<16>(h)));
                    put(1, mix(channel::<8>(g), channel::<24>(g), channel::<8>(h), channel::<24>(h)));
                }
                _ => {
                    let three = _mm256_set1_epi32(3);
                    let (i, j) = (gather(_mm256_add_epi32(at, three)), gather(_mm256_add_epi32(below, three)));
                    put(0, mix(channel::<0>(g), channel::<0>(i), channel::<0>(h), channel::<0>(j)));
                    put(1, mix(channel::<8>(g), channel::<8>(i), channel::<8>(h), channel::<8>(j)));
                    put(2, mix(channel::<16>(g), channel::<16>(i), channel::<16>(h), channel::<16>(j)));
                }
            }
            k += 8;
        }
        count
    }
}
