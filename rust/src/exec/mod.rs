//! One sample through a drawn program: from its source to its place in the batch.

mod arrange;
mod colors;
mod effort;
mod make;
mod plan;
mod planes;
mod region;
mod render;
mod sink;
mod source;

use crate::chance::Address;
use crate::error::{Error, Kind, Result, invalid};
use crate::geometry::{self, Edge, Move, Size, Stage};
use crate::jpeg::header;
use crate::program::{Drawn, Program, Tint};
use crate::resample::{Kernel, View};
use crate::rows::{self, Form};
use crate::warp::Border;
pub use sink::Out;
pub use source::{Held, Source};

/// What a thread keeps from picture to picture.
#[derive(Default)]
pub struct Worker {
    decoder: crate::jpeg::Decoder,
    render: render::Buffers,
}

impl Worker {
    /// Says whether what comes out goes around the caches.
    pub fn stream(&mut self, streams: bool) {
        self.render.rows.streams = streams;
    }
}

/// What was done to a sample, as far as geometry goes, from the upright picture on.
#[derive(Default, Debug)]
pub struct Record {
    pub source: Size,
    pub stages: Vec<Stage>,
    /// The whole file was decoded: nothing was stepped over.
    pub whole: bool,
}

/// A picture as it is handed over.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    Jpeg(&'a [u8]),
    Bytes(View<'a, u8>),
    Floats(View<'a, f32>),
}

/// Steps between which nothing is written to memory: geometry, then color.
#[derive(Default)]
struct Segment {
    stages: Vec<Stage>,
    tints: Vec<Tint>,
}

/// The size, channels and kind of what a program makes of a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub planar: bool,
    pub kind: OutKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutKind {
    Bytes,
    Floats,
    Halves,
}

impl Shape {
    /// The axes of the array that holds it.
    pub fn axes(&self) -> [usize; 3] {
        if self.planar { [self.channels, self.height, self.width] } else { [self.height, self.width, self.channels] }
    }
}

pub struct Sample<'a> {
    source: Source<'a>,
    segments: Vec<Segment>,
    pub record: Record,
}

/// Reads the source's head, draws, and lays out the stages.
pub fn prepare<'a>(program: &Program, input: Input<'a>, address: &Address) -> Result<Sample<'a>> {
    let source = match input {
        Input::Jpeg(data) => Source::Jpeg(data, Box::new(header::parse(data, program.options.max_pixels)?)),
        Input::Bytes(view) => Source::Bytes(view),
        Input::Floats(view) => Source::Floats(view),
    };
    let channels = source.channels();
    if channels != 1 && channels != 3 {
        return Err(Error::new(Kind::Unsupported, format!("a picture of {channels} channels")));
    }
    let mut size = source.size();
    let mut first = Segment::default();
    if let (Source::Jpeg(_, header), true) = (&source, program.options.orient)
        && header.orientation > 1
    {
        // How a file lies is nobody's business but the decoder's: the record begins with the picture upright.
        let edge = Edge { border: Border::Constant, fill: vec![0.0], kernel: Kernel::Bilinear };
        size = geometry::append(&mut first.stages, size, &Move::Orient(header.orientation), &edge, address)?;
    }
    let mut record = Record { source: size, ..Record::default() };
    let mut segments = vec![first];
    if !program.options.fast && !segments[0].stages.is_empty() {
        // Exactly what pixels give that come upright: nothing is joined with the turn.
        segments.push(Segment::default());
    }
    let mut taken = 0;
    for drawn in program.draw(address) {
        match drawn {
            Drawn::Move(step, edge) => {
                size = geometry::append(&mut record.stages, size, &step, &edge, address)?;
                if segments.last().is_some_and(|s| !s.tints.is_empty()) {
                    segments.push(Segment::default());
                }
            }
            Drawn::Tint(tint) => {
                if let Some(segment) = segments.last_mut() {
                    segment.tints.push(tint);
                }
            }
        }
        if let Some(segment) = segments.last_mut() {
            segment.stages.extend_from_slice(&record.stages[taken..]);
            taken = record.stages.len();
        }
    }
    Ok(Sample { source, segments, record })
}

impl<'a> Sample<'a> {
    fn levels(&self) -> bool {
        !matches!(self.source, Source::Floats(_))
    }

    /// What comes out, without running anything.
    pub fn shape(&self) -> Result<Shape> {
        let levels = self.levels();
        let (mut channels, mut settled) = (self.source.channels(), levels);
        let mut out = None;
        let mut size = self.source.size();
        for segment in &self.segments {
            settled &= segment.stages.iter().all(Stage::moves_whole_pixels);
            let compiled = rows::compile(&segment.tints, channels, levels, settled, Form::Outline)?;
            (channels, settled) = (compiled.to, compiled.settled && !compiled.final_);
            size = segment.stages.last().map_or(size, |s| s.target);
            if out.is_some_and(|s: Shape| s.kind != OutKind::Bytes && levels && compiled.final_)
                && !segment.stages.is_empty()
            {
                return invalid("program: no geometry may follow normalize.");
            }
            let kind = match (compiled.bytes, compiled.half) {
                (true, _) => OutKind::Bytes,
                (false, true) => OutKind::Halves,
                (false, false) => OutKind::Floats,
            };
            out = Some(Shape { width: size.0, height: size.1, channels, planar: compiled.planar, kind });
        }
        match out {
            Some(shape) => Ok(shape),
            None => invalid("program: no steps."),
        }
    }

    /// Runs every segment; the last one writes into `out`.
    pub fn run(&mut self, worker: &mut Worker, program: &Program, out: Out<'_>) -> Result<()> {
        let levels = self.levels();
        let mut settled = levels;
        let mut parts = Vec::new();
        let mut size = self.source.size();
        for segment in std::mem::take(&mut self.segments) {
            let end = segment.stages.last().map_or(size, |s| s.target);
            let mut list = arrange::arrange(size, segment.stages, &program.options);
            let stages = list.pop().unwrap_or_default();
            parts.extend(list.into_iter().map(|stages| Segment { stages, tints: Vec::new() }));
            parts.push(Segment { stages, tints: segment.tints });
            size = end;
        }
        let count = parts.len();
        let mut out = Some(out);
        for (k, segment) in parts.into_iter().enumerate() {
            settled &= segment.stages.iter().all(Stage::moves_whole_pixels);
            let last = k + 1 == count;
            let mut compiled = rows::compile(&segment.tints, self.source.channels(), levels, settled, Form::Working)?;
            if !last && compiled.final_ {
                return invalid("program: no geometry may follow normalize.");
            }
            if !last && levels && compiled.bytes && !compiled.settled {
                // Carried as floats to the next segment: the rounding at the end belongs to the end only.
                compiled.rows.pop();
                compiled.bytes = false;
            }
            settled = compiled.settled;
            let source = std::mem::replace(&mut self.source, Source::Held(Held::default()));
            let job = render::Job { stages: &segment.stages, colors: &compiled, levels, options: &program.options };
            let whole = matches!(source, Source::Jpeg(..));
            let (held, everything) = job.run(worker, source, if last { out.take() } else { None })?;
            if whole {
                self.record.whole = everything;
            }
            if let Some(held) = held {
                self.source = Source::Held(held);
            }
        }
        Ok(())
    }
}
