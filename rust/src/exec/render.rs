//! Renders one segment: decodes what is needed, picks who makes its rows, and has them painted.

use super::Worker;
use super::colors::{self, Kept};
use super::make::{Maker, Pixels, Producer, fills, request};
use super::plan::{self, Joined, Plan};
use super::planes::{self, Planes};
use super::region;
use super::sink::Out;
use super::source::{Held, Source};
use crate::error::{Result, invalid};
use crate::geometry::{self, Stage};
use crate::jpeg::{Region, Request};
use crate::program::Options;
use crate::resample::{self, Axis, Kernel, Resize, Sample, Span, View};
use crate::rows::{self, Compiled, From, Row, RowBuffer, To};
use crate::warp::{self, Border, Matrix};

#[derive(Default)]
pub struct Buffers {
    pixels: Vec<u8>,
    pair: Vec<u8>,
    axes: [Axis; 6],
    resample: resample::Scratch,
    warp: warp::Scratch,
    planes: planes::Scratch,
    pub rows: RowBuffer,
    kept: Kept,
}

/// One segment to render.
pub struct Job<'a> {
    pub stages: &'a [Stage],
    pub colors: &'a Compiled,
    pub levels: bool,
    pub options: &'a Options,
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
        let Buffers { pixels, pair, axes, resample, warp, planes, rows, kept } = render;
        let mut whole = true;
        // Pictures that are made on the way and then read like any other.
        let mut made = Held::default();
        let mut shift = (0.0, 0.0);
        let mut source = source;
        if let Source::Jpeg(data, header) = &source {
            // A small part that is enlarged shows how chroma was widened; it is little to decode in full.
            let enlarged = matches!(&plan, Plan::Separable(p) if p.kernel == Kernel::Bilinear && p.shrink().iter().any(|&s| s < 1.0));
            // Planes are sampled with a constant beyond their edge only.
            let goes_on = matches!(&plan, Plan::Warp(p) if p.border != Border::Constant);
            let fast = self.options.fast
                && !enlarged
                && !goes_on
                && !matches!(plan, Plan::Moves(_) | Plan::Staged | Plan::Still);
            let region = match &plan {
                Plan::Separable(p) => Some(region::separable_region(header, p)?),
                Plan::Warp(p) | Plan::Moves(p) => region::warp_region(header, p),
                _ => None,
            };
            if fast {
                let shrink = match &plan {
                    Plan::Separable(p) => p.shrink(),
                    Plan::Warp(p) => region::least_density(p),
                    _ => [1.0, 1.0],
                };
                let denom = region::denominator(shrink[0].min(shrink[1]));
                whole = decoder.decode_planes(data, header, &Request { denom, region, fast: true })?;
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
                        Producer::WarpPlanes { planes: Box::new(Planes::new(luma, chroma, size, &p.back)), plan: p }
                    }
                    _ => return invalid("program: a plan without planes."),
                };
                let fine = self.options.fine;
                let mut maker = Maker { producer, resample, warp, planes, options: self.options, levels: true, fine };
                let held = colors::paint(self.colors, &mut maker, target, rows, kept, out)?;
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
        // What was read in full goes on like what was not.
        let fine =
            self.options.fine && planes_first && matches!(producer, Producer::Stretch { pixels: Pixels::Bytes(_), .. });
        let mut maker = Maker { producer, resample, warp, planes, options: self.options, levels: self.levels, fine };
        let held = colors::paint(self.colors, &mut maker, target, rows, kept, out)?;
        drop(made);
        Ok((held, whole))
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
    let last = if scale != 1.0 { Row::FromLevels } else { Row::Clamp };
    rows::run(&[last], 1, held.floats.len(), From::Here, To::line(&mut held.floats));
    Ok(held)
}
