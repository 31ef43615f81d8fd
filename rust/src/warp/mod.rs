//! Mapping a picture through a matrix or a dense field: bilinear at exact coordinates, or the nearest pixel.
//!
//! Coordinates are computed in float64, weights in float32. Output pixels are worked on in chunks of a row: their source
//! points (`points`), what the border makes of those (`sample`), then four taps each, all of them on the picture
//! (`clamped`). Frames are the canvases that the picture passed on its way: a pixel whose middle lies outside one of them
//! takes the fill.

mod border;
mod clamped;
mod fine;
mod frames;
#[cfg(target_arch = "x86_64")]
mod gather;
mod matrix;
mod nearest;
#[cfg(target_arch = "x86_64")]
mod permute;
#[cfg(target_arch = "x86_64")]
mod permute_fine;
mod points;
mod sample;
mod together;

use crate::error::{Result, invalid};
use crate::resample::{Sample, View};

pub use border::Border;
pub use clamped::{Place, clamped};
pub use fine::fine;
pub use frames::{Frame, Inside, frame_run};
pub use matrix::{FAR, Matrix, density, is_flat, project};
pub use nearest::nearest;
pub use points::{CHUNK, CHUNK_SEEN, Points, Shares};
pub use sample::sample as sample_chunk;
use together::together;

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
    let seen = matches!(request.map, Map::Matrix(m) if !is_flat(&m));
    let most = if seen { CHUNK_SEEN } else { CHUNK };
    let mut x = low;
    while x < high {
        let count = most.min(high - x);
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
    let mut line = vec![0.0f32; CHUNK * c];
    for (y, out) in out.chunks_exact_mut(n).enumerate() {
        row(view, request, y, &mut scratch, |x, count, values| {
            together(values, c, &mut line[..count * c], &mut out[x * c..(x + count) * c]);
        });
    }
    Ok(())
}
