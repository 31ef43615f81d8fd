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
    strip: [Vec<f32>; 3],
    kept_floats: Vec<f32>,
    kept_bytes: Vec<u8>,
    halves: Vec<u16>,
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
        let Buffers { pixels, pair, axes, resample, warp, planes, rows, strip, kept_floats, kept_bytes, halves } = render;
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
                        for (k, plane) in decoder.planes.iter().enumerate() {
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
                let mut maker = Maker { producer, resample, warp, planes, strip, options: self.options, levels: true };
                let held = self.colors(&mut maker, target, rows, (kept_floats, kept_bytes, halves), out)?;
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
                    axis.set(span, p.outputs(k), p.kernel)?;
                    axis.move_to_window(origin, length)?;
                }
                Producer::Stretch { pixels, axes, plan: p }
            }
            Plan::Warp(p) => Producer::Warp { pixels, back: shifted(&p.back, shift), plan: p },
        };
        let mut maker = Maker { producer, resample, warp, planes, strip, options: self.options, levels: self.levels };
        let held = self.colors(&mut maker, target, rows, (kept_floats, kept_bytes, halves), out)?;
        drop(made);
        Ok((held, whole))
    }

    /// Runs the color steps over every row, in as many passes as there are contrasts, and writes the last one.
    fn colors(
        &self,
        maker: &mut Maker<'_, '_>,
        (width, height): geometry::Size,
        rows: &mut RowBuffer,
        (kept_floats, kept_bytes, halves): (&mut Vec<f32>, &mut Vec<u8>, &mut Vec<u16>),
        out: Option<Out<'_>>,
    ) -> Result<Option<Held>> {
        let c = self.colors;
        let channels = c.from.max(c.to);
        let mut sink = Sink::new(out, (width, height), c, halves)?;
        let splits: Vec<usize> = c.rows.iter().enumerate().filter(|(_, r)| matches!(r, Row::Contrast(_))).map(|(k, _)| k).collect();
        let area = width * height;
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
                for y in 0..height {
                    maker.row(y, height, rows, channels)?;
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
                for y in 0..height {
                    match kept {
                        None => maker.row(y, height, rows, channels)?,
                        Some(was) => load(rows, y, width, area, channels, was, kept_floats, kept_bytes),
                    }
                    rows.run(&program);
                    if bytes { sums.add_bytes(rows) } else { sums.add_floats(rows) }
                    keep(rows, y, width, area, bytes, kept_floats, kept_bytes);
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
        for y in 0..height {
            match kept {
                None => maker.row(y, height, rows, channels)?,
                Some(was) => load(rows, y, width, area, channels, was, kept_floats, kept_bytes),
            }
            rows.run(&program);
            sink.put(y, rows);
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

fn keep(rows: &RowBuffer, y: usize, width: usize, area: usize, bytes: bool, floats: &mut Vec<f32>, levels: &mut Vec<u8>) {
    if bytes {
        levels.resize(3 * area, 0);
    } else {
        floats.resize(3 * area, 0.0);
    }
    for k in 0..rows.channels {
        let place = k * area + y * width..k * area + (y + 1) * width;
        if bytes {
            levels[place].copy_from_slice(&rows.bytes[k][..width]);
        } else {
            floats[place].copy_from_slice(&rows.floats[k][..width]);
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn load(rows: &mut RowBuffer, y: usize, width: usize, area: usize, channels: usize, bytes: bool, floats: &[f32], levels: &[u8]) {
    rows.resize(width, channels);
    for k in 0..channels {
        let place = k * area + y * width..k * area + (y + 1) * width;
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

fn request<'a>(plan: &Joined, back: Matrix, fill: &'a [f32], frames: &'a [warp::Frame], supersample: bool) -> Warp<'a> {
    let (width, height) = plan.target;
    Warp { map: Map::Matrix(back), width, height, border: plan.border, fill, frames, supersample }
}

/// Moves whole pixels.
fn moved(pixels: &Pixels<'_>, back: &Matrix, plan: &Joined) -> Result<Held> {
    let channels = pixels.channels();
    let (width, height) = plan.target;
    let mut held = Held { width, height, channels, ..Held::default() };
    let request = request(plan, *back, &[], &plan.frames, false);
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
    let plan = Joined { back, frames: Vec::new(), target: stage.target, border: stage.border, fill: stage.fill.clone() };
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
        let (a, b) = outputs.fold((usize::MAX, 0), |(l, h), i| (l.min(i), h.max(i)));
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
    strip: &'b mut [Vec<f32>; 3],
    options: &'b Options,
    levels: bool,
}

impl Maker<'_, '_> {
    fn is_bytes(&self) -> bool {
        matches!(self.producer, Producer::Still(Pixels::Bytes(_)))
    }

    /// Fills the row buffer with row `y`; strips are made when their first row is asked for.
    fn row(&mut self, y: usize, height: usize, rows: &mut RowBuffer, channels: usize) -> Result<()> {
        let levels = self.levels;
        match &mut self.producer {
            Producer::Still(Pixels::Bytes(view)) => {
                rows.resize(view.width, view.channels);
                apart(view.row(y), view.channels, &mut rows.bytes);
                rows.spread(channels, true);
            }
            Producer::Still(Pixels::Floats(view)) => {
                rows.resize(view.width, view.channels);
                apart(view.row(y), view.channels, &mut rows.floats);
                rows.spread(channels, false);
            }
            Producer::Warp { pixels, back, plan } => {
                let (width, have) = (plan.target.0, pixels.channels());
                rows.resize(width, have);
                let scale = if matches!(pixels, Pixels::Bytes(_)) { 255.0 } else { 1.0 };
                let fill = fills(&plan.fill, have, scale);
                let request = request(plan, *back, &fill, &plan.frames, self.options.supersample);
                let put = |x: usize, count: usize, values: &[f32]| {
                    for (plane, values) in rows.floats.iter_mut().zip(values.chunks_exact(warp::CHUNK)) {
                        plane[x..x + count].copy_from_slice(&values[..count]);
                    }
                };
                match pixels {
                    Pixels::Bytes(view) => {
                        warp::check(view, &request)?;
                        warp::row(view, &request, y, self.warp, put);
                    }
                    Pixels::Floats(view) => {
                        warp::check(view, &request)?;
                        warp::row(view, &request, y, self.warp, put);
                    }
                }
                for plane in rows.floats.iter_mut().take(have) {
                    if scale != 1.0 {
                        planes::to_unit(plane);
                    } else if levels {
                        clamp_line(plane);
                    }
                }
                rows.spread(channels, false);
            }
            Producer::WarpPlanes { planes, plan } => {
                let have = if planes.chroma.is_some() { 3 } else { 1 };
                rows.resize(plan.target.0, have);
                let fill = fills(&plan.fill, 3, 1.0);
                let [r, g, b] = &mut rows.floats;
                let mut out = [&mut r[..], &mut g[..], &mut b[..]];
                let three = [fill[0], fill[1], fill[2]];
                planes::warp_row(planes, plan, &three, self.options.supersample, y, self.planes, &mut out);
                rows.spread(channels, false);
            }
            Producer::Stretch { plan, .. } | Producer::StretchPlanes { plan, .. } => {
                let plan = *plan;
                let width = plan.target.0;
                if y.is_multiple_of(STRIP) {
                    self.make_strip(y, height, plan)?;
                }
                let have = self.channels();
                rows.resize(width, have);
                for k in 0..have {
                    rows.floats[k].copy_from_slice(&self.strip[k][(y % STRIP) * width..][..width]);
                }
                rows.spread(channels, false);
            }
        }
        Ok(())
    }

    fn channels(&self) -> usize {
        match &self.producer {
            Producer::Still(p) | Producer::Stretch { pixels: p, .. } | Producer::Warp { pixels: p, .. } => p.channels(),
            Producer::StretchPlanes { planes, .. } => planes.len(),
            Producer::WarpPlanes { planes, .. } => if planes.chroma.is_some() { 3 } else { 1 },
        }
    }

    fn make_strip(&mut self, y0: usize, height: usize, plan: &Separable) -> Result<()> {
        let width = plan.target.0;
        let have = self.channels();
        for plane in self.strip.iter_mut() {
            plane.resize(STRIP * width, 0.0);
        }
        let [vx, vy] = plan.valid;
        let (low, high) = (y0.max(vy.0), (y0 + STRIP).min(vy.1).min(height));
        if low < high && vx.0 < vx.1 {
            let at = (low - y0) * width + vx.0;
            let [a, b, c] = &mut *self.strip;
            let mut out = [&mut a[at..], &mut b[at..], &mut c[at..]];
            match &self.producer {
                Producer::Stretch { pixels: Pixels::Bytes(view), axes, .. } => {
                    resample::strip_planes(view, &axes[0], &axes[3], low - vy.0, high - low, &mut out[..have], width, self.resample);
                }
                Producer::Stretch { pixels: Pixels::Floats(view), axes, .. } => {
                    resample::strip_planes(view, &axes[0], &axes[3], low - vy.0, high - low, &mut out[..have], width, self.resample);
                }
                Producer::StretchPlanes { planes, axes, .. } => {
                    for (k, plane) in planes.iter().enumerate() {
                        let view = planes::view(plane);
                        let (down, along) = (&axes[k], &axes[3 + k]);
                        resample::strip_planes(&view, down, along, low - vy.0, high - low, &mut out[k..=k], width, self.resample);
                    }
                }
                _ => return invalid("program: a strip without a stretch."),
            }
        }
        for r in 0..STRIP.min(height - y0) {
            let y = y0 + r;
            let [a, b, c] = &mut *self.strip;
            let line = r * width..(r + 1) * width;
            let (a, b, c) = (&mut a[line.clone()], &mut b[line.clone()], &mut c[line]);
            match &self.producer {
                Producer::StretchPlanes { planes, .. } if planes.len() == 3 => planes::to_rgb(a, b, c),
                Producer::StretchPlanes { .. } => planes::to_unit(a),
                Producer::Stretch { pixels: Pixels::Bytes(_), .. } => [a, b, c].into_iter().take(have).for_each(planes::to_unit),
                _ if self.levels => [a, b, c].into_iter().take(have).for_each(clamp_line),
                _ => {}
            }
            let fill = fills(&plan.fill, have, 1.0);
            let shown = if y >= vy.0 && y < vy.1 { vx } else { (width, width) };
            for (k, &fill) in fill.iter().enumerate() {
                let line = &mut self.strip[k][r * width..(r + 1) * width];
                line[..shown.0.min(width)].fill(fill);
                line[shown.1.min(width)..].fill(fill);
            }
        }
        Ok(())
    }
}

/// Interleaved samples to planes.
fn apart<T: Copy>(row: &[T], channels: usize, planes: &mut [Vec<T>; 3]) {
    if channels == 1 {
        planes[0].copy_from_slice(row);
        return;
    }
    let [r, g, b] = planes;
    for (((p, r), g), b) in row.chunks_exact(3).zip(r).zip(g).zip(b) {
        (*r, *g, *b) = (p[0], p[1], p[2]);
    }
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
    halves: &'a mut Vec<u16>,
}

impl<'a> Sink<'a> {
    fn new(out: Option<Out<'a>>, (width, height): geometry::Size, c: &Compiled, halves: &'a mut Vec<u16>) -> Result<Sink<'a>> {
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
        Ok(Sink { out, held, planar: c.planar, bytes: c.bytes, channels: c.to, width, height, halves })
    }

    fn put(&mut self, y: usize, rows: &RowBuffer) {
        let (w, c, area) = (self.width, self.channels, self.width * self.height);
        match &mut self.out {
            None if self.bytes => together(&rows.bytes, c, &mut self.held.bytes[y * w * c..][..w * c]),
            None => together(&rows.floats, c, &mut self.held.floats[y * w * c..][..w * c]),
            Some(Out::Bytes(out)) => together(&rows.bytes, c, &mut out[y * w * c..][..w * c]),
            Some(Out::Floats(out)) if self.planar => {
                for k in 0..c {
                    out[k * area + y * w..][..w].copy_from_slice(&rows.floats[k][..w]);
                }
            }
            Some(Out::Floats(out)) => together(&rows.floats, c, &mut out[y * w * c..][..w * c]),
            Some(Out::Halves(out)) => {
                self.halves.resize(w, 0);
                for k in 0..c {
                    rows::to_half(&rows.floats[k][..w], self.halves);
                    out[k * area + y * w..][..w].copy_from_slice(self.halves);
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
