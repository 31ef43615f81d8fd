//! The entropy-coded scan: MCU after MCU, decoding what is wanted and stepping over the rest.

use super::Decoder;
use super::bits::{Cursor, WINDOW, Window};
use super::header::Header;
use super::huffman::{AC_BITS, AcTable, DC_BITS, DcTable, END, RUN_STEP, SKIP_BITS, extend};
use super::idct::{self, Block, PAIRED, PLAIN, ZIGZAG};
use super::lanes::{self, Kept, Place};
use super::planes::{Layout, Plane, Request};
use crate::error::{Result, corrupt};
use crate::leveled;
use std::sync::Arc;

/// What the loops need to know of one component.
pub struct Part {
    pub dc: Arc<DcTable>,
    pub ac: Arc<AcTable>,
    pub quant: [i16; 64],
    pub h: usize,
    pub v: usize,
    pub block: usize,
    pub stride: usize,
    /// Coefficients after this zigzag position are stepped over.
    pub last: u32,
    /// The DC so far.
    pub dc_value: i32,
    /// The table of runs is worth its making: it is there, or there is much to step over.
    pub runs: bool,
}

/// The zigzag position up to which coefficients count in blocks of 2 x 2 that are decoded fast.
pub const FEW: u32 = 4;

/// Zigzag position to slot, in blocks that become `side` samples wide.
pub fn order_of(side: usize) -> &'static [u8; 256] {
    if side == 8 { &PAIRED } else { &PLAIN }
}

/// Quantization steps in the order of the coefficients.
pub fn steps(zigzag: &[u16; 64], order: &[u8; 256]) -> [i16; 64] {
    let mut quant = [0i16; 64];
    for (&slot, &step) in order.iter().zip(zigzag) {
        quant[usize::from(slot)] = step as i16;
    }
    quant
}

/// The last zigzag position that counts in blocks that become `side` samples wide.
pub fn last_of(side: usize, fast: bool) -> u32 {
    match (side, fast) {
        (1, _) => 0,
        (2, true) => FEW,
        (4, true) => 24,
        _ => 63,
    }
}

pub fn decode(decoder: &mut Decoder, data: &[u8], header: &Header, request: &Request) -> Result<bool> {
    let layout = Layout::of(header, request)?;
    layout.prepare(header, request, &mut decoder.planes);
    let tables = &mut decoder.tables;
    let mut parts = Vec::with_capacity(3);
    for (component, plane) in header.components.iter().zip(&decoder.planes) {
        let (Some(dc), Some(ac)) = (&header.tables.dc[component.dc], &header.tables.ac[component.ac]) else {
            return corrupt("a Huffman table is missing");
        };
        let quant = steps(&header.tables.quant[component.quant], order_of(plane.block));
        let last = last_of(plane.block, request.fast);
        let ac = tables.ac(ac);
        let runs = ac.used() > 2 || data.len() > 200_000;
        parts.push(Part {
            dc: tables.dc(dc),
            ac,
            runs,
            quant,
            h: component.h,
            v: component.v,
            block: plane.block,
            stride: plane.stride,
            last,
            dc_value: 0,
        });
    }
    let whole = layout.is_whole(header) && parts.iter().all(|p| p.last == 63);
    let lanes = layout.r0 > 0 || Kept::samples(&parts).is_some();
    let room = if lanes { lanes::ROOM } else { WINDOW };
    let mut window = Window::new(data, header.scan, &mut decoder.window, room);
    run(&mut window, header, &layout, &mut parts, &mut decoder.planes, &mut decoder.lanes)?;
    Ok(whole)
}

leveled! {
    fn run(window: &mut Window<'_>, header: &Header, layout: &Layout, parts: &mut [Part], planes: &mut [Plane], buffers: &mut lanes::Buffers) -> Result<()> {
        let (nx, ny) = (header.mcus_across(), header.mcus_down());
        let total = nx * ny;
        let interval = if header.restart == 0 { total } else { header.restart };
        let intervals = total.div_ceil(interval);
        // Where the last wanted MCU is: nothing after it needs decoding.
        let stop = layout.r1 * nx + layout.c1 + 1;
        let all = layout.is_whole(header);
        // Where the first row of wanted MCUs is: lanes step over all before it, and over small blocks in it as well.
        let first = layout.r0 * nx;
        let (before, inside) = (Kept::nothing(parts).filter(|_| first > 0), Kept::samples(parts));
        let mut cursor = Cursor::START;
        let mut at = 0;
        while at < stop {
            let end = (at + interval).min(total);
            if header.restart != 0 && !wanted_in(layout, nx, at, end) {
                window.skip_interval();
            } else {
                for part in parts.iter_mut() {
                    part.dc_value = 0;
                }
                let goal = end.min(stop);
                let (mut m, place) = (at, Place { layout, nx, total });
                for (kept, until) in [(&before, first), (&inside, stop)] {
                    if let Some(kept) = kept {
                        let until = until.min(goal);
                        m = lanes::read(window, &mut cursor, parts, planes, buffers, kept, place, m, until);
                    }
                }
                while m < goal {
                    // A run of MCUs of one kind: before, inside or behind the wanted columns.
                    let (r, c) = (m / nx, m % nx);
                    let row_end = ((r + 1) * nx).min(goal);
                    let inside = r >= layout.r0 && r <= layout.r1 && c >= layout.c0 && c <= layout.c1;
                    if inside {
                        let run_end = (r * nx + layout.c1 + 1).min(row_end);
                        decode_run::<L>(window, &mut cursor, parts, planes, r - layout.r0, c - layout.c0, run_end - m)?;
                        m = run_end;
                    } else {
                        let before = r >= layout.r0 && r <= layout.r1 && c < layout.c0;
                        let run_end = if before { (r * nx + layout.c0).min(row_end) } else { row_end };
                        skip_run(window, &mut cursor, parts, run_end - m)?;
                        m = run_end;
                    }
                }
                if goal == end {
                    window.finish_interval(&mut cursor)?;
                }
            }
            at = end;
            if at < stop {
                window.next_interval(&mut cursor)?;
            }
        }
        debug_assert!(!all || at == total);
        window.follow_to_end(intervals)
    }
}

/// Whether any MCU of `from..to` is wanted.
fn wanted_in(layout: &Layout, nx: usize, from: usize, to: usize) -> bool {
    let (first, last) = ((from / nx).max(layout.r0), ((to - 1) / nx).min(layout.r1));
    (first..=last).any(|r| {
        let (a, b) = (from.max(r * nx + layout.c0), to.min(r * nx + layout.c1 + 1));
        a < b
    })
}

#[inline(always)]
fn decode_run<const L: u8>(
    window: &mut Window<'_>,
    outer: &mut Cursor,
    parts: &mut [Part],
    planes: &mut [Plane],
    row: usize,
    column: usize,
    count: usize,
) -> Result<()> {
    let mut cursor = *outer;
    let block: &mut Block = &mut [0; 256];
    for c in column..column + count {
        window.ensure(&mut cursor);
        for (part, plane) in parts.iter_mut().zip(planes.iter_mut()) {
            for y in 0..part.v {
                for x in 0..part.h {
                    let side = part.block;
                    let offset = (row * part.v + y) * side * part.stride + (c * part.h + x) * side;
                    let out = &mut plane.data[offset..];
                    if side == 8 {
                        block_full::<L>(window.bytes(), &mut cursor, part, block, out)?;
                    } else {
                        block_reduced(window.bytes(), &mut cursor, part, block, out)?;
                    }
                }
            }
        }
        if window.overrun(&cursor) {
            return window.overrun_error();
        }
    }
    *outer = cursor;
    Ok(())
}

#[inline(always)]
fn skip_run(window: &mut Window<'_>, outer: &mut Cursor, parts: &mut [Part], count: usize) -> Result<()> {
    let mut cursor = *outer;
    for _ in 0..count {
        window.ensure(&mut cursor);
        for part in parts.iter_mut() {
            for _ in 0..part.h * part.v {
                let bytes = window.bytes();
                cursor.refill(bytes);
                next_dc(&mut cursor, &part.dc, &mut part.dc_value)?;
                skip_ac(bytes, &mut cursor, part, 1)?;
            }
        }
        if window.overrun(&cursor) {
            return window.overrun_error();
        }
    }
    *outer = cursor;
    Ok(())
}

/// Reads the DC difference; the word has at least 56 bits before and 25 after.
#[inline(always)]
pub fn next_dc(cursor: &mut Cursor, table: &DcTable, value: &mut i32) -> Result<()> {
    let entry = table.fast[cursor.peek(DC_BITS)];
    if entry != 0 {
        cursor.drop((entry & 0xFFFF) as u32);
        *value = value.wrapping_add(entry >> 16);
        return Ok(());
    }
    let Some((s, length)) = table.slow.find(cursor.peek(16) as u32) else {
        return corrupt("a Huffman code that nobody defined");
    };
    cursor.drop(length);
    let s = u32::from(s & 15);
    if s != 0 {
        *value = value.wrapping_add(extend(cursor.peek(s) as u32, s));
        cursor.drop(s);
    }
    Ok(())
}

/// One AC symbol with its value: positions before it, the value, positions after it. Needs 31 bits.
#[inline(always)]
pub fn single_ac(cursor: &mut Cursor, table: &AcTable, code: Option<(u8, u32)>) -> Result<(u32, i16, u32)> {
    let found = match code {
        None => table.slow.find(cursor.peek(16) as u32),
        code => code,
    };
    let Some((symbol, length)) = found else {
        return corrupt("a Huffman code that nobody defined");
    };
    cursor.drop(length);
    let (run, s) = (u32::from(symbol >> 4), u32::from(symbol & 15));
    match (run, s) {
        (0, 0) => Ok((0, 0, END)),
        (15, 0) => Ok((15, 0, 1)),
        (_, 0) => corrupt("a symbol that a baseline file may not have"),
        _ => {
            let value = extend(cursor.peek(s) as u32, s);
            cursor.drop(s);
            Ok((run, value as i16, 1))
        }
    }
}

/// Decodes AC coefficients from position `z` until the block ends or `until` is reached; gives the position.
#[inline(always)]
pub fn decode_ac(
    bytes: &[u8],
    cursor: &mut Cursor,
    table: &AcTable,
    order: &[u8; 256],
    block: &mut Block,
    mut z: u32,
    until: u32,
) -> Result<u32> {
    loop {
        cursor.refill(bytes);
        // Look-ups take 12 bits at most: before the third one 32 are left, enough for the 31 of any symbol.
        for _ in 0..3 {
            let pair = &table.fast[cursor.peek(AC_BITS)];
            let first = z + u32::from(pair.to_first);
            if pair.bits == 0 || first >= 63 {
                let code = if pair.bits == 0 { pair.code() } else { None };
                let (before, value, after) = single_ac(cursor, table, code)?;
                let at = z + before;
                // A run past the block's end is found here: at is at most 63 + 15.
                if at > 63 {
                    return corrupt("a block with too many coefficients");
                }
                block[usize::from(order[at as usize])] = value;
                z = at + after;
                break;
            }
            let second = z + u32::from(pair.to_second);
            block[usize::from(order[usize::from(first as u8)])] = pair.first;
            block[usize::from(order[usize::from(second as u8)])] = pair.second;
            z += u32::from(pair.after);
            cursor.drop(u32::from(pair.bits));
            if z >= until {
                break;
            }
        }
        if z >= until {
            return Ok(z);
        }
    }
}

/// A position where a block may end: exactly full, or an end of block met inside.
#[inline(always)]
fn sound_end(z: u32) -> bool {
    z == 64 || z >= END
}

#[inline(always)]
fn block_full<const L: u8>(
    bytes: &[u8],
    cursor: &mut Cursor,
    part: &mut Part,
    block: &mut Block,
    out: &mut [u8],
) -> Result<()> {
    block[..64].fill(0);
    cursor.refill(bytes);
    next_dc(cursor, &part.dc, &mut part.dc_value)?;
    let z = decode_ac(bytes, cursor, &part.ac, &PAIRED, block, 1, 64)?;
    if z == 1 + END {
        fill_flat(part.dc_value as i16, part.quant[0], out, part.stride);
        return Ok(());
    }
    if !sound_end(z) {
        return corrupt("a block with too many coefficients");
    }
    block[0] = part.dc_value as i16;
    idct::full::<L>(block, &part.quant, out, part.stride);
    Ok(())
}

/// A full-size block that has nothing but its DC.
#[inline(always)]
pub fn fill_flat(dc: i16, step: i16, out: &mut [u8], stride: usize) {
    let value = idct::flat(dc, step);
    for row in out[..7 * stride + 8].chunks_mut(stride) {
        row[..8].fill(value);
    }
}

#[inline(always)]
fn block_reduced(bytes: &[u8], cursor: &mut Cursor, part: &mut Part, block: &mut Block, out: &mut [u8]) -> Result<()> {
    cursor.refill(bytes);
    next_dc(cursor, &part.dc, &mut part.dc_value)?;
    if part.last == 0 {
        skip_ac(bytes, cursor, part, 1)?;
        out[0] = idct::flat(part.dc_value as i16, part.quant[0]);
        return Ok(());
    }
    block[..64].fill(0);
    let mut z = decode_ac(bytes, cursor, &part.ac, &PLAIN, block, 1, part.last + 1)?;
    if z < 64 {
        z = skip_ac(bytes, cursor, part, z)?;
    }
    if !sound_end(z) {
        return corrupt("a block with too many coefficients");
    }
    block[0] = part.dc_value as i16;
    finish_reduced(block, part.block, part.last, &part.quant, out, part.stride);
    Ok(())
}

/// The samples of a block that becomes `side` samples wide, from its coefficients up to `last`.
#[inline(always)]
pub fn finish_reduced(block: &mut Block, side: usize, last: u32, quant: &[i16; 64], out: &mut [u8], stride: usize) {
    if side == 2 && last == FEW {
        // Of the first positions only these four count: even frequencies have no mean over half a block.
        idct::quarter_of_four(block, quant, out, stride);
        return;
    }
    if last < 63 {
        // Coefficients behind the last one may have been read on the way: the result must not depend on that.
        for &n in &ZIGZAG[last as usize + 1..] {
            block[usize::from(n)] = 0;
        }
    }
    match side {
        4 => idct::half(block, quant, out, stride),
        2 => idct::quarter(block, quant, out, stride),
        _ => out[0] = idct::flat(block[0], quant[0]),
    }
}

/// Steps over AC symbols from position `z` to the end of the block.
#[inline(always)]
pub fn skip_ac(bytes: &[u8], cursor: &mut Cursor, part: &Part, z: u32) -> Result<u32> {
    if part.runs {
        let table = part.ac.skip();
        step_over(bytes, cursor, part, z, |cursor| {
            let run = u32::from(table[cursor.peek(SKIP_BITS)]);
            (run & 63, run >> RUN_STEP)
        })
    } else {
        // Tables that were never seen before: a run of two symbols needs no table of its own.
        step_over(bytes, cursor, part, z, |cursor| {
            let pair = &part.ac.fast[cursor.peek(AC_BITS)];
            (u32::from(pair.bits), u32::from(pair.after))
        })
    }
}

#[inline(always)]
fn step_over(
    bytes: &[u8],
    cursor: &mut Cursor,
    part: &Part,
    mut z: u32,
    look_up: impl Fn(&Cursor) -> (u32, u32),
) -> Result<u32> {
    loop {
        cursor.refill(bytes);
        // A look-up drops 28 bits at most: there is room for two.
        for _ in 0..2 {
            let (bits, step) = look_up(cursor);
            let next = z + step;
            // Several symbols at once must end inside this block (at 64, or at an end of block met before).
            if bits != 0 && (next & 127) + (next >> 7) <= 64 {
                cursor.drop(bits);
                z = next;
            } else {
                cursor.refill(bytes);
                let (before, _, after) = single_ac(cursor, &part.ac, None)?;
                z += before + after;
                cursor.refill(bytes);
            }
            if z >= 64 {
                return if sound_end(z) { Ok(z) } else { corrupt("a block with too many coefficients") };
            }
        }
    }
}
