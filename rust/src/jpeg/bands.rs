//! AC coefficients of one block in a progressive scan: first their upper bits, then one more bit at a time.

use super::bits::Cursor;
use super::header::HuffSpec;
use super::huffman::{Canonical, extend, prefix_table};
use crate::error::{Result, corrupt};

/// Bits of one look-up.
const LOOK: u32 = 10;

/// One look-up of a first AC scan: a coefficient whole, or (value 0) length and symbol; `bits` 0: a longer code.
#[derive(Clone, Copy, Default)]
#[repr(C, align(4))]
struct First {
    bits: u8,
    run: u8,
    value: i16,
}

pub struct FirstTable {
    fast: Box<[First; 1 << LOOK]>,
    slow: Canonical,
    low: u32,
}

impl FirstTable {
    pub fn new(spec: &HuffSpec, low: u32) -> FirstTable {
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
pub struct MoreTable {
    fast: Vec<u16>,
    slow: Canonical,
}

impl MoreTable {
    pub fn new(spec: &HuffSpec) -> MoreTable {
        MoreTable { fast: prefix_table(spec, LOOK), slow: Canonical::new(spec) }
    }
}

#[inline(always)]
fn place(order: &[u8; 256], k: u32) -> usize {
    usize::from(order[(k & 63) as usize] & 63)
}

/// Reads one block; gives the empty blocks that follow it.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub fn first_block(
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

/// One more bit for every coefficient of `which`, away from zero where it is set.
#[inline(always)]
pub fn add_bits(
    bytes: &[u8],
    cursor: &mut Cursor,
    mut which: u64,
    order: &[u8; 256],
    values: &mut [i16; 64],
    one: i16,
) {
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
#[allow(clippy::too_many_arguments)]
pub fn more_block(
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
