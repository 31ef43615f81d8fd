//! Progressive scans: coefficients gathered bit by bit, then transformed like those of a baseline file.
//!
//! Where every scan starts is known, so that all of them are read side by side, one strip of the picture after another:
//! its coefficients stay in cache, and a picture of any size needs no more memory for them than that strip.
//!
//! Coefficients stand in the order that the transform wants. A word per block tells which of its AC coefficients are
//! not zero: refinements read by it, and empty blocks need no look at their coefficients.

use super::Decoder;
use super::bands::{FirstTable, MoreTable, add_bits, first_block, more_block};
use super::bits::{Cursor, WINDOW, Window, WindowBuffer};
use super::header::Header;
use super::huffman::DcTable;
use super::idct::{self, Block};
use super::planes::{Layout, Plane, Request};
use super::scan::{fill_flat, finish_reduced, last_of, next_dc, order_of, steps};
use super::scans::{self, Scan};
use crate::error::{Result, corrupt};
use crate::leveled;
use std::ops::Range;

/// About so many bytes of coefficients are in hand at a time; one row of MCUs at least.
const STRIP: usize = 192 << 10;

/// What serves again for the next picture.
#[derive(Default)]
pub struct Buffers {
    windows: Vec<WindowBuffer>,
    parts: Vec<Part>,
}

/// A strip of one component: its coefficients, as far as they are wanted.
struct Part {
    values: Vec<i16>,
    /// Per block the zigzag positions from 1 on that are not zero; empty when only the DC is kept.
    masks: Vec<u64>,
    /// Values per block: 64, or the DC alone.
    per: usize,
    /// Blocks from row to row.
    across: usize,
    h: usize,
    v: usize,
    quant: [i16; 64],
    /// The last zigzag position that counts.
    last: u32,
}

impl Default for Part {
    fn default() -> Part {
        Part { values: Vec::new(), masks: Vec::new(), per: 64, across: 0, h: 1, v: 1, quant: [0; 64], last: 63 }
    }
}

pub fn decode(decoder: &mut Decoder, data: &[u8], header: &Header, request: &Request) -> Result<bool> {
    let layout = Layout::of(header, request)?;
    let mut scans = scans::read(data, header)?;
    let Decoder { planes, progressive: Buffers { windows, parts }, .. } = decoder;
    layout.prepare(header, request, planes);
    parts.resize_with(header.components.len(), Part::default);
    let blocks_per_mcu: usize = header.components.iter().map(|c| c.h * c.v).sum();
    let rows = (STRIP / (128 * blocks_per_mcu * header.mcus_across())).clamp(1, layout.r1 + 1);
    for (((part, component), plane), zigzag) in parts.iter_mut().zip(&header.components).zip(&*planes).zip(&scans.quant)
    {
        part.last = last_of(plane.block, request.fast);
        part.per = if part.last == 0 { 1 } else { 64 };
        (part.h, part.v) = (component.h, component.v);
        part.across = header.mcus_across() * component.h;
        let blocks = part.across * component.v * rows;
        part.values.resize(blocks * part.per, 0);
        part.masks.resize(if part.per == 1 { 0 } else { blocks }, 0);
        part.quant = steps(zigzag, order_of(plane.block));
    }
    scans.choose(&parts.iter().map(|p| p.last).collect::<Vec<_>>());
    let needed: Vec<&Scan> = scans.list.iter().filter(|scan| scan.needed).collect();
    windows.resize_with(needed.len().max(windows.len()), WindowBuffer::default);
    let mut readers: Vec<Reader<'_>> = needed
        .into_iter()
        .zip(windows.iter_mut())
        .map(|(scan, buffer)| Reader::new(data, header, scan, order_of(planes[scan.components[0]].block), buffer))
        .collect();
    for strip in (0..=layout.r1).step_by(rows) {
        let rows = strip..(strip + rows).min(layout.r1 + 1);
        for part in parts.iter_mut() {
            part.values.fill(0);
            part.masks.fill(0);
        }
        for reader in &mut readers {
            read(reader, &rows, parts)?;
        }
        transform(&layout, &rows, parts, planes);
    }
    drop(readers);
    windows.truncate(KEPT);
    Ok(layout.is_whole(header) && parts.iter().all(|p| p.last == 63))
}

/// Windows that a thread keeps: as many as encoders write scans.
const KEPT: usize = 16;

/// Where one scan is being read.
struct Reader<'a> {
    scan: &'a Scan,
    work: Work,
    order: &'static [u8; 256],
    window: Window<'a>,
    cursor: Cursor,
    /// MCUs of the scan across, down, and in a row of the frame's MCUs.
    nx: usize,
    ny: usize,
    per_row: usize,
    /// The next MCU, and where its interval ends.
    at: usize,
    end: usize,
    interval: usize,
    /// The DC so far.
    sums: [i32; 4],
    /// Blocks still to come that an end of blocks has closed.
    ended: usize,
}

impl<'a> Reader<'a> {
    fn new(
        data: &'a [u8],
        header: &Header,
        scan: &'a Scan,
        order: &'static [u8; 256],
        buffer: &'a mut WindowBuffer,
    ) -> Reader<'a> {
        let (nx, ny) = scan.units(header);
        let per_row = if let [c] = scan.components[..] { header.components[c].v } else { 1 };
        let interval = if scan.restart == 0 { nx * ny } else { scan.restart };
        Reader {
            scan,
            work: Work::of(scan),
            order,
            window: Window::new(data, scan.start, buffer, WINDOW),
            cursor: Cursor::START,
            nx,
            ny,
            per_row,
            at: 0,
            end: interval.min(nx * ny),
            interval,
            sums: [0; 4],
            ended: 0,
        }
    }
}

/// What one scan does, with its tables made ready.
enum Work {
    Means(Vec<DcTable>),
    MeansMore,
    First(FirstTable),
    More(MoreTable),
}

impl Work {
    fn of(scan: &Scan) -> Work {
        match (scan.from, scan.refines, &scan.specs[..]) {
            (0, false, specs) => Work::Means(specs.iter().map(DcTable::new).collect()),
            (1.., false, [spec]) => Work::First(FirstTable::new(spec, scan.low)),
            (1.., true, [spec]) => Work::More(MoreTable::new(spec)),
            _ => Work::MeansMore,
        }
    }
}

leveled! {
    /// Reads a scan's part of some rows of MCUs.
    fn read(reader: &mut Reader<'_>, rows: &Range<usize>, parts: &mut [Part]) -> Result<()> {
        let goal = (rows.end * reader.per_row).min(reader.ny) * reader.nx;
        while reader.at < goal {
            if reader.at == reader.end {
                reader.window.next_interval(&mut reader.cursor)?;
                reader.end = (reader.at + reader.interval).min(reader.nx * reader.ny);
                reader.sums = [0; 4];
            }
            let span = Span { nx: reader.nx, above: rows.start * reader.per_row, at: reader.at, goal: goal.min(reader.end) };
            let Reader { scan, work, order, window, cursor, sums, ended, .. } = reader;
            let first = scan.components[0];
            *cursor = match work {
                Work::Means(tables) => means(window, *cursor, scan, tables, sums, span, parts)?,
                Work::MeansMore => means_more(window, *cursor, scan, span, parts)?,
                Work::First(table) => first_bits(window, *cursor, scan, table, order, ended, span, &mut parts[first])?,
                Work::More(table) => more_bits(window, *cursor, scan, table, order, ended, span, &mut parts[first])?,
            };
            if window.overrun(cursor) {
                return window.overrun_error();
            }
            reader.at = span.goal;
            if reader.at == reader.end {
                if reader.ended > 0 {
                    return corrupt("a run of empty blocks that leaves the picture");
                }
                reader.window.finish_interval(&mut reader.cursor)?;
            }
        }
        Ok(())
    }
}

/// MCUs `at` to `goal` of a scan, of which `above` rows are done.
#[derive(Clone, Copy)]
struct Span {
    nx: usize,
    above: usize,
    at: usize,
    goal: usize,
}

/// What a MCU of this scan holds of a component: blocks across and down.
#[inline(always)]
fn sampling(scan: &Scan, part: &Part) -> (usize, usize) {
    if scan.components.len() == 1 { (1, 1) } else { (part.h, part.v) }
}

/// Differences of the DC, with all but their lowest bits.
#[inline(always)]
fn means(
    window: &mut Window<'_>,
    mut cursor: Cursor,
    scan: &Scan,
    tables: &[DcTable],
    sums: &mut [i32; 4],
    span: Span,
    parts: &mut [Part],
) -> Result<Cursor> {
    let (mut row, mut column) = (span.at / span.nx - span.above, span.at % span.nx);
    for _ in span.at..span.goal {
        window.ensure(&mut cursor);
        for ((&c, table), sum) in scan.components.iter().zip(tables).zip(&mut *sums) {
            let part = &mut parts[c];
            let (h, v) = sampling(scan, part);
            for y in 0..v {
                let from = (row * v + y) * part.across + column * h;
                for block in from..from + h {
                    cursor.refill(window.bytes());
                    next_dc(&mut cursor, table, sum)?;
                    part.values[block * part.per] = (*sum << scan.low) as i16;
                }
            }
        }
        column += 1;
        if column == span.nx {
            (row, column) = (row + 1, 0);
        }
    }
    Ok(cursor)
}

/// One more bit of every DC.
#[inline(always)]
fn means_more(
    window: &mut Window<'_>,
    mut cursor: Cursor,
    scan: &Scan,
    span: Span,
    parts: &mut [Part],
) -> Result<Cursor> {
    let (mut row, mut column) = (span.at / span.nx - span.above, span.at % span.nx);
    for _ in span.at..span.goal {
        window.ensure(&mut cursor);
        cursor.refill(window.bytes());
        for &c in &scan.components {
            let part = &mut parts[c];
            let (h, v) = sampling(scan, part);
            for y in 0..v {
                let from = (row * v + y) * part.across + column * h;
                for block in from..from + h {
                    part.values[block * part.per] |= (cursor.peek(1) << scan.low) as i16;
                    cursor.drop(1);
                }
            }
        }
        column += 1;
        if column == span.nx {
            (row, column) = (row + 1, 0);
        }
    }
    Ok(cursor)
}

/// Block `block` of a component: its coefficients and its mask.
#[inline(always)]
fn block_at(part: &mut Part, block: usize) -> Result<(&mut [i16; 64], &mut u64)> {
    let values = part.values.get_mut(64 * block..64 * block + 64).and_then(|v| v.first_chunk_mut::<64>());
    match (values, part.masks.get_mut(block)) {
        (Some(values), Some(mask)) => Ok((values, mask)),
        _ => corrupt("a block outside the picture"),
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn first_bits(
    window: &mut Window<'_>,
    mut cursor: Cursor,
    scan: &Scan,
    table: &FirstTable,
    order: &[u8; 256],
    ended: &mut usize,
    span: Span,
    part: &mut Part,
) -> Result<Cursor> {
    let mut m = span.at + *ended;
    while m < span.goal {
        let row = m / span.nx;
        let row_end = ((row + 1) * span.nx).min(span.goal);
        let origin = (row - span.above) * part.across;
        while m < row_end {
            window.ensure(&mut cursor);
            let (values, mask) = block_at(part, origin + m - row * span.nx)?;
            m += 1 + first_block(window.bytes(), &mut cursor, table, order, values, mask, scan.from, scan.to)? as usize;
        }
    }
    *ended = m - span.goal;
    Ok(cursor)
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn more_bits(
    window: &mut Window<'_>,
    mut cursor: Cursor,
    scan: &Scan,
    table: &MoreTable,
    order: &[u8; 256],
    ended: &mut usize,
    span: Span,
    part: &mut Part,
) -> Result<Cursor> {
    let band = (u64::MAX >> (63 - scan.to)) & (u64::MAX << scan.from);
    let one = 1i16 << scan.low;
    let mut m = span.at;
    while m < span.goal {
        let (row, column) = (m / span.nx, m % span.nx);
        let count = ((row + 1) * span.nx).min(span.goal) - m;
        let from = (row - span.above) * part.across + column;
        for block in from..from + count {
            window.ensure(&mut cursor);
            let (values, mask) = block_at(part, block)?;
            if *ended > 0 {
                // No new coefficients, only more bits of those that are there.
                *ended -= 1;
                add_bits(window.bytes(), &mut cursor, *mask & band, order, values, one);
            } else {
                *ended = more_block(window.bytes(), &mut cursor, table, order, values, mask, band, one)? as usize;
            }
        }
        m += count;
    }
    Ok(cursor)
}

leveled! {
    /// Samples of the wanted part of some rows of MCUs.
    fn transform(layout: &Layout, rows: &Range<usize>, parts: &[Part], planes: &mut [Plane]) {
        let block: &mut Block = &mut [0; 256];
        for (part, plane) in parts.iter().zip(planes) {
            let (side, stride) = (plane.block, plane.stride);
            let quant = &part.quant;
            let wanted = rows.start.max(layout.r0)..rows.end;
            for y in wanted.start * part.v..wanted.end * part.v {
                let first = (y - rows.start * part.v) * part.across + layout.c0 * part.h;
                let down = (y - layout.r0 * part.v) * side;
                for x in 0..(layout.c1 - layout.c0 + 1) * part.h {
                    let out = &mut plane.data[down * stride + x * side..];
                    let at = first + x;
                    let values = &part.values[at * part.per..];
                    if part.last == 0 {
                        out[0] = idct::flat(values[0], quant[0]);
                        continue;
                    }
                    if side == 8 && part.masks[at] == 0 {
                        fill_flat(values[0], quant[0], out, stride);
                        continue;
                    }
                    block[..64].copy_from_slice(&values[..64]);
                    if side == 8 {
                        idct::full::<L>(block, quant, out, stride);
                    } else {
                        finish_reduced(block, side, part.last, quant, out, stride);
                    }
                }
            }
        }
    }
}
