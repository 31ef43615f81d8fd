//! A few rows of a picture, and the steps that run on them.

use super::chain::{self, From, To};
use super::fine::{self, WHITE};
use super::{Row, bytes, power, table};
use crate::leveled;

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
        let (n, channels) = (self.n, self.channels);
        let leaves = if done == rows.len() && !rounds { out.take() } else { None };
        if let (Form::ToFine(scale), None, false) = (self.form, &leaves, rounds) {
            // Floats cannot be read where they are written: two registers of them make one of words.
            let from = fine::From::Floats(self.floats.each_ref().map(Vec::as_slice), scale);
            fine::run(&fine::Program::new(&[]), channels, n, from, self.words.each_mut().map(Vec::as_mut_slice));
            self.form = Form::Fine;
        }
        let floats = self.floats.each_mut();
        let words = fine::From::Words(self.words.each_ref().map(Vec::as_slice));
        let (from, to) = match (elsewhere, self.form, leaves) {
            (Elsewhere::Words(planes), _, Some(out)) => (fine::From::Words(planes), To::Floats(out)),
            (Elsewhere::Words(planes), _, None) => {
                (fine::From::Words(planes), To::Floats(floats.map(Vec::as_mut_slice)))
            }
            (_, Form::ToFine(scale), Some(out)) => {
                (fine::From::Floats(floats.map(|plane| &plane[..]), scale), To::Floats(out))
            }
            (_, Form::ToFine(scale), None) => {
                (fine::From::Floats(floats.map(|plane| &plane[..]), scale), To::Floats([&mut [], &mut [], &mut []]))
            }
            (_, _, Some(out)) => (words, To::Floats(out)),
            (_, _, None) => (words, To::Floats(floats.map(Vec::as_mut_slice))),
        };
        let to = if rounds { To::Bytes(self.bytes.each_mut().map(Vec::as_mut_slice)) } else { to };
        fine::finish(&program, channels, n, from, to);
        self.form = Form::Plain;
        done
    }

    /// Runs steps. What they read first stands here, or in planes of floats elsewhere; what they write last stays here
    /// (as bytes after `Round` and steps on bytes), or goes to planes of floats elsewhere.
    pub fn run(&mut self, rows: &[Row], elsewhere: Elsewhere<'_>, mut out: Option<[&mut [f32]; 3]>) {
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
            while let Some(row @ (Row::Table(_) | Row::GrayBytes)) = rows.get(at) {
                self.single(row);
                at += 1;
            }
            if at == rows.len() && out.is_none() {
                return;
            }
        }
    }

    /// A step that no chain knows.
    fn single(&mut self, row: &Row) {
        let c = self.channels;
        match row {
            Row::Table(t) => {
                for (line, t) in self.bytes.iter_mut().zip(t.iter()).take(c) {
                    bytes::look_up(line, t);
                }
            }
            Row::GrayBytes => {
                let [r, g, b] = &mut self.bytes;
                bytes::gray(r, g, b);
            }
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
