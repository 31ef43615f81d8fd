//! Progressive scans: coefficients gathered bit by bit, then transformed like those of a baseline file.
//!
//! Coefficients stand in the order that the transform wants. A word per block tells which of its AC coefficients are
//! not zero: refinements read by it, and empty blocks need no look at their coefficients.

use super::Decoder;
use super::bits::{Cursor, Window};
use super::header::{Header, HuffSpec};
use super::huffman::{Canonical, DcTable, extend, prefix_table};
use super::idct::{self, Block};
use super::planes::{Layout, Plane, Request};
use super::scan::{fill_flat, finish_reduced, last_of, next_dc, order_of, steps};
use super::scans::{self, Scan};
use crate::error::{Error, Kind, Result, corrupt};
use crate::leveled;

/// Bits of one look-up.
const LOOK: u32 = 10;

/// Bytes of coefficients that a thread keeps for its next picture.
const KEPT: usize = 96 << 20;

/// The coefficients of one component, as far down as they are wanted.
#[derive(Default)]
pub struct Coefficients {
    values: Vec<i16>,
    /// Per block the zigzag positions from 1 on that are not zero; empty when only the DC is kept.
    masks: Vec<u64>,
    /// Values per block: 64, or the DC alone.
    per: usize,
    /// Blocks from row to row.
    across: usize,
}

impl Coefficients {
    fn prepare(&mut self, across: usize, down: usize, dc_only: bool) -> Result<()> {
        let blocks = across.checked_mul(down).filter(|b| b.checked_mul(128).is_some());
        let Some(blocks) = blocks else {
            return Err(Error::new(Kind::TooLarge, "more coefficients than memory can hold"));
        };
        self.per = if dc_only { 1 } else { 64 };
        self.across = across;
        zeros(&mut self.values, blocks * self.per);
        zeros(&mut self.masks, if dc_only { 0 } else { blocks });
        Ok(())
    }

    fn bytes(&self) -> usize {
        2 * self.values.capacity() + 8 * self.masks.capacity()
    }
}

/// `n` zeros, in the memory that is there if it suffices.
fn zeros<T: Clone + Default>(values: &mut Vec<T>, n: usize) {
    if values.capacity() < n {
        *values = vec![T::default(); n];
    } else {
        values.clear();
        values.resize(n, T::default());
    }
}

/// What the transform needs to know of one component.
struct Part {
    quant: [i16; 64],
    last: u32,
    h: usize,
    v: usize,
}

pub fn decode(decoder: &mut Decoder, data: &[u8], header: &Header, request: &Request) -> Result<bool> {
    let done = decode_kept(decoder, data, header, request);
    if decoder.coefficients.iter().map(Coefficients::bytes).sum::<usize>() > KEPT {
        decoder.coefficients.clear();
    }
    done
}

fn decode_kept(decoder: &mut Decoder, data: &[u8], header: &Header, request: &Request) -> Result<bool> {
    let layout = Layout::of(header, request)?;
    let mut scans = scans::read(data, header)?;
    layout.prepare(header, request, &mut decoder.planes);
    let coefficients = &mut decoder.coefficients;
    coefficients.resize_with(header.components.len(), Coefficients::default);
    let mut parts = Vec::with_capacity(3);
    for (k, component) in header.components.iter().enumerate() {
        let side = decoder.planes[k].block;
        let last = last_of(side, request.fast);
        let quant = steps(&scans.quant[k], order_of(side));
        coefficients[k].prepare(header.mcus_across() * component.h, (layout.r1 + 1) * component.v, last == 0)?;
        parts.push(Part { quant, last, h: component.h, v: component.v });
    }
    scans.choose(&parts.iter().map(|p| p.last).collect::<Vec<_>>());
    for scan in scans.list.iter().filter(|scan| scan.needed) {
        let mut window = Window::new(data, scan.start, &mut decoder.window);
        let order = order_of(decoder.planes[scan.components[0]].block);
        let work = Work::of(scan);
        read(&mut window, scan, &work, header, &layout, order, coefficients)?;
    }
    transform(&layout, &parts, coefficients, &mut decoder.planes);
    Ok(layout.is_whole(header) && parts.iter().all(|p| p.last == 63))
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
    fn read(window: &mut Window<'_>, scan: &Scan, work: &Work, header: &Header, layout: &Layout, order: &[u8; 256], coefficients: &mut [Coefficients]) -> Result<()> {
        let (nx, ny) = scan.units(header);
        let total = nx * ny;
        // Rows below the wanted ones need no decoding: where the scan ends is known.
        let per_row = if let [c] = scan.components[..] { header.components[c].v } else { 1 };
        let stop = ny.min((layout.r1 + 1) * per_row) * nx;
        let interval = if scan.restart == 0 { total } else { scan.restart };
        let mut cursor = Cursor::START;
        let mut at = 0;
        while at < stop {
            let end = (at + interval).min(total);
            let span = Span { nx, at, goal: end.min(stop), end };
            let first = scan.components[0];
            cursor = match work {
                Work::Means(tables) => means(window, cursor, scan, header, tables, span, coefficients)?,
                Work::MeansMore => means_more(window, cursor, scan, header, span, coefficients)?,
                Work::First(table) => first_bits(window, cursor, scan, table, order, span, &mut coefficients[first])?,
                Work::More(table) => more_bits(window, cursor, scan, table, order, span, &mut coefficients[first])?,
            };
            if window.overrun(&cursor) {
                return window.overrun_error();
            }
            if span.goal == end {
                window.finish_interval(&mut cursor)?;
            }
            at = end;
            if at < stop {
                window.next_interval(&mut cursor)?;
            }
        }
        Ok(())
    }
}

/// The MCUs of one interval: `goal` is where decoding may stop, `end` where the interval does.
#[derive(Clone, Copy)]
struct Span {
    nx: usize,
    at: usize,
    goal: usize,
    end: usize,
}

/// Differences of the DC, with all but their lowest bits.
#[inline(always)]
fn means(
    window: &mut Window<'_>,
    mut cursor: Cursor,
    scan: &Scan,
    header: &Header,
    tables: &[DcTable],
    span: Span,
    coefficients: &mut [Coefficients],
) -> Result<Cursor> {
    let mut sums = [0i32; 4];
    let (mut row, mut column) = (span.at / span.nx, span.at % span.nx);
    for _ in span.at..span.goal {
        window.ensure(&mut cursor);
        for ((&c, table), sum) in scan.components.iter().zip(tables).zip(&mut sums) {
            let (h, v) = scan.sampling(header, c);
            let part = &mut coefficients[c];
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
            if window.overrun(&cursor) {
                return window.overrun_error();
            }
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
    header: &Header,
    span: Span,
    coefficients: &mut [Coefficients],
) -> Result<Cursor> {
    let (mut row, mut column) = (span.at / span.nx, span.at % span.nx);
    for _ in span.at..span.goal {
        window.ensure(&mut cursor);
        cursor.refill(window.bytes());
        for &c in &scan.components {
            let (h, v) = scan.sampling(header, c);
            let part = &mut coefficients[c];
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
            if window.overrun(&cursor) {
                return window.overrun_error();
            }
        }
    }
    Ok(cursor)
}

/// Block `block` of a component: its coefficients and its mask.
#[inline(always)]
fn block_at(part: &mut Coefficients, block: usize) -> Result<(&mut [i16; 64], &mut u64)> {
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
    span: Span,
    part: &mut Coefficients,
) -> Result<Cursor> {
    let mut m = span.at;
    while m < span.goal {
        let row = m / span.nx;
        let row_end = ((row + 1) * span.nx).min(span.goal);
        let origin = row * part.across;
        while m < row_end {
            window.ensure(&mut cursor);
            let (values, mask) = block_at(part, origin + m - row * span.nx)?;
            m += 1 + first_block(window.bytes(), &mut cursor, table, order, values, mask, scan.from, scan.to)? as usize;
        }
        if window.overrun(&cursor) {
            return window.overrun_error();
        }
    }
    if m > span.end {
        return corrupt("a run of empty blocks that leaves the picture");
    }
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
    let run = loop {
        cursor.refill(bytes);
        // Look-ups take 10 bits at most: before the third one 36 are left, enough for the 31 of any symbol.
        let entry = 'look: {
            for _ in 0..2 {
                let entry = table.fast[cursor.peek(LOOK)];
                k += u32::from(entry.run);
                if entry.value == 0 || k > to {
                    k -= u32::from(entry.run);
                    break 'look entry;
                }
                values[place(order, k)] = entry.value;
                seen |= 1 << k;
                cursor.drop(u32::from(entry.bits));
                if k == to {
                    *mask |= seen;
                    return Ok(0);
                }
                k += 1;
            }
            table.fast[cursor.peek(LOOK)]
        };
        if entry.value != 0 {
            k += u32::from(entry.run);
            if k > to {
                return corrupt("a block with too many coefficients");
            }
            values[place(order, k)] = entry.value;
            seen |= 1 << k;
            cursor.drop(u32::from(entry.bits));
            if k == to {
                break 0;
            }
            k += 1;
            continue;
        }
        let symbol = symbol(cursor, (entry.bits, entry.run), &table.slow)?;
        let (run, s) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        if s == 0 && run < 15 {
            break end_of_blocks(cursor, run) - 1;
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
            break 0;
        }
        k += 1;
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
    span: Span,
    part: &mut Coefficients,
) -> Result<Cursor> {
    let band = (u64::MAX >> (63 - scan.to)) & (u64::MAX << scan.from);
    let one = 1i16 << scan.low;
    // Blocks still to come that get no new coefficients, only more bits of those that they have.
    let mut ended = 0u32;
    let mut m = span.at;
    while m < span.goal {
        let (row, column) = (m / span.nx, m % span.nx);
        let count = ((row + 1) * span.nx).min(span.goal) - m;
        let from = row * part.across + column;
        for block in from..from + count {
            window.ensure(&mut cursor);
            let (values, mask) = block_at(part, block)?;
            if ended > 0 {
                ended -= 1;
                add_bits(window.bytes(), &mut cursor, *mask & band, order, values, one);
            } else {
                ended = more_block(window.bytes(), &mut cursor, table, order, values, mask, band, one)?;
            }
        }
        m += count;
        if window.overrun(&cursor) {
            return window.overrun_error();
        }
    }
    if ended as usize > span.end - span.goal {
        return corrupt("a run of empty blocks that leaves the picture");
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
    fn transform(layout: &Layout, parts: &[Part], coefficients: &[Coefficients], planes: &mut [Plane]) {
        let block: &mut Block = &mut [0; 256];
        for ((part, from), plane) in parts.iter().zip(coefficients).zip(planes) {
            let (side, stride) = (plane.block, plane.stride);
            let columns = (layout.c1 - layout.c0 + 1) * part.h;
            for y in 0..(layout.r1 - layout.r0 + 1) * part.v {
                let first = (layout.r0 * part.v + y) * from.across + layout.c0 * part.h;
                for x in 0..columns {
                    let out = &mut plane.data[y * side * stride + x * side..];
                    let at = first + x;
                    let values = &from.values[at * from.per..];
                    if part.last == 0 {
                        out[0] = idct::flat(values[0], part.quant[0]);
                        continue;
                    }
                    if side == 8 && from.masks[at] == 0 {
                        fill_flat(values[0], part.quant[0], out, stride);
                        continue;
                    }
                    block[..64].copy_from_slice(&values[..64]);
                    if side == 8 {
                        idct::full::<L>(block, &part.quant, out, stride);
                    } else {
                        finish_reduced(block, side, part.last, &part.quant, out, stride);
                    }
                }
            }
        }
    }
}
