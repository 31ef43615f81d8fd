//! From Y, Cb, Cr planes of different sizes straight to rows of RGB.

use crate::error::Result;
use crate::jpeg::Plane;
use crate::leveled;
use crate::resample::{Axis, Kernel, Span, View, clamp};
use crate::warp::{self, Border, CHUNK, Points, Warp};

use super::plan::{Joined, Separable};

/// A plane's window as a picture of one channel.
pub fn view(plane: &Plane) -> View<'_, u8> {
    View { data: &plane.data, stride: plane.stride, width: plane.w, height: plane.h, channels: 1 }
}

/// The tables of one plane for a resample: down, along.
pub fn axes(plane: &Plane, plan: &Separable, kernel: Kernel, down: &mut Axis, along: &mut Axis) -> Result<()> {
    for (k, axis, scale, origin, length, full) in [
        (0, along, plane.sx, plane.x0, plane.w, plane.full_w),
        (1, down, plane.sy, plane.y0, plane.h, plane.full_h),
    ] {
        let (from, to) = (plan.crop[k].0 as f64 * scale, plan.crop[k].1 as f64 * scale);
        // The part's own samples only, as if it had been cut out first.
        let low = (from.floor() as usize).min(full - 1);
        let high = (to.ceil() as usize).clamp(low + 1, full);
        let count = if k == 0 { plan.canvas.0 } else { plan.canvas.1 };
        axis.set(Span { low, high, from, to, count }, plan.outputs(k), kernel)?;
        axis.move_to_window(origin, length)?;
    }
    Ok(())
}

leveled! {
    /// Y, Cb, Cr in 0..255 to R, G, B with 1.0 = white, in place.
    pub fn to_rgb(y: &mut [f32], cb: &mut [f32], cr: &mut [f32]) {
        for ((y, cb), cr) in y.iter_mut().zip(cb).zip(cr) {
            let (l, u, v) = (*y, *cb - 128.0, *cr - 128.0);
            *y = clamp((l + 1.402 * v) * (1.0 / 255.0), 0.0, 1.0);
            *cb = clamp((l - (0.344_136_3 * u + 0.714_136_3 * v)) * (1.0 / 255.0), 0.0, 1.0);
            *cr = clamp((l + 1.772 * u) * (1.0 / 255.0), 0.0, 1.0);
        }
    }
}

leveled! {
    /// Bytes in 0..255 as floats with 1.0 = white, in place.
    pub fn to_unit(line: &mut [f32]) {
        for v in line {
            *v = clamp(*v * (1.0 / 255.0), 0.0, 1.0);
        }
    }
}

/// The planes of a picture ready for a warp.
pub struct Planes<'a> {
    pub luma: &'a Plane,
    /// Cb and Cr side by side, where there is color.
    pub chroma: Option<(&'a Plane, View<'a, u8>)>,
    pub width: usize,
    pub height: usize,
}

/// Puts Cb and Cr side by side, with room behind for vector reads.
pub fn pair<'a>(cb: &Plane, cr: &Plane, out: &'a mut Vec<u8>) -> View<'a, u8> {
    let stride = 2 * cb.w;
    out.resize(stride * cb.h + 64, 0);
    for y in 0..cb.h {
        side_by_side(cb.row(y), cr.row(y), &mut out[y * stride..][..stride]);
    }
    View { data: out, stride, width: cb.w, height: cb.h, channels: 2 }
}

leveled! {
    fn side_by_side(a: &[u8], b: &[u8], out: &mut [u8]) {
        for ((o, &a), &b) in out.chunks_exact_mut(2).zip(a).zip(b) {
            (o[0], o[1]) = (a, b);
        }
    }
}

#[derive(Default)]
pub struct Scratch {
    source: Points,
    points: Points,
    luma: Vec<f32>,
    chroma: Vec<f32>,
    sums: Vec<f32>,
    cover: Vec<f32>,
}

leveled! {
    /// The same points on a plane of another scale, kept on its window.
    fn on_plane(from: &[f64; CHUNK], scale: f64, origin: f64, last: f64, to: &mut [f64; CHUNK]) {
        for k in 0..CHUNK {
            let v = (from[k] + 0.5) * scale - 0.5 - origin;
            let v = if v > 0.0 { v } else { 0.0 };
            to[k] = if v < last { v } else { last };
        }
    }
}

leveled! {
    /// How much of each pixel's four taps lies on the picture; true where that is everything.
    fn covered(px: &[f64; CHUNK], py: &[f64; CHUNK], right: f64, bottom: f64, count: usize, out: &mut [f32]) -> bool {
        let mut all = true;
        for k in 0..count {
            let part = |v: f64, last: f64| {
                let low = if v + 1.0 < 1.0 { v + 1.0 } else { 1.0 };
                let high = last + 1.0 - v;
                let part = if low < high { low } else { high };
                if part > 0.0 { part as f32 } else { 0.0 }
            };
            let share = part(px[k], right) * part(py[k], bottom);
            all &= share >= 1.0;
            out[k] = share;
        }
        all
    }
}

leveled! {
    fn blend(line: &mut [f32], cover: &[f32], fill: f32) {
        for (v, &share) in line.iter_mut().zip(cover) {
            *v = fill + (*v - fill) * share;
        }
    }
}

/// Samples output row `y` of a warp from the planes; `out` takes R, G, B (or gray) with 1.0 = white.
pub fn warp_row(planes: &Planes<'_>, plan: &Joined, fill: &[f32; 3], supersample: bool, y: usize, scratch: &mut Scratch, out: &mut [&mut [f32]]) {
    let Scratch { source, points, luma, chroma, sums, cover } = scratch;
    luma.resize(CHUNK, 0.0);
    chroma.resize(2 * CHUNK, 0.0);
    cover.resize(CHUNK, 0.0);
    sums.resize(3 * CHUNK, 0.0);
    let channels = if planes.chroma.is_some() { 3 } else { 1 };
    let width = plan.target.0;
    let (low, high) = warp::frame_run(&plan.frames, y, width);
    for (k, line) in out.iter_mut().enumerate().take(channels) {
        line[..low].fill(fill[k]);
        line[high..width].fill(fill[k]);
    }
    let nothing = [0.0f32; 2];
    let request = |channels: usize| Warp {
        map: warp::Map::Matrix(plan.back),
        width,
        height: plan.target.1,
        border: Border::Constant,
        fill: &nothing[..channels],
        frames: &[],
        supersample: false,
    };
    let mut x = low;
    while x < high {
        let count = CHUNK.min(high - x);
        let (nx, ny) = if supersample {
            warp::density(&plan.back, x as f64 + count as f64 / 2.0, y as f64 + 0.5)
        } else {
            (1, 1)
        };
        for s in 0..nx * ny {
            let at = (
                x as f64 + ((s % nx) as f64 + 0.5) / nx as f64,
                y as f64 + ((s / nx) as f64 + 0.5) / ny as f64,
            );
            warp::project(&plan.back, at.0, at.1, &mut source.px, &mut source.py);
            let (right, bottom) = (planes.width as f64 - 1.0, planes.height as f64 - 1.0);
            let all = covered(&source.px, &source.py, right, bottom, count, cover);
            let place = |plane: &Plane, points: &mut Points| {
                on_plane(&source.px, plane.sx, plane.x0 as f64, plane.w as f64 - 1.0, &mut points.px);
                on_plane(&source.py, plane.sy, plane.y0 as f64, plane.h as f64 - 1.0, &mut points.py);
            };
            place(planes.luma, points);
            warp::sample_chunk(&view(planes.luma), &request(1), points, count, luma);
            if let Some((plane, pair)) = &planes.chroma {
                place(plane, points);
                warp::sample_chunk(pair, &request(2), points, count, chroma);
                let (cb, cr) = chroma.split_at_mut(CHUNK);
                to_rgb(&mut luma[..count], &mut cb[..count], &mut cr[..count]);
            } else {
                to_unit(&mut luma[..count]);
            }
            let (cb, cr) = chroma.split_at_mut(CHUNK);
            for (k, line) in [&mut luma[..], cb, cr].into_iter().enumerate().take(channels) {
                if !all {
                    blend(&mut line[..count], cover, fill[k]);
                }
                let target = &mut out[k][x..x + count];
                if nx * ny == 1 {
                    target.copy_from_slice(&line[..count]);
                } else {
                    let sum = &mut sums[k * CHUNK..][..count];
                    for (sum, &v) in sum.iter_mut().zip(&line[..count]) {
                        *sum = if s == 0 { v } else { *sum + v };
                    }
                    if s + 1 == nx * ny {
                        let share = 1.0 / (nx * ny) as f32;
                        for (o, &v) in target.iter_mut().zip(&*sum) {
                            *o = v * share;
                        }
                    }
                }
            }
        }
        x += count;
    }
}
