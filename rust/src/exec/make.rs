//! Makes the rows of a segment's picture, before its colors.

use super::plan::{Joined, Separable};
use super::planes::{self, Planes};
use crate::error::{Result, invalid};
use crate::program::Options;
use crate::resample::{self, Axis, STRIP, View};
use crate::rows::fine::{STEPS, WHITE};
use crate::rows::{Elsewhere, Row, RowBuffer, RowForm as Form, Sums};
use crate::warp::{self, Map, Matrix, Warp};

#[derive(Clone, Copy)]
pub enum Pixels<'a> {
    Bytes(View<'a, u8>),
    Floats(View<'a, f32>),
}

/// Gives the rows of a segment's picture, before its colors.
pub enum Producer<'a> {
    Still(Pixels<'a>),
    Stretch { pixels: Pixels<'a>, axes: &'a [Axis; 6], plan: &'a Separable },
    StretchPlanes { planes: &'a [crate::jpeg::Plane], axes: &'a [Axis; 6], plan: &'a Separable },
    Warp { pixels: Pixels<'a>, back: Matrix, plan: &'a Joined },
    WarpPlanes { planes: Box<Planes<'a>>, plan: &'a Joined },
}

impl Pixels<'_> {
    pub fn size(&self) -> (usize, usize) {
        match self {
            Pixels::Bytes(v) => (v.width, v.height),
            Pixels::Floats(v) => (v.width, v.height),
        }
    }

    pub fn channels(&self) -> usize {
        match self {
            Pixels::Bytes(v) => v.channels,
            Pixels::Floats(v) => v.channels,
        }
    }
}

/// A producer with what it needs to work.
pub struct Maker<'a, 'b> {
    pub producer: Producer<'a>,
    pub resample: &'b mut resample::Scratch,
    pub warp: &'b mut warp::Scratch,
    pub planes: &'b mut planes::Scratch,
    pub options: &'b Options,
    pub levels: bool,
    /// What comes out goes on as fine levels.
    pub fine: bool,
}

impl Maker<'_, '_> {
    pub fn is_bytes(&self) -> bool {
        matches!(self.producer, Producer::Still(Pixels::Bytes(_)))
    }

    /// How many rows are worked on at a time: a strip of a stretch, or as many as stay in the nearest cache.
    pub fn rows_at_once(&self, width: usize) -> usize {
        match self.producer {
            Producer::Stretch { .. } | Producer::StretchPlanes { .. } => STRIP,
            // Words take half the room of floats.
            _ if self.fine => (4096 / width.max(1)).clamp(1, 16),
            _ => (2048 / width.max(1)).clamp(1, 16),
        }
    }

    /// Fills the row buffer with `count` rows from `y0` on.
    pub fn band(&mut self, y0: usize, count: usize, rows: &mut RowBuffer, channels: usize) -> Result<()> {
        let have = self.channels();
        match &mut self.producer {
            Producer::Still(Pixels::Bytes(view)) => {
                let w = view.width;
                rows.resize(count * w, have);
                if view.stride == w * have {
                    // Rows without a gap between them are one long row.
                    let all = &view.data[y0 * view.stride..][..count * view.stride];
                    apart_bytes(all, have, &mut rows.bytes, 0);
                } else {
                    for r in 0..count {
                        apart_bytes(view.row(y0 + r), have, &mut rows.bytes, r * w);
                    }
                }
                rows.spread(channels, true);
                return Ok(());
            }
            Producer::Still(Pixels::Floats(view)) => {
                let w = view.width;
                rows.resize(count * w, have);
                for r in 0..count {
                    apart(view.row(y0 + r), have, &mut rows.floats, r * w);
                }
            }
            Producer::Warp { pixels, back, plan } => {
                let width = plan.target.0;
                rows.resize(count * width, have);
                let scale = if matches!(pixels, Pixels::Bytes(_)) { 255.0 } else { 1.0 };
                let fill = fills(&plan.fill, have, scale);
                let beyond: Vec<Vec<f32>> = plan.beyond.iter().map(|f| fills(f, have, scale)).collect();
                let request = request(plan, *back, &fill, &beyond, self.options.supersample);
                for r in 0..count {
                    let floats = &mut rows.floats;
                    let put = |x: usize, n: usize, values: &[f32]| {
                        for (plane, values) in floats.iter_mut().zip(values.chunks_exact(warp::CHUNK)) {
                            plane[r * width + x..][..n].copy_from_slice(&values[..n]);
                        }
                    };
                    match pixels {
                        Pixels::Bytes(view) => {
                            warp::check(view, &request)?;
                            warp::row(view, &request, y0 + r, self.warp, put);
                        }
                        Pixels::Floats(view) => {
                            warp::check(view, &request)?;
                            warp::row(view, &request, y0 + r, self.warp, put);
                        }
                    }
                }
            }
            Producer::WarpPlanes { planes, plan } => {
                let width = plan.target.0;
                rows.resize(count * width, have);
                let fill = fills(&plan.fill, have, 1.0);
                let beyond: Vec<Vec<f32>> = plan.beyond.iter().map(|f| fills(f, have, 1.0)).collect();
                if self.fine {
                    rows.form = Form::Fine;
                    let beyond: Vec<[i16; 3]> = beyond.iter().map(|f| planes::fine_fill(f)).collect();
                    let fills = (planes::fine_fill(&fill), &beyond[..]);
                    let samples = planes::samples(plan, self.options.supersample);
                    for r in 0..count {
                        let [a, b, c] = rows.words.each_mut().map(|plane| &mut plane[r * width..][..width]);
                        planes::warp_row_fine(planes, plan, fills, samples, y0 + r, self.planes, &mut [a, b, c]);
                    }
                    rows.spread(channels, false);
                    return Ok(());
                }
                for r in 0..count {
                    let [a, b, c] = rows.floats.each_mut().map(|plane| &mut plane[r * width..][..width]);
                    let supersample = self.options.supersample;
                    planes::warp_row(planes, plan, (&fill, &beyond), supersample, y0 + r, self.planes, &mut [a, b, c]);
                }
            }
            Producer::Stretch { plan, .. } | Producer::StretchPlanes { plan, .. } => {
                let plan = *plan;
                rows.resize(count * plan.target.0, have);
                self.stretch(y0, count, plan, rows)?;
                if self.fine {
                    // Levels, or fractions of white where those were made already.
                    rows.form = Form::ToFine(f32::from(if self.first().is_some() { STEPS } else { WHITE }));
                }
            }
        }
        rows.spread(channels, false);
        Ok(())
    }

    /// Adds up the bytes of a band as they stand, without taking them apart; says whether that could be done.
    pub fn sum(&self, (y0, count): (usize, usize), program: &[Row], rows: &mut RowBuffer, sums: &mut Sums) -> bool {
        let Producer::Still(Pixels::Bytes(view)) = &self.producer else { return false };
        let table = match program {
            [] => None,
            [Row::Table(t)] if t[1] == t[0] && t[2] == t[0] => Some(&t[0]),
            _ => return false,
        };
        if view.channels != 3 || view.stride != 3 * view.width {
            return false;
        }
        rows.resize(count * view.width, 3);
        sums.add_pixels(&view.data[y0 * view.stride..][..count * view.stride], table)
    }

    fn channels(&self) -> usize {
        match &self.producer {
            Producer::Still(p) | Producer::Stretch { pixels: p, .. } | Producer::Warp { pixels: p, .. } => p.channels(),
            Producer::StretchPlanes { planes, .. } => planes.len(),
            Producer::WarpPlanes { planes, .. } => {
                if planes.chroma.is_some() {
                    3
                } else {
                    1
                }
            }
        }
    }

    /// The step that makes fractions of white of what a band holds, where it holds something else.
    pub fn first(&self) -> Option<Row> {
        match &self.producer {
            Producer::WarpPlanes { planes, .. } if self.fine => {
                Some(if planes.chroma.is_some() { Row::FromYcbcr } else { Row::FromLevels })
            }
            Producer::Still(_) | Producer::WarpPlanes { .. } => None,
            Producer::Stretch { plan, .. } | Producer::StretchPlanes { plan, .. } if !whole(plan) => None,
            _ => self.unit(),
        }
    }

    fn unit(&self) -> Option<Row> {
        match &self.producer {
            Producer::StretchPlanes { planes, .. } if planes.len() == 3 => Some(Row::FromYcbcr),
            Producer::StretchPlanes { .. } => Some(Row::FromLevels),
            Producer::Stretch { pixels, .. } | Producer::Warp { pixels, .. } => match pixels {
                Pixels::Bytes(_) => Some(Row::FromLevels),
                Pixels::Floats(_) => self.levels.then_some(Row::Clamp),
            },
            Producer::Still(_) | Producer::WarpPlanes { .. } => None,
        }
    }

    fn stretch(&mut self, y0: usize, count: usize, plan: &Separable, rows: &mut RowBuffer) -> Result<()> {
        let width = plan.target.0;
        let have = self.channels();
        let [vx, vy] = plan.valid;
        let (low, high) = (y0.max(vy.0), (y0 + count).min(vy.1));
        if low < high && vx.0 < vx.1 {
            let at = (low - y0) * width + vx.0;
            let (first, most, scratch) = (low - vy.0, high - low, &mut *self.resample);
            let mut lines = rows.floats.each_mut().map(|plane| &mut plane[at..]);
            match &self.producer {
                Producer::Stretch { pixels: Pixels::Bytes(view), axes, .. } => {
                    resample::strip_planes(view, &axes[0], &axes[3], first, most, &mut lines[..have], width, scratch);
                }
                Producer::Stretch { pixels: Pixels::Floats(view), axes, .. } => {
                    resample::strip_planes(view, &axes[0], &axes[3], first, most, &mut lines[..have], width, scratch);
                }
                Producer::StretchPlanes { planes, axes, .. } => {
                    for (k, plane) in planes.iter().enumerate() {
                        let (view, line) = (planes::view(plane), &mut lines[k..=k]);
                        let (down, along) = (&axes[k.min(1)], &axes[3 + k.min(1)]);
                        resample::strip_planes(&view, down, along, first, most, line, width, scratch);
                    }
                }
                _ => return invalid("program: a strip without a stretch."),
            }
        }
        if !whole(plan) {
            // The fill is a fraction of white: what it stands beside must be one too.
            if let Some(unit) = self.unit() {
                rows.run(&[unit], Elsewhere::Nowhere, None);
            }
            let fill = fills(&plan.fill, have, 1.0);
            for (r, y) in (y0..y0 + count).enumerate() {
                let shown = if y >= vy.0 && y < vy.1 { vx } else { (width, width) };
                for (plane, &fill) in rows.floats.iter_mut().zip(&fill) {
                    let line = &mut plane[r * width..(r + 1) * width];
                    line[..shown.0.min(width)].fill(fill);
                    line[shown.1.min(width)..].fill(fill);
                }
            }
        }
        Ok(())
    }
}

/// One value per channel, in the samples' scale; whole for bytes.
pub fn fills(fill: &[f64], channels: usize, scale: f64) -> Vec<f32> {
    let value = |k: usize| fill.get(if fill.len() == 1 { 0 } else { k }).copied().unwrap_or(0.0) * scale;
    (0..channels).map(|k| value(k) as f32).collect()
}

pub fn request<'a>(
    plan: &'a Joined,
    back: Matrix,
    fill: &'a [f32],
    beyond: &'a [Vec<f32>],
    supersample: bool,
) -> Warp<'a> {
    let (width, height) = plan.target;
    let frames = &plan.frames;
    Warp { map: Map::Matrix(back), width, height, border: plan.border, fill, frames, beyond, supersample }
}

/// Whether a stretch covers its whole target.
fn whole(plan: &Separable) -> bool {
    plan.valid == [(0, plan.target.0), (0, plan.target.1)]
}

/// Interleaved samples to planes, from `at` on.
fn apart<T: Copy>(row: &[T], channels: usize, planes: &mut [Vec<T>; 3], at: usize) {
    let [r, g, b] = planes.each_mut().map(|plane| &mut plane[at..]);
    if channels == 1 {
        r[..row.len()].copy_from_slice(row);
        return;
    }
    for (((p, r), g), b) in row.chunks_exact(3).zip(r).zip(g).zip(b) {
        (*r, *g, *b) = (p[0], p[1], p[2]);
    }
}

/// The same for bytes, many pixels at a time where the processor can.
fn apart_bytes(row: &[u8], channels: usize, planes: &mut [Vec<u8>; 3], at: usize) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if channels == 3 && crate::simd::current() >= crate::simd::Level::Avx2 {
        let [r, g, b] = planes.each_mut().map(|plane| &mut plane[at..]);
        // SAFETY: the level says what the processor has.
        done = unsafe {
            if crate::simd::current() >= crate::simd::Level::Avx512 {
                crate::jpeg::color::apart64(row, r, g, b)
            } else {
                crate::jpeg::color::apart(row, r, g, b)
            }
        };
    }
    apart(&row[done * channels..], channels, planes, at + done);
}
