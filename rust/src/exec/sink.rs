//! Where finished rows go: into the batch, or into a picture that the next segment reads.

use super::source::Held;
use crate::error::{Result, invalid};
use crate::geometry;
use crate::rows::{Compiled, Elsewhere, Row, RowBuffer, to_half};
use std::ops::Range;

/// The place of one picture in the batch.
pub enum Out<'a> {
    Bytes(&'a mut [u8]),
    Floats(&'a mut [f32]),
    Halves(&'a mut [u16]),
}

/// Takes the rows of one segment.
pub struct Sink<'a> {
    out: Option<Out<'a>>,
    held: Held,
    planar: bool,
    bytes: bool,
    channels: usize,
    width: usize,
    height: usize,
}

impl<'a> Sink<'a> {
    pub fn new(out: Option<Out<'a>>, (width, height): geometry::Size, c: &Compiled) -> Result<Sink<'a>> {
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
        Ok(Sink { out, held, planar, bytes, channels, width, height })
    }

    /// Runs the last steps on rows, which come from elsewhere if that is given, and puts them into their place.
    pub fn run(&mut self, place: Range<usize>, rows: &mut RowBuffer, program: &[Row], elsewhere: Elsewhere<'_>) {
        let (c, area, n) = (self.channels, self.width * self.height, place.len());
        if let Some(Out::Floats(out)) = &mut self.out
            && self.planar
            && c == rows.channels
        {
            let mut planes = out.chunks_exact_mut(area.max(1)).map(|plane| &mut plane[place.start..][..n]);
            let planes = [0, 1, 2].map(|_| planes.next().unwrap_or_default());
            rows.run(program, elsewhere, Some(planes));
            return;
        }
        rows.run(program, elsewhere, None);
        let interleaved = place.start * c..place.end * c;
        match &mut self.out {
            None if self.bytes => together(&rows.bytes, c, &mut self.held.bytes[interleaved]),
            None => together(&rows.floats, c, &mut self.held.floats[interleaved]),
            Some(Out::Bytes(out)) => together(&rows.bytes, c, &mut out[interleaved]),
            Some(Out::Floats(out)) if self.planar => {
                for k in 0..c {
                    out[k * area + place.start..][..n].copy_from_slice(&rows.floats[k]);
                }
            }
            Some(Out::Floats(out)) => together(&rows.floats, c, &mut out[interleaved]),
            Some(Out::Halves(out)) => {
                for k in 0..c {
                    if self.planar {
                        to_half(&rows.floats[k], &mut out[k * area + place.start..][..n]);
                    }
                }
            }
        }
    }

    pub fn done(self) -> Option<Held> {
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
