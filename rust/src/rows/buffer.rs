//! A few rows of a picture, and the steps that run on them.

use super::chain::{self, From, To};
use super::{Row, bytes, levels, power, table};
use crate::leveled;
use std::ops::Range;

/// Planes of bytes or of floats.
#[derive(Default)]
pub struct RowBuffer {
    pub floats: [Vec<f32>; 3],
    pub bytes: [Vec<u8>; 3],
    /// Channels that are there; a gray row that becomes color is copied.
    pub channels: usize,
    pub n: usize,
    /// What comes out is more than the caches hold.
    pub streams: bool,
}

/// Pixels whose levels become floats at a time.
const PART: usize = 512;

fn is_on_bytes(row: &Row) -> bool {
    matches!(row, Row::Table(_) | Row::GrayBytes | Row::SaturateBytes(_))
}

impl RowBuffer {
    pub fn resize(&mut self, n: usize, channels: usize) {
        for k in 0..3 {
            self.floats[k].resize(n, 0.0);
            self.bytes[k].resize(n, 0);
        }
        (self.n, self.channels) = (n, channels);
    }

    /// Makes a gray row a color row.
    pub fn spread(&mut self, channels: usize, bytes: bool) {
        if self.channels == 1 && channels == 3 {
            for k in 1..3 {
                if bytes {
                    let (first, rest) = self.bytes.split_at_mut(1);
                    rest[k - 1].copy_from_slice(&first[0]);
                } else {
                    let (first, rest) = self.floats.split_at_mut(1);
                    rest[k - 1].copy_from_slice(&first[0]);
                }
            }
        }
        self.channels = channels;
    }

    /// Runs steps. What they read first stands here, or in planes of floats elsewhere; what they write last stays here
    /// (as bytes after `Round` and steps on bytes), or goes to planes of floats elsewhere.
    pub fn run(&mut self, rows: &[Row], mut elsewhere: Option<[&[f32]; 3]>, mut out: Option<[&mut [f32]; 3]>) {
        if let ([steps @ .., Row::Widen, Row::Normalize { mean, gain }], Some(out)) = (rows, &mut out)
            && steps.iter().all(is_on_bytes)
        {
            self.network(steps, mean, gain, out);
            return;
        }
        let mut at = 0;
        loop {
            let widens = matches!(rows.get(at), Some(Row::Widen));
            let from = at + usize::from(widens);
            let to = from + rows[from..].iter().take_while(|r| chain::knows(r)).count();
            let rounds = matches!(rows.get(to), Some(Row::Round));
            let end = to + usize::from(rounds);
            let last = end == rows.len();
            let steps = &rows[from..to];
            let (n, channels) = (self.n, self.channels);
            let [r, g, b] = &mut self.floats;
            let [x, y, z] = &mut self.bytes;
            let leaves = if last && !rounds { out.take() } else { None };
            match (widens, rounds, elsewhere.take()) {
                (true, true, _) => chain::run(steps, channels, n, From::Here, To::Bytes([x, y, z])),
                (true, false, _) => {
                    chain::run(steps, channels, n, From::Bytes([x, y, z]), To::Floats(leaves.unwrap_or([r, g, b])));
                }
                (false, true, from) => {
                    chain::run(steps, channels, n, From::Floats(from.unwrap_or([r, g, b])), To::Bytes([x, y, z]));
                }
                (false, false, Some(from)) => {
                    chain::run(steps, channels, n, From::Floats(from), To::Floats(leaves.unwrap_or([r, g, b])));
                }
                (false, false, None) => match leaves {
                    Some(out) => chain::run(steps, channels, n, From::Floats([r, g, b]), To::Floats(out)),
                    None if steps.is_empty() => {}
                    None => chain::run(steps, channels, n, From::Here, To::Floats([r, g, b])),
                },
            }
            if last {
                return;
            }
            at = end;
            if !rounds {
                self.single(&rows[at]);
                at += 1;
            }
            // Steps on bytes one after another.
            while let Some(row) = rows.get(at).filter(|row| is_on_bytes(row)) {
                self.single(row);
                at += 1;
            }
            if at == rows.len() && out.is_none() {
                return;
            }
        }
    }

    /// Steps on bytes, and then what a network reads. Part by part, so that the processor goes on with the next part
    /// while memory takes the last one.
    fn network(&mut self, steps: &[Row], mean: &[f32; 3], gain: &[f32; 3], out: &mut [&mut [f32]; 3]) {
        let (n, c) = (self.n, self.channels);
        let mut done = [0; 3];
        for from in (0..n).step_by(PART) {
            let to = (from + PART).min(n);
            for row in steps {
                self.on_bytes(row, from..to);
            }
            for k in 0..c {
                // Up to where a line of the cache ends, so that none is written in two pieces.
                let end = if to < n { levels::aligned(out[k], to - 15).max(done[k]) } else { n };
                let part = done[k]..end;
                done[k] = end;
                levels::normalize(&self.bytes[k][part.clone()], mean[k], gain[k], &mut out[k][part], self.streams);
            }
        }
    }

    fn on_bytes(&mut self, row: &Row, part: Range<usize>) {
        let c = self.channels;
        let [r, g, b] = self.bytes.each_mut().map(|plane| &mut plane[part.clone()]);
        match row {
            Row::Table(t) => {
                for (line, t) in [r, g, b].into_iter().zip(t.iter()).take(c) {
                    bytes::look_up(line, t);
                }
            }
            Row::GrayBytes => bytes::gray(r, g, b),
            Row::SaturateBytes(f) => levels::saturate_planes([r, g, b], *f),
            _ => debug_assert!(false, "a step on bytes"),
        }
    }

    /// A step that no chain knows.
    fn single(&mut self, row: &Row) {
        let c = self.channels;
        match row {
            row if is_on_bytes(row) => self.on_bytes(row, 0..self.n),
            Row::Power(g) => self.floats.iter_mut().take(c).for_each(|p| power::power(p, *g)),
            Row::Exposure(f) => self.floats.iter_mut().take(c).for_each(|p| power::exposure(p, *f)),
            _ => debug_assert!(false, "a step that should have been part of a chain"),
        }
    }
}

/// Sums of the channels, for the mean brightness.
#[derive(Default, Clone, Copy)]
pub struct Sums {
    pub channels: [f64; 3],
}

impl Sums {
    pub fn add_floats<'a>(&mut self, planes: impl Iterator<Item = &'a [f32]>) {
        for (total, plane) in self.channels.iter_mut().zip(planes) {
            *total += sum(plane);
        }
    }

    pub fn add_bytes(&mut self, rows: &RowBuffer) {
        for k in 0..rows.channels {
            self.channels[k] += bytes::sum(&rows.bytes[k]) as f64;
        }
    }

    /// Adds interleaved pixels of three channels, each through a table if there is one; says whether that could be done.
    pub fn add_pixels(&mut self, pixels: &[u8], table: Option<&[u8; 256]>) -> bool {
        let Some(sums) = bytes::sum_pixels(pixels, table) else { return false };
        for (total, sum) in self.channels.iter_mut().zip(sums) {
            *total += sum as f64;
        }
        true
    }

    /// Mean brightness in the scale that was summed: BT.601 of three channels, else the channel itself.
    pub fn mean(&self, channels: usize, pixels: usize) -> f64 {
        let weights = if channels == 3 { [0.299, 0.587, 0.114] } else { [1.0, 0.0, 0.0] };
        let mut total = 0.0;
        for (w, s) in weights.into_iter().zip(self.channels).take(channels) {
            total += w * s;
        }
        total / pixels as f64
    }
}

/// The contrast step once the mean is known: on bytes a table, on floats a line.
pub fn contrast(factor: f64, mean: f64, bytes: bool) -> Row {
    if bytes {
        let middle = mean / 255.0;
        table(|v| middle + factor * (v - middle))
    } else {
        Row::Mix { factor: factor as f32, add: (mean * (1.0 - factor)) as f32 }
    }
}

leveled! {
    fn sum(line: &[f32]) -> f64 {
        // Eight running sums whose order is part of the definition.
        let mut sums = [0.0f64; 8];
        let chunks = line.chunks_exact(8);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (s, &v) in sums.iter_mut().zip(chunk) {
                *s += f64::from(v);
            }
        }
        for (s, &v) in sums.iter_mut().zip(rest) {
            *s += f64::from(v);
        }
        ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    }
}
