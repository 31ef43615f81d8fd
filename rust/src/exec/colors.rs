//! The color steps of a segment over all its rows, in as many passes as there are contrasts.

use super::make::Maker;
use super::sink::{Out, Sink};
use super::source;
use crate::error::Result;
use crate::geometry;
use crate::rows::{self, Compiled, Elsewhere, Row, RowBuffer, Sums, fine};
use std::ops::Range;

/// What a contrast keeps of a picture until its mean is known.
#[derive(Default)]
pub struct Kept {
    floats: Vec<f32>,
    bytes: Vec<u8>,
    words: Vec<i16>,
}

/// What the picture is in memory between two passes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Nothing yet: the maker makes it, again in every pass if that is cheap.
    Not,
    Bytes,
    Floats,
    Words,
}

/// Runs the steps `c` on what the maker makes, and writes the result.
pub fn paint(
    c: &Compiled,
    maker: &mut Maker<'_, '_>,
    (width, height): geometry::Size,
    rows: &mut RowBuffer,
    kept: &mut Kept,
    out: Option<Out<'_>>,
) -> Result<Option<source::Held>> {
    let channels = c.from.max(c.to);
    let mut sink = Sink::new(out, (width, height), c)?;
    let area = width * height;
    let band = maker.rows_at_once(width);
    let bands =
        || (0..height).step_by(band).map(|y| (y, band.min(height - y), y * width..(y + band).min(height) * width));
    let mut program: Vec<Row> = maker.first().into_iter().collect();
    let mut at = 0;
    // Only tables before the contrast, on bytes that are at hand: looking twice costs less than keeping.
    let mut again = maker.is_bytes();
    let mut held = Held::Not;
    for (split, step) in c.rows.iter().enumerate() {
        let &Row::Contrast(factor) = step else { continue };
        let part = &c.rows[at..split];
        again &= part.iter().all(|r| matches!(r, Row::Table(_)));
        let mut sums = Sums::default();
        part.iter().for_each(|row| join(&mut program, row.clone()));
        let bytes = ends_as_bytes(&program, if held == Held::Not { maker.is_bytes() } else { held == Held::Bytes });
        let words = fine::Program::new(&program);
        let words =
            (words.rows == program.len() && maker.fine && [Held::Not, Held::Words].contains(&held)).then_some(words);
        for (y, count, place) in bands() {
            if again && maker.sum((y, count), &program, rows, &mut sums) {
                continue;
            }
            if again {
                maker.band(y, count, rows, channels)?;
                rows.run(&program, Elsewhere::Nowhere, None);
                sums.add_bytes(rows);
                continue;
            }
            match held {
                Held::Not => maker.band(y, count, rows, channels)?,
                Held::Bytes => load(rows, place.clone(), area, channels, &kept.bytes),
                Held::Floats | Held::Words => rows.resize(place.len(), channels),
            }
            if let Some(words) = &words {
                if held == Held::Words {
                    copy(&kept.words, area, place.clone(), rows.channels, &mut rows.words);
                    rows.form = rows::RowForm::Fine;
                }
                kept.words.resize(3 * area, 0);
                rows.keep_fine(words, planes_mut(&mut kept.words, area, place.clone()));
                sums.add_words(planes(&kept.words, area, place, rows.channels).into_iter().take(rows.channels));
            } else if bytes {
                rows.run(&program, elsewhere(kept, held, area, &place, channels), None);
                sums.add_bytes(rows);
                keep(rows, place, area, &mut kept.bytes);
            } else {
                match held {
                    Held::Floats => copy(&kept.floats, area, place.clone(), rows.channels, &mut rows.floats),
                    Held::Words => {
                        copy(&kept.words, area, place.clone(), rows.channels, &mut rows.words);
                        rows.form = rows::RowForm::Fine;
                    }
                    _ => {}
                }
                kept.floats.resize(3 * area, 0.0);
                let to = planes_mut(&mut kept.floats, area, place.clone());
                rows.run(&program, Elsewhere::Nowhere, Some(to));
                sums.add_floats(planes(&kept.floats, area, place, rows.channels).into_iter().take(rows.channels));
            }
        }
        if !again {
            held = match (words.is_some(), bytes) {
                (true, _) => Held::Words,
                (false, true) => Held::Bytes,
                (false, false) => Held::Floats,
            };
            program.clear();
        }
        join(&mut program, rows::contrast(factor, sums.mean(rows.channels, area), bytes));
        at = split + 1;
    }
    c.rows[at..].iter().for_each(|row| join(&mut program, row.clone()));
    for (y, count, place) in bands() {
        match held {
            Held::Not => maker.band(y, count, rows, channels)?,
            Held::Bytes => load(rows, place.clone(), area, channels, &kept.bytes),
            Held::Floats | Held::Words => rows.resize(place.len(), channels),
        }
        let from = elsewhere(kept, held, area, &place, channels);
        sink.run(place, rows, &program, from);
    }
    Ok(sink.done())
}

/// Where a pass reads what was kept outside the row buffer.
fn elsewhere<'a>(kept: &'a Kept, held: Held, area: usize, place: &Range<usize>, channels: usize) -> Elsewhere<'a> {
    match held {
        Held::Not | Held::Bytes => Elsewhere::Nowhere,
        Held::Floats => Elsewhere::Floats(planes(&kept.floats, area, place.clone(), channels)),
        Held::Words => Elsewhere::Words(planes(&kept.words, area, place.clone(), channels)),
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

fn planes<T>(kept: &[T], area: usize, place: Range<usize>, channels: usize) -> [&[T]; 3] {
    [0, 1, 2].map(|k| if k < channels { &kept[k * area + place.start..k * area + place.end] } else { &[] })
}

fn planes_mut<T>(kept: &mut [T], area: usize, place: Range<usize>) -> [&mut [T]; 3] {
    let mut planes = kept.chunks_exact_mut(area.max(1)).map(|plane| &mut plane[place.clone()]);
    [0, 1, 2].map(|_| planes.next().unwrap_or_default())
}

fn copy<T: Copy>(kept: &[T], area: usize, place: Range<usize>, channels: usize, to: &mut [Vec<T>; 3]) {
    for (line, kept) in to.iter_mut().zip(planes(kept, area, place, channels)) {
        line[..kept.len()].copy_from_slice(kept);
    }
}

fn keep(rows: &RowBuffer, place: Range<usize>, area: usize, kept: &mut Vec<u8>) {
    kept.resize(3 * area, 0);
    for k in 0..rows.channels {
        kept[k * area + place.start..k * area + place.end].copy_from_slice(&rows.bytes[k]);
    }
}

fn load(rows: &mut RowBuffer, place: Range<usize>, area: usize, channels: usize, kept: &[u8]) {
    rows.resize(place.len(), channels);
    for k in 0..channels {
        rows.bytes[k].copy_from_slice(&kept[k * area + place.start..k * area + place.end]);
    }
}
