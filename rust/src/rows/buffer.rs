//! A few rows of a picture, and the steps that run on them.

use super::chain::{self, From, To};
use super::fine::{self, WHITE};
use super::{Row, bytes, levels, power, table};
use crate::leveled;
use std::ops::Range;

/// What the rows are before their first step.
#[derive(Clone, Copy, Default, PartialEq)]
pub enum Form {
    /// Bytes or floats, as the steps say.
    #[default]
    Plain,
    /// Words of fine levels.
    Fine,
    /// Floats that go on as fine levels; so many words make one.
    ToFine(f32),
}

/// Planes outside the buffer that the first step reads.
#[derive(Clone, Copy)]
pub enum Elsewhere<'a> {
    Nowhere,
    Floats([&'a [f32]; 3]),
    Words([&'a [i16]; 3]),
}

/// Planes of bytes, of floats or of words.
#[derive(Default)]
pub struct RowBuffer {
    pub floats: [Vec<f32>; 3],
    pub bytes: [Vec<u8>; 3],
    pub words: [Vec<i16>; 3],
    pub form: Form,
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
            self.words[k].resize(n, 0);
        }
        (self.n, self.channels, self.form) = (n, channels, Form::Plain);
    }

    /// Makes a gray row a color row.
    pub fn spread(&mut self, channels: usize, bytes: bool) {
        if self.channels == 1 && channels == 3 {
            match self.form {
                Form::Fine => copied(&mut self.words),
                Form::Plain if bytes => copied(&mut self.bytes),
                _ => copied(&mut self.floats),
            }
        }
        self.channels = channels;
    }

    /// Runs steps on fine levels, all of which must be known there, and keeps words.
    pub fn keep_fine(&mut self, program: &fine::Program, to: [&mut [i16]; 3]) {
        let from = match self.form {
            Form::ToFine(scale) => fine::From::Floats(self.floats.each_ref().map(Vec::as_slice), scale),
            _ => fine::From::Words(self.words.each_ref().map(Vec::as_slice)),
        };
        fine::run(program, self.channels, self.n, from, to);
    }

    /// Runs the first steps on fine levels, which is what the rows are, and says how many they were.
    fn run_fine(&mut self, rows: &[Row], elsewhere: Elsewhere<'_>, out: &mut Option<[&mut [f32]; 3]>) -> usize {
        let program = fine::Program::new(rows);
        let rounds = matches!(rows.get(program.rows), Some(Row::Round));
        let done = program.rows + usize::from(rounds);
        let leaves = if done == rows.len() && !rounds { out.take() } else { None };
        if let (Form::ToFine(scale), None) = (self.form, &leaves) {
            // Floats are not read where floats may be written: words are made of them first.
            let from = fine::From::Floats(self.floats.each_ref().map(Vec::as_slice), scale);
            let words = self.words.each_mut().map(Vec::as_mut_slice);
            fine::run(&fine::Program::new(&[]), self.channels, self.n, from, words);
            self.form = Form::Fine;
        }
        let (n, channels) = (self.n, self.channels);
        let words = match elsewhere {
            Elsewhere::Words(planes) => planes,
            _ => self.words.each_ref().map(Vec::as_slice),
        };
        if let Some(out) = leaves {
            let from = match self.form {
                Form::ToFine(scale) => fine::From::Floats(self.floats.each_ref().map(Vec::as_slice), scale),
                _ => fine::From::Words(words),
            };
            fine::finish(&program, channels, n, from, To::Floats(out), self.streams);
        } else {
            let to = match rounds {
                true => To::Bytes(self.bytes.each_mut().map(Vec::as_mut_slice)),
                false => To::Floats(self.floats.each_mut().map(Vec::as_mut_slice)),
            };
            fine::finish(&program, channels, n, fine::From::Words(words), to, false);
        }
        self.form = Form::Plain;
        done
    }

    /// Runs steps. What they read first stands here, or in planes of floats elsewhere; what they write last stays here
    /// (as bytes after `Round` and steps on bytes), or goes to planes of floats elsewhere.
    pub fn run(&mut self, rows: &[Row], elsewhere: Elsewhere<'_>, mut out: Option<[&mut [f32]; 3]>) {
        if let (Form::Plain, [steps @ .., Row::Widen, Row::Normalize { mean, gain }], Some(out)) =
            (self.form, rows, &mut out)
            && steps.iter().all(is_on_bytes)
        {
            self.network(steps, mean, gain, out);
            return;
        }
        let mut at = 0;
        if self.form != Form::Plain || matches!(elsewhere, Elsewhere::Words(_)) {
            at = self.run_fine(rows, elsewhere, &mut out);
            if at == rows.len() {
                return;
            }
        }
        let mut elsewhere = match elsewhere {
            Elsewhere::Floats(planes) => Some(planes),
            _ => None,
        };
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

    /// Words of fine levels, as fractions of white.
    pub fn add_words<'a>(&mut self, planes: impl Iterator<Item = &'a [i16]>) {
        for (total, plane) in self.channels.iter_mut().zip(planes) {
            *total += words_sum(plane) as f64 / f64::from(WHITE);
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

fn copied<T: Copy>(planes: &mut [Vec<T>; 3]) {
    let (first, rest) = planes.split_at_mut(1);
    rest.iter_mut().for_each(|plane| plane.copy_from_slice(&first[0]));
}

leveled! {
    fn words_sum(line: &[i16]) -> i64 {
        // Blocks whose sums fit 32 bits.
        line.chunks(1 << 16).map(|block| i64::from(block.iter().map(|&v| i32::from(v)).sum::<i32>())).sum()
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
