//! Renders one segment: produces rows by its plan, runs the color steps on them, and puts them where they belong.

use super::plan::{self, Joined, Plan, Separable};
use super::planes::{self, Planes};
use super::source::{Held, Source};
use super::Worker;
use crate::error::{Result, invalid};
use crate::geometry::{self, Stage, project};
use crate::jpeg::{Header, Region, Request};
use crate::leveled;
use crate::program::Options;
use crate::resample::{self, Axis, Kernel, Resize, STRIP, Sample, Span, View, clamp};
use crate::rows::{self, Compiled, Row, RowBuffer, Sums};
use crate::warp::{self, Border, Map, Matrix, Warp};
use std::ops::Range;

/// The place of one picture in the batch.
pub enum Out<'a> {
    Bytes(&'a mut [u8]),
    Floats(&'a mut [f32]),
    Halves(&'a mut [u16]),
}

#[derive(Default)]
pub struct Buffers {
    pixels: Vec<u8>,
    pair: Vec<u8>,
    axes: [Axis; 6],
    resample: resample::Scratch,
    warp: warp::Scratch,
    planes: planes::Scratch,
    rows: RowBuffer,
    kept_floats: Vec<f32>,
    kept_bytes: Vec<u8>,
}

/// One segment to render.
pub struct Job<'a> {
    pub stages: &'a [Stage],
    pub colors: &'a Compiled,
    pub levels: bool,
    pub options: &'a Options,
}

#[derive(Clone, Copy)]
enum Pixels<'a> {
    Bytes(View<'a, u8>),
    Floats(View<'a, f32>),
}

/// Gives the rows of a segment's picture, before its colors.
enum Producer<'a> {
    Still(Pixels<'a>),
    Stretch { pixels: Pixels<'a>, axes: &'a [Axis; 6], plan: &'a Separable },
    StretchPlanes { planes: &'a [crate::jpeg::Plane], axes: &'a [Axis; 6], plan: &'a Separable },
    Warp { pixels: Pixels<'a>, back: Matrix, plan: &'a Joined },
    WarpPlanes { planes: Planes<'a>, plan: &'a Joined },
}

impl Job<'_> {
    /// Renders into `out`, or into a picture that is kept; also whether a JPEG was decoded whole.
    pub fn run(&self, worker: &mut Worker, source: Source<'_>, out: Option<Out<'_>>) -> Result<(Option<Held>, bool)> {
        let size = source.size();
        let target = self.stages.last().map_or(size, |s| s.target);
        let mut plan = plan::plan(size, self.stages, self.options)?;
        let planes_first = self.options.fast && matches!(source, Source::Jpeg(..));
        if let (Plan::Separable(p), false) = (&plan, planes_first)
            && matches!(p.kernel, Kernel::Bicubic | Kernel::Lanczos)
        {
            // These are clamped between the axes, in an order that the whole sizes decide.
            plan = Plan::Staged;
        }
        let Worker { decoder, render } = worker;
        let Buffers { pixels, pair, axes, resample, warp, planes, rows, kept_floats, kept_bytes } = render;
        let mut whole = true;
        // Pictures that are made on the way and then read like any other.
        let mut made = Held::default();
        let mut shift = (0.0, 0.0);
        let mut source = source;
        if let Source::Jpeg(data, header) = &source {
            let fast = self.options.fast && !matches!(plan, Plan::Moves(_) | Plan::Staged | Plan::Still);
            let region = match &plan {
                Plan::Separable(p) => Some(separable_region(header, p)?),
                Plan::Warp(p) | Plan::Moves(p) => warp_region(header, p),
                _ => None,
            };
            if fast {
                let shrink = match &plan {
                    Plan::Separable(p) => p.shrink(),
                    Plan::Warp(p) => least_density(p),
                    _ => [1.0, 1.0],
                };
                let denom = denominator(shrink[0].min(shrink[1]));
                whole = decoder.decode_planes(data, header, &Request { denom, region, fast: true })?;
                let (width, height) = size;
                let producer = match &plan {
                    Plan::Separable(p) => {
                        // Cb and Cr stand alike, so that they share their tables.
                        for (k, plane) in decoder.planes.iter().enumerate().take(2) {
                            let (down, along) = axes.split_at_mut(3);
                            planes::axes(plane, p, p.kernel, &mut down[k], &mut along[k])?;
                        }
                        Producer::StretchPlanes { planes: &decoder.planes, axes, plan: p }
                    }
                    Plan::Warp(p) => {
                        let luma = &decoder.planes[0];
                        let chroma = match &decoder.planes[..] {
                            [_, cb, cr] => Some((cb, planes::pair(cb, cr, pair))),
                            _ => None,
                        };
                        Producer::WarpPlanes { planes: Planes { luma, chroma, width, height }, plan: p }
                    }
                    _ => return invalid("program: a plan without planes."),
                };
                let mut maker = Maker { producer, resample, warp, planes, options: self.options, levels: true };
                let held = self.colors(&mut maker, target, rows, (kept_floats, kept_bytes), out)?;
                return Ok((held, whole));
            }
            let area = region.unwrap_or(Region { x: 0, y: 0, w: header.width, h: header.height });
            let channels = header.components.len();
            pixels.resize(area.w * area.h * channels + 64, 0);
            whole = decoder.decode_pixels(data, header, 1, region, &mut pixels[..area.w * area.h * channels])?;
            shift = (area.x as f64, area.y as f64);
            let view = View { data: &pixels[..], stride: area.w * channels, width: area.w, height: area.h, channels };
            source = Source::Bytes(view);
        }
        if let Plan::Staged = plan {
            for stage in self.stages {
                let next = one_stage(&pixels_of(&source)?, stage)?;
                source = Source::Held(next);
            }
        }
        let pixels = pixels_of(&source)?;
        let producer = match &plan {
            Plan::Still | Plan::Staged => Producer::Still(pixels),
            Plan::Moves(p) => {
                made = moved(&pixels, &shifted(&p.back, shift), p)?;
                if made.is_bytes() {
                    Producer::Still(Pixels::Bytes(made.byte_view()))
                } else {
                    Producer::Still(Pixels::Floats(made.float_view()))
                }
            }
            Plan::Separable(p) => {
                let (down, along) = axes.split_at_mut(3);
                let (width, height) = pixels.size();
                for (k, axis, origin, length) in
                    [(0, &mut along[0], shift.0 as usize, width), (1, &mut down[0], shift.1 as usize, height)]
                {
                    let (low, high) = p.crop[k];
                    let count = if k == 0 { p.canvas.0 } else { p.canvas.1 };
                    let span = Span { low, high, from: low as f64, to: high as f64, count };
                    axis.fit(span, p.outputs(k), p.kernel, None, (origin, length))?;
                }
                Producer::Stretch { pixels, axes, plan: p }
            }
            Plan::Warp(p) => Producer::Warp { pixels, back: shifted(&p.back, shift), plan: p },
        };
        let mut maker = Maker { producer, resample, warp, planes, options: self.options, levels: self.levels };
        let held = self.colors(&mut maker, target, rows, (kept_floats, kept_bytes), out)?;
        drop(made);
        Ok((held, whole))
    }

    /// Runs the color steps over every row, in as many passes as there are contrasts, and writes the last one.
    fn colors(
        &self,
        maker: &mut Maker<'_, '_>,
        (width, height): geometry::Size,
        rows: &mut RowBuffer,
        (kept_floats, kept_bytes): (&mut Vec<f32>, &mut Vec<u8>),
        out: Option<Out<'_>>,
    ) -> Result<Option<Held>> {
        let c = self.colors;
        let channels = c.from.max(c.to);
        let mut sink = Sink::new(out, (width, height), c)?;
        let splits: Vec<usize> = c.rows.iter().enumerate().filter(|(_, r)| matches!(r, Row::Contrast(_))).map(|(k, _)| k).collect();
        let area = width * height;
        let band = maker.rows_at_once(width);
        let mut program: Vec<Row> = Vec::new();
        let mut at = 0;
        // Only tables before the contrast, on bytes that are at hand: looking twice costs less than keeping.
        let mut again = maker.is_bytes();
        let mut kept = None;
        for &split in &splits {
            let Row::Contrast(factor) = c.rows[split] else { continue };
            let part = &c.rows[at..split];
            again &= part.iter().all(|r| matches!(r, Row::Table(_)));
            let mut sums = Sums::default();
            let mut bytes = maker.is_bytes();
            if again {
                program.extend_from_slice(part);
                for y in (0..height).step_by(band) {
                    maker.band(y, band.min(height - y), rows, channels)?;
                    rows.run(&program);
                    sums.add_bytes(rows);
                }
            } else {
                if kept.is_none() {
                    program.extend_from_slice(part);
                    bytes = ends_as_bytes(&program, bytes);
                } else {
                    program = [program.pop().into_iter().collect(), part.to_vec()].concat();
                    bytes = ends_as_bytes(&program, kept == Some(true));
                }
                for y in (0..height).step_by(band) {
                    let place = y * width..(y + band).min(height) * width;
                    match kept {
                        None => maker.band(y, band.min(height - y), rows, channels)?,
                        Some(was) => load(rows, place.clone(), area, channels, was, kept_floats, kept_bytes),
                    }
                    rows.run(&program);
                    if bytes { sums.add_bytes(rows) } else { sums.add_floats(rows) }
                    keep(rows, place, area, bytes, kept_floats, kept_bytes);
                }
                program.clear();
                kept = Some(bytes);
            }
            let mean = sums.mean(rows.channels, area);
            let row = rows::contrast(factor, mean, bytes);
            join(&mut program, row);
            at = split + 1;
        }
        for row in &c.rows[at..] {
            join(&mut program, row.clone());
        }
        sink.take_last(&mut program);
        for y in (0..height).step_by(band) {
            let place = y * width..(y + band).min(height) * width;
            match kept {
                None => maker.band(y, band.min(height - y), rows, channels)?,
                Some(was) => load(rows, place.clone(), area, channels, was, kept_floats, kept_bytes),
            }
            rows.run(&program);
            sink.put(place, rows);
        }
        Ok(sink.done())
    }
}

/// Adds a step; neighboring tables become one.
fn join(program: &mut Vec<Row>, row: Row) {
    if let (Some(Row::Table(before)), Row::Table(after)) = (program.last_mut(), &row) {
        for (line, after) in before.iter_mut().zip(after.iter()) {
            for v in line.iter_mut() {
                *v = after[usize::from(*v)];
            }
        }
    } else {
        program.push(row);
    }
}

fn ends_as_bytes(program: &[Row], mut bytes: bool) -> bool {
    for row in program {
        match row {
            Row::Widen => bytes = false,
            Row::Round => bytes = true,
            _ => {}
        }
    }
    bytes
}

fn keep(rows: &RowBuffer, place: Range<usize>, area: usize, bytes: bool, floats: &mut Vec<f32>, levels: &mut Vec<u8>) {
    if bytes {
        levels.resize(3 * area, 0);
    } else {
        floats.resize(3 * area, 0.0);
    }
    for k in 0..rows.channels {
        let place = k * area + place.start..k * area + place.end;
        if bytes {
            levels[place].copy_from_slice(&rows.bytes[k]);
        } else {
            floats[place].copy_from_slice(&rows.floats[k]);
        }
    }
}

fn load(rows: &mut RowBuffer, place: Range<usize>, area: usize, channels: usize, bytes: bool, floats: &[f32], levels: &[u8]) {
    rows.resize(place.len(), channels);
    for k in 0..channels {
        let place = k * area + place.start..k * area + place.end;
        if bytes {
            rows.bytes[k].copy_from_slice(&levels[place]);
        } else {
            rows.floats[k].copy_from_slice(&floats[place]);
        }
    }
}

impl Pixels<'_> {
    fn size(&self) -> (usize, usize) {
        match self {
            Pixels::Bytes(v) => (v.width, v.height),
            Pixels::Floats(v) => (v.width, v.height),
        }
    }

    fn channels(&self) -> usize {
        match self {
            Pixels::Bytes(v) => v.channels,
            Pixels::Floats(v) => v.channels,
        }
    }
}

fn pixels_of<'a>(source: &'a Source<'_>) -> Result<Pixels<'a>> {
    Ok(match source {
        Source::Bytes(v) => Pixels::Bytes(*v),
        Source::Floats(v) => Pixels::Floats(*v),
        Source::Held(h) if h.is_bytes() => Pixels::Bytes(h.byte_view()),
        Source::Held(h) => Pixels::Floats(h.float_view()),
        Source::Jpeg(..) => return invalid("program: a file that was not decoded."),
    })
}

fn shifted(back: &Matrix, shift: (f64, f64)) -> Matrix {
    if shift == (0.0, 0.0) { *back } else { geometry::times(&geometry::shift(-shift.0, -shift.1), back) }
}

/// One value per channel, in the samples' scale; whole for bytes.
fn fills(fill: &[f64], channels: usize, scale: f64) -> Vec<f32> {
    let value = |k: usize| fill.get(if fill.len() == 1 { 0 } else { k }).copied().unwrap_or(0.0) * scale;
    (0..channels).map(|k| value(k) as f32).collect()
}

fn request<'a>(plan: &'a Joined, back: Matrix, fill: &'a [f32], beyond: &'a [Vec<f32>], supersample: bool) -> Warp<'a> {
    let (width, height) = plan.target;
    let frames = &plan.frames;
    Warp { map: Map::Matrix(back), width, height, border: plan.border, fill, frames, beyond, supersample }
}

/// Moves whole pixels.
fn moved(pixels: &Pixels<'_>, back: &Matrix, plan: &Joined) -> Result<Held> {
    let channels = pixels.channels();
    let (width, height) = plan.target;
    let mut held = Held { width, height, channels, ..Held::default() };
    let request = request(plan, *back, &[], &[], false);
    match pixels {
        Pixels::Bytes(view) => {
            let fill: Vec<u8> = fills(&plan.fill, channels, 255.0).into_iter().map(u8::from_f32).collect();
            held.bytes.resize(width * height * channels, 0);
            warp::nearest(view, &request, &fill, &mut held.bytes)?;
        }
        Pixels::Floats(view) => {
            held.floats.resize(width * height * channels, 0.0);
            warp::nearest(view, &request, &fills(&plan.fill, channels, 1.0), &mut held.floats)?;
        }
    }
    Ok(held)
}

/// One stage by itself: whole pixels stay what they are, everything else becomes floats.
fn one_stage(pixels: &Pixels<'_>, stage: &Stage) -> Result<Held> {
    let back = stage.back()?;
    let channels = pixels.channels();
    let (width, height) = stage.target;
    let (border, fill, target) = (stage.border, stage.fill.clone(), stage.target);
    let plan = Joined { back, frames: Vec::new(), target, border, fill, beyond: Vec::new() };
    if stage.moves_whole_pixels() {
        return moved(pixels, &back.map(f64::round), &plan);
    }
    let mut held = Held { width, height, channels, ..Held::default() };
    held.floats.resize(width * height * channels, 0.0);
    let (scale, out) = match pixels {
        Pixels::Bytes(_) => (255.0, &mut held.floats),
        Pixels::Floats(_) => (1.0, &mut held.floats),
    };
    if let Some(kernel) = stage.kernel {
        let (w, h) = pixels.size();
        let window = [0.0, 0.0, w as f64, h as f64];
        let request = Resize { width, height, kernel, window, flip: false };
        match pixels {
            Pixels::Bytes(v) => resample::resize_to_floats(v, &request, out)?,
            Pixels::Floats(v) => resample::resize_to_floats(v, &request, out)?,
        }
    } else {
        let fill = fills(&stage.fill, channels, scale);
        let request = request(&plan, back, &fill, &[], false);
        match pixels {
            Pixels::Bytes(v) => warp::warp(v, &request, out)?,
            Pixels::Floats(v) => warp::warp(v, &request, out)?,
        }
    }
    if scale != 1.0 {
        planes::to_unit(&mut held.floats);
    } else {
        clamp_line(&mut held.floats);
    }
    Ok(held)
}

leveled! {
    fn clamp_line(line: &mut [f32]) {
        for v in line {
            *v = clamp(*v, 0.0, 1.0);
        }
    }
}

/// The part of a file that a resample needs, with room for every kernel on the smaller chroma planes.
fn separable_region(header: &Header, plan: &Separable) -> Result<Region> {
    let shrink = plan.shrink();
    let mut out = [(0, 0); 2];
    for (k, side) in [(0, header.width), (1, header.height)] {
        let outputs = plan.outputs(k);
        let (a, b) = outputs.iter().fold((usize::MAX, 0), |(l, h), i| (l.min(i), h.max(i)));
        if a > b {
            return Ok(Region { x: 0, y: 0, w: 1, h: 1 });
        }
        let margin = 3.0 * shrink[k].max(2.0) + 4.0;
        let margin = if plan.kernel == Kernel::Bilinear { shrink[k].max(2.0) * 2.0 + 4.0 } else { margin + margin };
        let low = plan.crop[k].0 as f64 + a as f64 * shrink[k] - margin;
        let high = plan.crop[k].0 as f64 + (b + 1) as f64 * shrink[k] + margin;
        out[k] = ((low.max(0.0) as usize).min(side - 1), (high.ceil() as usize).min(side));
    }
    let [(x, right), (y, bottom)] = out;
    Ok(Region { x, y, w: right - x, h: bottom - y })
}

/// The part of a file that a warp looks at; `None` is everything.
fn warp_region(header: &Header, plan: &Joined) -> Option<Region> {
    if plan.border != Border::Constant {
        return None;
    }
    let (w, h) = (plan.target.0 as f64, plan.target.1 as f64);
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
    let m = &plan.back;
    if corners.iter().any(|&(x, y)| m[6] * x + m[7] * y + m[8] < 1e-3) {
        return None;
    }
    let points = corners.map(|(x, y)| project(m, x, y));
    let span = |values: [f64; 4], side: usize| {
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        let first = ((low - 4.0).max(0.0) as usize).min(side - 1);
        (first, ((high + 4.0).max(0.0).ceil() as usize).clamp(first + 1, side))
    };
    let ((x, right), (y, bottom)) = (span(points.map(|p| p.0), header.width), span(points.map(|p| p.1), header.height));
    Some(Region { x, y, w: right - x, h: bottom - y })
}

/// How small a file is decoded: its reduced sizes are box means, which must stay small beside the kernel that follows.
fn denominator(shrink: f64) -> usize {
    match shrink {
        s if s >= 11.0 => 8,
        s if s >= 8.0 => 4,
        s if s >= 4.0 => 2,
        _ => 1,
    }
}

/// The least shrinking anywhere, which decides how small a file may be decoded.
fn least_density(plan: &Joined) -> [f64; 2] {
    let (w, h) = (plan.target.0 as f64, plan.target.1 as f64);
    let mut least = [f64::INFINITY; 2];
    for (x, y) in [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h), (w / 2.0, h / 2.0)] {
        let (a, b, c) = (project(&plan.back, x, y), project(&plan.back, x + 1.0, y), project(&plan.back, x, y + 1.0));
        least[0] = least[0].min((b.0 - a.0).hypot(b.1 - a.1));
        least[1] = least[1].min((c.0 - a.0).hypot(c.1 - a.1));
    }
    if least.iter().all(|v| v.is_finite()) { least } else { [1.0, 1.0] }
}

/// A producer with what it needs to work.
struct Maker<'a, 'b> {
    producer: Producer<'a>,
    resample: &'b mut resample::Scratch,
    warp: &'b mut warp::Scratch,
    planes: &'b mut planes::Scratch,
    options: &'b Options,
    levels: bool,
}

impl Maker<'_, '_> {
    fn is_bytes(&self) -> bool {
        matches!(self.producer, Producer::Still(Pixels::Bytes(_)))
    }

    /// How many rows are worked on at a time: a strip of a stretch, or as many as stay in the nearest cache.
    fn rows_at_once(&self, width: usize) -> usize {
        match self.producer {
            Producer::Stretch { .. } | Producer::StretchPlanes { .. } => STRIP,
            _ => (2048 / width.max(1)).clamp(1, 16),
        }
    }

    /// Fills the row buffer with `count` rows from `y0` on.
    fn band(&mut self, y0: usize, count: usize, rows: &mut RowBuffer, channels: usize) -> Result<()> {
        let have = self.channels();
        match &mut self.producer {
            Producer::Still(Pixels::Bytes(view)) => {
                let w = view.width;
                rows.resize(count * w, have);
                for r in 0..count {
                    apart_bytes(view.row(y0 + r), have, &mut rows.bytes, r * w);
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
                for plane in rows.floats.iter_mut().take(have) {
                    if scale != 1.0 {
                        planes::to_unit(plane);
                    } else if self.levels {
                        clamp_line(plane);
                    }
                }
            }
            Producer::WarpPlanes { planes, plan } => {
                let width = plan.target.0;
                rows.resize(count * width, have);
                let fill = fills(&plan.fill, have, 1.0);
                let beyond: Vec<Vec<f32>> = plan.beyond.iter().map(|f| fills(f, have, 1.0)).collect();
                for r in 0..count {
                    let [a, b, c] = rows.floats.each_mut().map(|plane| &mut plane[r * width..][..width]);
                    let supersample = self.options.supersample;
                    planes::warp_row(planes, plan, (&fill, &beyond), supersample, y0 + r, self.planes, &mut [a, b, c]);
                }
            }
            Producer::Stretch { plan, .. } | Producer::StretchPlanes { plan, .. } => {
                let plan = *plan;
                rows.resize(count * plan.target.0, have);
                self.stretch(y0, count, plan, &mut rows.floats)?;
            }
        }
        rows.spread(channels, false);
        Ok(())
    }

    fn channels(&self) -> usize {
        match &self.producer {
            Producer::Still(p) | Producer::Stretch { pixels: p, .. } | Producer::Warp { pixels: p, .. } => p.channels(),
            Producer::StretchPlanes { planes, .. } => planes.len(),
            Producer::WarpPlanes { planes, .. } => if planes.chroma.is_some() { 3 } else { 1 },
        }
    }

    fn stretch(&mut self, y0: usize, count: usize, plan: &Separable, out: &mut [Vec<f32>; 3]) -> Result<()> {
        let width = plan.target.0;
        let have = self.channels();
        let [vx, vy] = plan.valid;
        let (low, high) = (y0.max(vy.0), (y0 + count).min(vy.1));
        if low < high && vx.0 < vx.1 {
            let at = (low - y0) * width + vx.0;
            let (first, most, scratch) = (low - vy.0, high - low, &mut *self.resample);
            let mut lines = out.each_mut().map(|plane| &mut plane[at..]);
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
        let [a, b, c] = out;
        match &self.producer {
            Producer::StretchPlanes { planes, .. } if planes.len() == 3 => planes::to_rgb(a, b, c),
            Producer::StretchPlanes { .. } => planes::to_unit(a),
            Producer::Stretch { pixels: Pixels::Bytes(_), .. } => {
                [a, b, c].into_iter().take(have).for_each(|line| planes::to_unit(line));
            }
            _ if self.levels => [a, b, c].into_iter().take(have).for_each(|line| clamp_line(line)),
            _ => {}
        }
        if vx != (0, width) || vy.0 > y0 || vy.1 < y0 + count {
            let fill = fills(&plan.fill, have, 1.0);
            for (r, y) in (y0..y0 + count).enumerate() {
                let shown = if y >= vy.0 && y < vy.1 { vx } else { (width, width) };
                for (plane, &fill) in out.iter_mut().zip(&fill) {
                    let line = &mut plane[r * width..(r + 1) * width];
                    line[..shown.0.min(width)].fill(fill);
                    line[shown.1.min(width)..].fill(fill);
                }
            }
        }
        Ok(())
    }
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

/// The same for bytes, sixteen pixels at a time where the processor can.
fn apart_bytes(row: &[u8], channels: usize, planes: &mut [Vec<u8>; 3], at: usize) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if channels == 3 && crate::simd::current() >= crate::simd::Level::Avx2 {
        let [r, g, b] = planes.each_mut().map(|plane| &mut plane[at..]);
        // SAFETY: the level says that the processor has AVX2.
        done = unsafe { crate::jpeg::color::apart(row, r, g, b) };
    }
    apart(&row[done * channels..], channels, planes, at + done);
}

/// Where finished rows go.
struct Sink<'a> {
    out: Option<Out<'a>>,
    held: Held,
    planar: bool,
    bytes: bool,
    channels: usize,
    width: usize,
    height: usize,
    /// Normalizing (after widening bytes) while writing.
    last: Option<([f32; 3], [f32; 3])>,
    widen: bool,
}

impl<'a> Sink<'a> {
    fn new(out: Option<Out<'a>>, (width, height): geometry::Size, c: &Compiled) -> Result<Sink<'a>> {
        let n = width * height * c.to;
        let fits = match &out {
            None => true,
            Some(Out::Bytes(o)) => c.bytes && o.len() == n,
            Some(Out::Floats(o)) => !c.bytes && !c.half && o.len() == n,
            Some(Out::Halves(o)) => c.half && o.len() == n,
        };
        if !fits {
            return invalid("program: the output array is not of the size and kind that comes out.");
        }
        let mut held = Held { width, height, channels: c.to, ..Held::default() };
        if out.is_none() {
            if c.bytes {
                held.bytes.resize(n, 0);
            } else {
                held.floats.resize(n, 0.0);
            }
        }
        let (planar, bytes, channels) = (c.planar, c.bytes, c.to);
        Ok(Sink { out, held, planar, bytes, channels, width, height, last: None, widen: false })
    }

    /// Takes over the last steps where they can be done while writing.
    fn take_last(&mut self, program: &mut Vec<Row>) {
        if !self.planar || !matches!(self.out, Some(Out::Floats(_))) {
            return;
        }
        if let Some(&Row::Normalize { mean, gain }) = program.last() {
            program.pop();
            self.last = Some((mean, gain));
            if matches!(program.last(), Some(Row::Widen)) {
                program.pop();
                self.widen = true;
            }
        }
    }

    fn put(&mut self, place: Range<usize>, rows: &RowBuffer) {
        let (c, area, n) = (self.channels, self.width * self.height, place.len());
        let interleaved = place.start * c..place.end * c;
        match &mut self.out {
            None if self.bytes => together(&rows.bytes, c, &mut self.held.bytes[interleaved]),
            None => together(&rows.floats, c, &mut self.held.floats[interleaved]),
            Some(Out::Bytes(out)) => together(&rows.bytes, c, &mut out[interleaved]),
            Some(Out::Floats(out)) if self.planar => {
                for k in 0..c {
                    let line = &mut out[k * area + place.start..][..n];
                    match self.last {
                        Some((mean, gain)) if self.widen => {
                            rows::widen_normalize(&rows.bytes[k], line, mean[k], gain[k]);
                        }
                        Some((mean, gain)) => rows::normalize_into(&rows.floats[k], line, mean[k], gain[k]),
                        None => line.copy_from_slice(&rows.floats[k]),
                    }
                }
            }
            Some(Out::Floats(out)) => together(&rows.floats, c, &mut out[interleaved]),
            Some(Out::Halves(out)) => {
                for k in 0..c {
                    if self.planar {
                        rows::to_half(&rows.floats[k], &mut out[k * area + place.start..][..n]);
                    }
                }
            }
        }
    }

    fn done(self) -> Option<Held> {
        self.out.is_none().then_some(self.held)
    }
}

/// Planes to interleaved samples.
fn together<T: Copy>(planes: &[Vec<T>; 3], channels: usize, row: &mut [T]) {
    if channels == 1 {
        let n = row.len();
        row.copy_from_slice(&planes[0][..n]);
        return;
    }
    let [r, g, b] = planes;
    for (((p, r), g), b) in row.chunks_exact_mut(3).zip(r).zip(g).zip(b) {
        (p[0], p[1], p[2]) = (*r, *g, *b);
    }
}
