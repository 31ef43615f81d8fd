//! From Y, Cb, Cr planes of different sizes straight to rows of RGB.

use crate::error::Result;
use crate::jpeg::Plane;
use crate::leveled;
use crate::resample::{Axis, Kernel, Span, View};
use crate::rows::fine::{STEPS, WHITE};
use crate::rows::{self, From, Row, To};
use crate::warp::{self, CHUNK, CHUNK_SEEN, Inside, Matrix, Place, Points, Shares};

use super::plan::{Joined, Separable};

/// A plane's window as a picture of one channel.
pub fn view(plane: &Plane) -> View<'_, u8> {
    View { data: &plane.data, stride: plane.stride, width: plane.w, height: plane.h, channels: 1 }
}

/// The tables of one plane for a resample: down, along.
pub fn axes(plane: &Plane, plan: &Separable, kernel: Kernel, down: &mut Axis, along: &mut Axis) -> Result<()> {
    for (k, axis, scale, origin, length, full) in
        [(0, along, plane.sx, plane.x0, plane.w, plane.full_w), (1, down, plane.sy, plane.y0, plane.h, plane.full_h)]
    {
        let count = if k == 0 { plan.canvas.0 } else { plan.canvas.1 };
        let (first, last) = plan.crop[k];
        let window = (origin, length);
        if scale == 0.5 && plane.block == 8 && full > 2 {
            // Chroma of a picture at its full size.
            let span = Span { low: first, high: last, from: first as f64, to: last as f64, count };
            axis.fit(span, plan.outputs(k), kernel, Some(full), window)?;
            continue;
        }
        let (from, to) = (first as f64 * scale, last as f64 * scale);
        // The part's own samples only, as if it had been cut out first.
        let low = (from.floor() as usize).min(full - 1);
        let high = (to.ceil() as usize).clamp(low + 1, full);
        axis.fit(Span { low, high, from, to, count }, plan.outputs(k), kernel, None, window)?;
    }
    Ok(())
}

/// The planes of a picture ready for a warp.
pub struct Planes<'a> {
    pub luma: &'a Plane,
    /// Cb and Cr side by side, where there is color.
    pub chroma: Option<(&'a Plane, View<'a, u8>)>,
    pub width: usize,
    pub height: usize,
    /// Where a pixel's four taps may lie on the picture, and where all of them do: its point lies up to half a pixel
    /// outside, or half a pixel inside.
    touched: Inside,
    covered: Inside,
}

impl<'a> Planes<'a> {
    /// Planes of a picture of a size, under the map from the output.
    pub fn new(
        luma: &'a Plane,
        chroma: Option<(&'a Plane, View<'a, u8>)>,
        size: (usize, usize),
        back: &Matrix,
    ) -> Planes<'a> {
        let inside = |inset: f64| Inside::new(back, size, inset);
        let (touched, covered) = (inside(-0.5 - 1e-6), inside(0.5 + 1e-6));
        Planes { luma, chroma, width: size.0, height: size.1, touched, covered }
    }
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
    points: Points,
    values: Vec<f32>,
    sums: Vec<f32>,
    words: Vec<i16>,
    word_sums: Vec<i32>,
}

/// Where a plane's samples stand.
fn place(plane: &Plane) -> Place {
    let shift = |scale: f64, origin: usize| 0.5 * scale - 0.5 - origin as f64;
    Place { scale: [plane.sx, plane.sy], shift: [shift(plane.sx, plane.x0), shift(plane.sy, plane.y0)] }
}

/// Samples output row `y` of a warp from the planes; `out` takes R, G, B (or gray) with 1.0 = white.
pub fn warp_row(
    planes: &Planes<'_>,
    plan: &Joined,
    fills: (&[f32], &[Vec<f32>]),
    supersample: bool,
    y: usize,
    scratch: &mut Scratch,
    out: &mut [&mut [f32]; 3],
) {
    let Scratch { points, values, sums, .. } = scratch;
    let channels = if planes.chroma.is_some() { 3 } else { 1 };
    values.resize(3 * CHUNK, 0.0);
    sums.resize(3 * CHUNK, 0.0);
    let (fill, beyond) = fills;
    let (low, high) = warp::frame_run(&plan.frames, y, plan.target.0, |frame, from, to| {
        let fill = beyond.get(frame.fill).map_or(fill, Vec::as_slice);
        for (line, &fill) in out.iter_mut().zip(fill).take(channels) {
            line[from..to].fill(fill);
        }
    });
    let luma = (view(planes.luma), place(planes.luma));
    let chroma = planes.chroma.map(|(plane, pair)| (pair, place(plane)));
    let mut x = low;
    let everywhere = samples(plan, supersample);
    let most = if warp::is_flat(&plan.back) { CHUNK } else { CHUNK_SEEN };
    while x < high {
        let count = most.min(high - x);
        let middle = x as f64 + count as f64 / 2.0;
        let (nx, ny) = everywhere.unwrap_or_else(|| warp::density(&plan.back, middle, y as f64 + 0.5));
        for s in 0..nx * ny {
            let at = (x as f64 + ((s % nx) as f64 + 0.5) / nx as f64, y as f64 + ((s / nx) as f64 + 0.5) / ny as f64);
            points.project(&plan.back, at.0, at.1, count);
            let shares = points.shares(planes.width, planes.height, count);
            if shares != Shares::Nothing {
                warp::clamped(&luma.0, points, luma.1, count, values);
                if let Some((pair, place)) = &chroma {
                    warp::clamped(pair, points, *place, count, &mut values[CHUNK..]);
                    let (l, rest) = values.split_at_mut(CHUNK);
                    let (cb, cr) = rest.split_at_mut(CHUNK);
                    if nx * ny == 1 && shares == Shares::Everything {
                        // What is done already goes where it belongs.
                        let lines = out.each_mut().map(|line| &mut line[x..x + count]);
                        rows::run(&[Row::FromYcbcr], 3, count, From::Floats([l, cb, cr]), To::Floats(lines));
                        break;
                    }
                    rows::run(&[Row::FromYcbcr], 3, count, From::Here, To::Floats([l, cb, cr]));
                } else {
                    rows::run(&[Row::FromLevels], 1, count, From::Here, To::line(values));
                }
            }
            points.blend(shares, fill, count, values);
            for (k, line) in values.chunks_exact(CHUNK).enumerate().take(channels) {
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

/// A fill of R, G, B (or gray) as Y, Cb, Cr in fine levels.
pub fn fine_fill(fill: &[f32]) -> [i16; 3] {
    let white = f32::from(WHITE);
    let middle = 128.0 * f32::from(STEPS);
    match *fill {
        [r, g, b, ..] => {
            let y = 0.299 * r + 0.587 * g + 0.114 * b;
            [y * white, (b - y) / 1.772 * white + middle, (r - y) / 1.402 * white + middle].map(|v| v.round() as i16)
        }
        _ => [(fill.first().copied().unwrap_or(0.0) * white).round() as i16; 3],
    }
}

/// Samples per axis for a pixel, where they are the same for all: where the map has no perspective, or takes one only.
pub fn samples(plan: &Joined, supersample: bool) -> Option<(usize, usize)> {
    match supersample {
        true => warp::is_flat(&plan.back).then(|| warp::density(&plan.back, 0.0, 0.0)),
        false => Some((1, 1)),
    }
}

/// Samples output row `y` of a warp from the planes as fine levels, `everywhere` as many for a pixel if that is given; `out` takes Y, Cb, Cr (or gray).
pub fn warp_row_fine(
    planes: &Planes<'_>,
    plan: &Joined,
    fills: ([i16; 3], &[[i16; 3]]),
    everywhere: Option<(usize, usize)>,
    y: usize,
    scratch: &mut Scratch,
    out: &mut [&mut [i16]; 3],
) {
    let Scratch { points, words, word_sums, .. } = scratch;
    let channels = if planes.chroma.is_some() { 3 } else { 1 };
    words.resize(3 * CHUNK, 0);
    word_sums.resize(3 * CHUNK, 0);
    let (fill, beyond) = fills;
    let (low, high) = warp::frame_run(&plan.frames, y, plan.target.0, |frame, from, to| {
        let fill = beyond.get(frame.fill).copied().unwrap_or(fill);
        for (line, fill) in out.iter_mut().zip(fill).take(channels) {
            cover(&mut line[from..to], fill);
        }
    });
    let luma = (view(planes.luma), place(planes.luma));
    let chroma = planes.chroma.map(|(plane, pair)| (pair, place(plane)));
    let density = |x: f64| everywhere.unwrap_or_else(|| warp::density(&plan.back, x, y as f64 + 0.5));
    // Where one sample makes every pixel of the row, its ends and its middle say so.
    let single = [low, (low + high) / 2, high].iter().all(|&x| density(x as f64) == (1, 1));
    let size = (planes.width, planes.height);
    let run = |down: f64| planes.touched.run(y as f64 + down, (low, high));
    let (first, end) = if single {
        run(0.5)
    } else {
        // Samples lie up to half a pixel beside the middle.
        let runs = [run(0.0), run(0.5), run(1.0)];
        let some = runs.iter().filter(|(a, b)| a < b);
        let (a, b) = some.fold((high, low), |(a, b), run| (a.min(run.0), b.max(run.1)));
        if a < b { (a.saturating_sub(1).max(low), (b + 1).min(high)) } else { (low, low) }
    };
    let (left, right) = planes.covered.run(y as f64 + 0.5, (first, end));
    for (line, fill) in out.iter_mut().zip(fill).take(channels) {
        cover(&mut line[low..first], fill);
        cover(&mut line[end..high], fill);
    }
    let most = if everywhere.is_some() { CHUNK } else { CHUNK_SEEN };
    let mut x = first;
    while x < end {
        // Chunks stand where they would if all of the row were picture.
        let (begin, stop) = (low + (x - low) / most * most, (low + (x - low) / most * most + most).min(high));
        let count = stop.min(end) - x;
        let (nx, ny) = if single { (1, 1) } else { density((begin + stop) as f64 / 2.0) };
        for s in 0..nx * ny {
            let (sx, sy) = ((s % nx) as f64 + 0.5, (s / nx) as f64 + 0.5);
            points.project(&plan.back, x as f64 + sx / nx as f64, y as f64 + sy / ny as f64, count);
            let mut lines = words.chunks_exact_mut(CHUNK).map(|line| &mut line[..count]);
            let mut lines = if nx * ny == 1 {
                out.each_mut().map(|line| line.get_mut(x..x + count).unwrap_or_default())
            } else {
                [0, 1, 2].map(|_| lines.next().unwrap_or_default())
            };
            let (luma_line, chroma_lines) = lines.split_at_mut(1);
            warp::fine(&luma.0, points, luma.1, count, luma_line);
            if let Some((pair, place)) = &chroma {
                warp::fine(pair, points, *place, count, chroma_lines);
            }
            if single {
                // Before the part that lies inside, and behind it.
                for edge in [0..left.clamp(x, x + count) - x, right.clamp(x, x + count) - x..count] {
                    points.blend_words(size, edge, fill, &mut lines[..channels]);
                }
            } else {
                let shares = points.shares(size.0, size.1, count);
                for (line, fill) in lines.iter_mut().zip(fill).take(channels) {
                    points.blend_all_words(shares, fill, line);
                }
            }
            if nx * ny > 1 {
                for (sums, line) in word_sums.chunks_exact_mut(CHUNK).zip(&lines).take(channels) {
                    add(sums, line, s == 0);
                }
            }
        }
        if nx * ny > 1 {
            for (out, sums) in out.iter_mut().zip(word_sums.chunks_exact(CHUNK)).take(channels) {
                share(&sums[..count], 1.0 / (nx * ny) as f32, &mut out[x..x + count]);
            }
        }
        x += count;
    }
}

leveled! {
    fn cover(line: &mut [i16], fill: i16) {
        line.fill(fill);
    }
}

leveled! {
    fn add(sums: &mut [i32], line: &[i16], first: bool) {
        for (sum, &v) in sums.iter_mut().zip(line) {
            *sum = if first { i32::from(v) } else { *sum + i32::from(v) };
        }
    }
}

leveled! {
    fn share(sums: &[i32], share: f32, out: &mut [i16]) {
        for (o, &sum) in out.iter_mut().zip(sums) {
            *o = (sum as f32 * share + 0.5) as i32 as i16;
        }
    }
}
