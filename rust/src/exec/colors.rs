//! The color steps of a segment over all its rows, in as many passes as there are contrasts.

use super::make::Maker;
use super::sink::{Out, Sink};
use super::source::Held;
use crate::error::Result;
use crate::geometry;
use crate::rows::{self, Compiled, Row, RowBuffer, Sums};
use std::ops::Range;

/// What a contrast keeps of a picture until its mean is known.
#[derive(Default)]
pub struct Kept {
    floats: Vec<f32>,
    bytes: Vec<u8>,
}

/// Runs the steps `c` on what the maker makes, and writes the result.
pub fn paint(
    c: &Compiled,
    maker: &mut Maker<'_, '_>,
    (width, height): geometry::Size,
    rows: &mut RowBuffer,
    kept: &mut Kept,
    out: Option<Out<'_>>,
) -> Result<Option<Held>> {
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
    // Whether bytes or floats are kept.
    let mut state = None;
    for (split, step) in c.rows.iter().enumerate() {
        let &Row::Contrast(factor) = step else { continue };
        let part = &c.rows[at..split];
        again &= part.iter().all(|r| matches!(r, Row::Table(_)));
        let mut sums = Sums::default();
        part.iter().for_each(|row| join(&mut program, row.clone()));
        let bytes = ends_as_bytes(&program, state.unwrap_or(maker.is_bytes()));
        for (y, count, place) in bands() {
            if again && maker.sum((y, count), &program, rows, &mut sums) {
                continue;
            }
            if again {
                maker.band(y, count, rows, channels)?;
                rows.run(&program, None, None);
                sums.add_bytes(rows);
                continue;
            }
            let mut elsewhere = false;
            match state {
                None => maker.band(y, count, rows, channels)?,
                Some(true) => load(rows, place.clone(), area, channels, &kept.bytes),
                Some(false) => {
                    rows.resize(place.len(), channels);
                    elsewhere = true;
                }
            }
            if bytes {
                let from = elsewhere.then(|| planes(&kept.floats, area, place.clone(), channels));
                rows.run(&program, from, None);
                sums.add_bytes(rows);
                keep(rows, place, area, &mut kept.bytes);
            } else {
                if elsewhere {
                    copy(&kept.floats, area, place.clone(), rows);
                }
                kept.floats.resize(3 * area, 0.0);
                rows.run(&program, None, Some(planes_mut(&mut kept.floats, area, place.clone())));
                sums.add_floats(planes(&kept.floats, area, place, rows.channels).into_iter().take(rows.channels));
            }
        }
        if !again {
            state = Some(bytes);
            program.clear();
        }
        join(&mut program, rows::contrast(factor, sums.mean(rows.channels, area), bytes));
        at = split + 1;
    }
    c.rows[at..].iter().for_each(|row| join(&mut program, row.clone()));
    for (y, count, place) in bands() {
        let mut elsewhere = None;
        match state {
            None => maker.band(y, count, rows, channels)?,
            Some(true) => load(rows, place.clone(), area, channels, &kept.bytes),
            Some(false) => {
                rows.resize(place.len(), channels);
                elsewhere = Some(planes(&kept.floats, area, place.clone(), channels));
            }
        }
        sink.run(place, rows, &program, elsewhere);
    }
    Ok(sink.done())
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

fn planes(kept: &[f32], area: usize, place: Range<usize>, channels: usize) -> [&[f32]; 3] {
    [0, 1, 2].map(|k| if k < channels { &kept[k * area + place.start..k * area + place.end] } else { &[] })
}

fn planes_mut(kept: &mut [f32], area: usize, place: Range<usize>) -> [&mut [f32]; 3] {
    let mut planes = kept.chunks_exact_mut(area.max(1)).map(|plane| &mut plane[place.clone()]);
    [0, 1, 2].map(|_| planes.next().unwrap_or_default())
}

fn copy(kept: &[f32], area: usize, place: Range<usize>, rows: &mut RowBuffer) {
    for (line, kept) in rows.floats.iter_mut().zip(planes(kept, area, place, rows.channels)) {
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
