//! The entropy-coded scan: MCU after MCU, decoding what is wanted and stepping over the rest.

use super::Decoder;
use super::bits::{Cursor, Window};
use super::header::{Header, HuffSpec};
use super::huffman::{AC_BITS, AcTable, DC_BITS, DcTable, END, extend};
use super::idct::{self, Block, PAIRED, PLAIN, ZIGZAG};
use super::planes::{Layout, Plane, Request};
use crate::error::{Result, corrupt};
use crate::leveled;
use std::sync::Arc;

/// Huffman tables of earlier pictures: most files use the standard ones.
#[derive(Default)]
pub struct TableCache {
    dc: Vec<Arc<DcTable>>,
    ac: Vec<Arc<AcTable>>,
}

const CACHED: usize = 8;

impl TableCache {
    fn dc(&mut self, spec: &HuffSpec) -> Arc<DcTable> {
        if let Some(table) = self.dc.iter().find(|t| t.is_for(spec)) {
            return table.clone();
        }
        if self.dc.len() == CACHED {
            self.dc.remove(0);
        }
        self.dc.push(Arc::new(DcTable::new(spec)));
        self.dc[self.dc.len() - 1].clone()
    }

    fn ac(&mut self, spec: &HuffSpec) -> Arc<AcTable> {
        if let Some(table) = self.ac.iter().find(|t| t.is_for(spec)) {
            return table.clone();
        }
        if self.ac.len() == CACHED {
            self.ac.remove(0);
        }
        self.ac.push(Arc::new(AcTable::new(spec)));
        self.ac[self.ac.len() - 1].clone()
    }
}

/// What the loops need to know of one component.
struct Part {
    dc: Arc<DcTable>,
    ac: Arc<AcTable>,
    quant: [i16; 64],
    h: usize,
    v: usize,
    block: usize,
    stride: usize,
    /// Coefficients after this zigzag position are stepped over.
    last: u32,
    /// The DC so far.
    dc_value: i32,
}

pub fn decode(decoder: &mut Decoder, data: &[u8], header: &Header, request: &Request) -> Result<bool> {
    let layout = Layout::of(header, request)?;
    layout.prepare(header, request, &mut decoder.planes);
    let tables = &mut decoder.tables;
    let mut parts = Vec::with_capacity(3);
    for (component, plane) in header.components.iter().zip(&decoder.planes) {
        let (Some(dc), Some(ac)) = (&header.dc[component.dc], &header.ac[component.ac]) else {
            return corrupt("a Huffman table is missing");
        };
        let order = if plane.block == 8 { &PAIRED } else { &PLAIN };
        let mut quant = [0i16; 64];
        for k in 0..64 {
            quant[usize::from(order[k])] = header.quant[component.quant][k] as i16;
        }
        let last = match (plane.block, request.fast) {
            (1, _) => 0,
            (2, true) => 4,
            (4, true) => 24,
            _ => 63,
        };
        parts.push(Part {
            dc: tables.dc(dc),
            ac: tables.ac(ac),
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
    let mut window = Window::new(data, header.scan, &mut decoder.window);
    run(&mut window, header, &layout, &mut parts, &mut decoder.planes)?;
    Ok(whole)
}

leveled! {
    fn run(window: &mut Window<'_>, header: &Header, layout: &Layout, parts: &mut [Part], planes: &mut [Plane]) -> Result<()> {
        let (nx, ny) = (header.mcus_across(), header.mcus_down());
        let total = nx * ny;
        let interval = if header.restart == 0 { total } else { header.restart };
        let intervals = total.div_ceil(interval);
        // Where the last wanted MCU is: nothing after it needs decoding.
        let stop = layout.r1 * nx + layout.c1 + 1;
        let all = layout.is_whole(header);
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
                let mut m = at;
                let goal = end.min(stop);
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
    for c in column..column + count {
        window.ensure(&mut cursor);
        for (part, plane) in parts.iter_mut().zip(planes.iter_mut()) {
            for y in 0..part.v {
                for x in 0..part.h {
                    let block = part.block;
                    let offset = (row * part.v + y) * block * part.stride + (c * part.h + x) * block;
                    let out = &mut plane.data[offset..];
                    if block == 8 {
                        block_full::<L>(window.bytes(), &mut cursor, part, out)?;
                    } else {
                        block_reduced(window.bytes(), &mut cursor, part, out)?;
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
                next_dc(&mut cursor, part)?;
                skip_ac(bytes, &mut cursor, &part.ac, 1)?;
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
fn next_dc(cursor: &mut Cursor, part: &mut Part) -> Result<()> {
    let entry = part.dc.fast[cursor.peek(DC_BITS)];
    if entry != 0 {
        cursor.drop((entry & 0xFFFF) as u32);
        part.dc_value = part.dc_value.wrapping_add(entry >> 16);
        return Ok(());
    }
    let Some((s, length)) = part.dc.slow.find(cursor.peek(16) as u32) else {
        return corrupt("a Huffman code that nobody defined");
    };
    cursor.drop(length);
    let s = u32::from(s & 15);
    if s != 0 {
        part.dc_value = part.dc_value.wrapping_add(extend(cursor.peek(s) as u32, s));
        cursor.drop(s);
    }
    Ok(())
}

/// One AC symbol with its value: positions before it, the value, positions after it. Needs 31 bits.
#[inline(always)]
fn single_ac(cursor: &mut Cursor, table: &AcTable) -> Result<(u32, i16, u32)> {
    let entry = table.fast[cursor.peek(AC_BITS)];
    let (symbol, length) = if entry & 0xFF == 0 && entry != 0 {
        ((entry >> 16) as u8, (entry >> 8) as u32 & 31)
    } else {
        match table.slow.find(cursor.peek(16) as u32) {
            Some(found) => found,
            None => return corrupt("a Huffman code that nobody defined"),
        }
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

/// Decodes AC coefficients from position 1 until the block ends or `until` is reached; gives the position.
#[inline(always)]
fn decode_ac(
    bytes: &[u8],
    cursor: &mut Cursor,
    table: &AcTable,
    order: &[u8; 128],
    block: &mut Block,
    until: u32,
) -> Result<u32> {
    let mut z = 1u32;
    loop {
        cursor.refill(bytes);
        // Two look-ups of at most 12 bits leave room for the 31 of a slow symbol.
        let mut slow = true;
        for _ in 0..3 {
            let entry = table.fast[cursor.peek(AC_BITS)];
            let bits = entry as u32 & 0xFF;
            let first = z + (entry >> 8) as u32 % 256;
            if bits == 0 || first >= 63 {
                slow = true;
                break;
            }
            let second = first + (entry >> 16) as u32 % 256;
            block[usize::from(order[(first & 127) as usize] & 127)] = (entry >> 32) as i16;
            block[usize::from(order[(second & 127) as usize] & 127)] = (entry >> 48) as i16;
            z = second + (entry >> 24) as u32 % 256;
            cursor.drop(bits);
            slow = false;
            if z >= until {
                break;
            }
        }
        if slow {
            cursor.refill(bytes);
            let (before, value, after) = single_ac(cursor, table)?;
            let at = z + before;
            // A run past the block's end is only found here: at is at most 63 + 15.
            if at > 63 {
                return corrupt("a block with too many coefficients");
            }
            block[usize::from(order[at as usize] & 127)] = value;
            z = at + after;
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
fn block_full<const L: u8>(bytes: &[u8], cursor: &mut Cursor, part: &mut Part, out: &mut [u8]) -> Result<()> {
    let mut block: Block = [0; 128];
    cursor.refill(bytes);
    next_dc(cursor, part)?;
    let z = decode_ac(bytes, cursor, &part.ac, &PAIRED, &mut block, 64)?;
    if z == 1 + END {
        let value = idct::flat(part.dc_value as i16, part.quant[0]);
        for row in out[..7 * part.stride + 8].chunks_mut(part.stride) {
            row[..8].fill(value);
        }
        return Ok(());
    }
    if !sound_end(z) {
        return corrupt("a block with too many coefficients");
    }
    block[0] = part.dc_value as i16;
    idct::full::<L>(&block, &part.quant, out, part.stride);
    Ok(())
}

#[inline(always)]
fn block_reduced(bytes: &[u8], cursor: &mut Cursor, part: &mut Part, out: &mut [u8]) -> Result<()> {
    cursor.refill(bytes);
    next_dc(cursor, part)?;
    if part.last == 0 {
        skip_ac(bytes, cursor, &part.ac, 1)?;
        out[0] = idct::flat(part.dc_value as i16, part.quant[0]);
        return Ok(());
    }
    let mut block: Block = [0; 128];
    let mut z = decode_ac(bytes, cursor, &part.ac, &PLAIN, &mut block, part.last + 1)?;
    if z < 64 {
        z = skip_ac(bytes, cursor, &part.ac, z)?;
    }
    if !sound_end(z) {
        return corrupt("a block with too many coefficients");
    }
    block[0] = part.dc_value as i16;
    if part.last < 63 {
        // Two symbols per look-up may have passed the limit by some: the result must not depend on that.
        for &n in &ZIGZAG[part.last as usize + 1..] {
            block[usize::from(n)] = 0;
        }
    }
    match part.block {
        4 => idct::half(&block, &part.quant, out, part.stride),
        2 => idct::quarter(&block, &part.quant, out, part.stride),
        _ => out[0] = idct::flat(block[0], part.quant[0]),
    }
    Ok(())
}

/// Steps over AC symbols from position `z` to the end of the block; the word has at least 27 bits.
#[inline(always)]
fn skip_ac(bytes: &[u8], cursor: &mut Cursor, table: &AcTable, mut z: u32) -> Result<u32> {
    loop {
        // A look-up drops 27 bits at most: one now, one more before the next refill.
        let entry = table.skip[cursor.peek(AC_BITS)];
        let (run, end) = (entry >> 6 & 127, entry >> 13 & 1);
        // Every look-up of several symbols must end inside this block; otherwise one symbol at a time.
        if entry == 0 || z + run + end > 64 {
            z = skip_one(bytes, cursor, table, entry, z)?;
        } else {
            cursor.drop(entry & 63);
            z += run + end * END;
        }
        cursor.refill(bytes);
        if z >= 64 {
            return if sound_end(z) {
                Ok(z)
            } else {
                corrupt("a block with too many coefficients")
            };
        }
    }
}

/// Steps over a single symbol.
#[inline(always)]
fn skip_one(bytes: &[u8], cursor: &mut Cursor, table: &AcTable, entry: u32, z: u32) -> Result<u32> {
    if entry != 0 {
        let (bits, run, end) = (entry >> 16 & 63, entry >> 22 & 127, entry >> 29 & 1);
        cursor.drop(bits);
        return Ok(z + run + end * END);
    }
    cursor.refill(bytes);
    let (before, _, after) = single_ac(cursor, table)?;
    Ok(z + before + after)
}
