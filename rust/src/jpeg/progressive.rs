//! Progressive scans: coefficients gathered bit by bit, then transformed like those of a baseline file.
//!
//! Where every scan starts is known, so that all of them are read side by side, one strip of the picture after another:
//! its coefficients stay in cache, and a picture of any size needs no more memory for them than that strip.
//!
//! Coefficients stand in the order that the transform wants. A word per block tells which of its AC coefficients are
//! not zero: refinements read by it, and empty blocks need no look at their coefficients.

use super::Decoder;
use super::bits::{Cursor, Window, WindowBuffer};
use super::header::{Header, HuffSpec};
use super::huffman::{Canonical, DcTable, extend, prefix_table};
use super::idct::{self, Block};
use super::planes::{Layout, Plane, Request};
use super::scan::{fill_flat, finish_reduced, last_of, next_dc, order_of, steps};
use super::scans::{self, Scan};
use crate::error::{Result, corrupt};
use crate::leveled;
use std::ops::Range;

/// Bits of one look-up.
const LOOK: u32 = 10;

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
        Part {
            values: Vec::new(),
            masks: Vec::new(),
            per: 64,
            across: 0,
            h: 1,
            v: 1,
            quant: [0; 64],
            last: 63,
        }
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
    for (((part, component), plane), zigzag) in parts.iter_mut().zip(&header.components).zip(&*planes).zip(&scans.quant) {
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
            window: Window::new(data, scan.start, buffer),
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

/// One look-up of a first AC scan: a coefficient whole, or (value 0) length and symbol; `bits` 0: a longer code.
#[derive(Clone, Copy, Default)]
#[repr(C, align(4))]
struct First {
    bits: u8,
    run: u8,
    value: i16,
}

struct FirstTable {
    fast: Box<[First; 1 << LOOK]>,
    slow: Canonical,
    low: u32,
}

impl FirstTable {
    fn new(spec: &HuffSpec, low: u32) -> FirstTable {
        let prefix = prefix_table(spec, LOOK);
        let mut fast = Box::new([First::default(); 1 << LOOK]);
        for (i, (out, entry)) in fast.iter_mut().zip(prefix).enumerate() {
            let (length, symbol) = (u32::from(entry >> 8), entry as u8);
            let s = u32::from(symbol & 15);
            *out = First { bits: length as u8, run: symbol, value: 0 };
            if s != 0 && length != 0 && length + s <= LOOK {
                let extra = (i as u32 >> (LOOK - length - s)) & ((1 << s) - 1);
                if let Ok(value) = i16::try_from(extend(extra, s) << low) {
                    *out = First { bits: (length + s) as u8, run: symbol >> 4, value };
                }
            }
        }
        FirstTable { fast, slow: Canonical::new(spec), low }
    }
}

/// Length and symbol of every prefix: the symbols of a refinement have no more than a sign behind them.
struct MoreTable {
    fast: Vec<u16>,
    slow: Canonical,
}

impl MoreTable {
    fn new(spec: &HuffSpec) -> MoreTable {
        MoreTable { fast: prefix_table(spec, LOOK), slow: Canonical::new(spec) }
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
fn place(order: &[u8; 256], k: u32) -> usize {
    usize::from(order[(k & 63) as usize] & 63)
}

#[inline(always)]
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

/// Reads one block; gives the empty blocks that follow it.
#[inline(always)]
fn first_block(
    bytes: &[u8],
    cursor: &mut Cursor,
    table: &FirstTable,
    order: &[u8; 256],
    values: &mut [i16; 64],
    mask: &mut u64,
    from: u32,
    to: u32,
) -> Result<u32> {
    let mut k = from;
    let mut seen = 0u64;
    let run = 'block: loop {
        cursor.refill(bytes);
        // Look-ups take 10 bits at most: before the third one 36 are left, enough for the 31 of any symbol.
        for _ in 0..3 {
            let entry = table.fast[cursor.peek(LOOK)];
            if entry.value == 0 {
                let symbol = symbol(cursor, (entry.bits, entry.run), &table.slow)?;
                let (run, s) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                if s == 0 && run < 15 {
                    break 'block end_of_blocks(cursor, run) - 1;
                }
                k += run;
                if k > to {
                    return corrupt("a block with too many coefficients");
                }
                if s != 0 {
                    let value = (extend(cursor.peek(s) as u32, s) << table.low) as i16;
                    cursor.drop(s);
                    values[place(order, k)] = value;
                    seen |= u64::from(value != 0) << k;
                }
                if k == to {
                    break 'block 0;
                }
                k += 1;
                break;
            }
            k += u32::from(entry.run);
            if k > to {
                return corrupt("a block with too many coefficients");
            }
            values[place(order, k)] = entry.value;
            seen |= 1 << k;
            cursor.drop(u32::from(entry.bits));
            if k == to {
                break 'block 0;
            }
            k += 1;
        }
    };
    *mask |= seen;
    Ok(run)
}

/// Steps over a code; `found` is its length (0: not in the look-up) and its symbol.
#[inline(always)]
fn symbol(cursor: &mut Cursor, found: (u8, u8), slow: &Canonical) -> Result<u8> {
    let (length, symbol) = match found {
        (0, _) => match slow.find(cursor.peek(16) as u32) {
            Some((symbol, length)) => (length, symbol),
            None => return corrupt("a Huffman code that nobody defined"),
        },
        (length, symbol) => (u32::from(length), symbol),
    };
    cursor.drop(length);
    Ok(symbol)
}

/// How many blocks end here, this one included.
#[inline(always)]
fn end_of_blocks(cursor: &mut Cursor, run: u32) -> u32 {
    if run == 0 {
        return 1;
    }
    let more = cursor.peek(run) as u32;
    cursor.drop(run);
    (1 << run) + more
}

#[inline(always)]
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

/// One more bit for every coefficient of `which`, away from zero where it is set.
#[inline(always)]
fn add_bits(bytes: &[u8], cursor: &mut Cursor, mut which: u64, order: &[u8; 256], values: &mut [i16; 64], one: i16) {
    while which != 0 {
        cursor.refill(bytes);
        let count = which.count_ones().min(56);
        let mut word = cursor.word;
        for _ in 0..count {
            let value = &mut values[place(order, which.trailing_zeros())];
            which &= which - 1;
            let bit = (word >> 63) as i16;
            word <<= 1;
            *value = value.wrapping_add(((*value >> 15) | 1).wrapping_mul(one & -bit));
        }
        cursor.drop(count);
    }
}

/// New coefficients among those that the block has; gives the blocks behind it that get none.
#[inline(always)]
fn more_block(
    bytes: &[u8],
    cursor: &mut Cursor,
    table: &MoreTable,
    order: &[u8; 256],
    values: &mut [i16; 64],
    mask: &mut u64,
    band: u64,
    one: i16,
) -> Result<u32> {
    let last = 1u64 << (63 - band.leading_zeros());
    // What is left of the band: coefficients that wait for their bit, and zeros.
    let (mut known, mut empty) = (*mask & band, !*mask & band);
    let mut seen = 0u64;
    loop {
        cursor.refill(bytes);
        let entry = table.fast.get(cursor.peek(LOOK)).copied().unwrap_or(0);
        let symbol = symbol(cursor, ((entry >> 8) as u8, entry as u8), &table.slow)?;
        let (run, s) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        if s > 1 {
            return corrupt("a symbol that a refinement may not have");
        }
        if s == 0 && run < 15 {
            let ended = end_of_blocks(cursor, run) - 1;
            *mask |= seen;
            add_bits(bytes, cursor, known, order, values, one);
            return Ok(ended);
        }
        let value = if cursor.peek(1) == 1 { one } else { -one };
        cursor.drop(s);
        for _ in 0..run {
            empty &= empty.wrapping_sub(1);
        }
        if empty == 0 {
            return corrupt("a block with too many coefficients");
        }
        let here = empty & empty.wrapping_neg();
        empty ^= here;
        let passed = known & (here - 1);
        known ^= passed;
        add_bits(bytes, cursor, passed, order, values, one);
        if s == 1 {
            values[place(order, here.trailing_zeros())] = value;
            seen |= here;
        }
        if here == last || (known | empty) == 0 {
            break;
        }
    }
    *mask |= seen;
    Ok(0)
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
