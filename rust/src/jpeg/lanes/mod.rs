//! Several places of one scan read at a time.
//!
//! A look-up waits for the one before it, which says how far to go: most of a processor stands idle meanwhile. So a
//! stretch of the scan is cut into lanes that are read together. All but the first begin anywhere, between two codes or
//! within one, and read nonsense at first. Huffman codes find their way by themselves, though: soon a lane stands where
//! the one before it will arrive, and from there on it has read what would have been read. Where the two meet is looked
//! up in what both have written down; what a lane read before is thrown away, and lanes that are not met are read
//! again. Nothing is guessed: the result, and every error, is that of reading one block after another.

mod join;
mod together;

use super::bits::{Cursor, RESERVE, Window};
use super::idct::Block;
use super::planes::{Layout, Plane};
use super::scan::{FEW, Part};

/// Lanes read at a time: with four the waiting is over, and their bits still fit into registers.
const LANES: usize = 4;
/// A stretch with fewer bytes is read block after block.
const LEAST: usize = 4 * 1024;
/// Rows of MCUs that a lane is meant to read.
const ROWS: usize = 2;
/// MCUs that one lane writes down at most.
const MOST: usize = 4096;
/// Blocks that an MCU has at most.
const BLOCKS: usize = 6;
/// Bytes that lanes may read: a size that compilers know costs less at every read.
const SPAN: usize = 1 << 18;
type Bytes = [u8; SPAN + 8];

/// What the lanes have read, and a block for coefficients on their way.
pub struct Buffers {
    lanes: [Lane; LANES],
    block: Block,
}

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers { lanes: Default::default(), block: [0; 256] }
    }
}

/// One lane, and what it has written down.
#[derive(Default)]
struct Lane {
    /// The bit where it stands.
    bit: usize,
    /// The DC of each component so far; a lane that begins anywhere begins with 0.
    dc: [i32; 3],
    /// The DC it began with.
    first: [i32; 3],
    /// MCUs written down, and the bits where they begin.
    count: usize,
    marks: Vec<usize>,
    /// What is kept of the blocks of each MCU: the DC, and above it what a `Head` has.
    kept: Vec<[u64; BLOCKS]>,
    /// How often it has met what is no MCU.
    failures: usize,
    /// Nothing more is written down.
    full: bool,
}

/// The place of the lanes in the picture.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub layout: &'a Layout,
    /// MCUs across, and in all.
    pub nx: usize,
    pub total: usize,
}

/// Of which components a lane keeps the first coefficients; it keeps the DC of all.
pub struct Kept {
    heads: [bool; 3],
}

impl Kept {
    /// What has to be kept so that the samples can be made later; `None` where that is too much.
    pub fn samples(parts: &[Part]) -> Option<Kept> {
        let small = |p: &Part| p.last == 0 && p.block == 1 || p.last == FEW && p.block == 2;
        Kept::of(parts, |p| p.last == FEW).filter(|_| parts.iter().all(small))
    }

    /// What has to be kept so that the scan can go on behind it.
    pub fn nothing(parts: &[Part]) -> Option<Kept> {
        Kept::of(parts, |_| false)
    }

    fn of(parts: &[Part], heads: impl Fn(&Part) -> bool) -> Option<Kept> {
        let blocks: usize = parts.iter().map(|p| p.h * p.v).sum();
        let heads = std::array::from_fn(|k| parts.get(k).is_some_and(&heads));
        (blocks <= BLOCKS && parts.iter().all(|p| p.runs)).then_some(Kept { heads })
    }
}

/// Valid bytes that a window has to hold for lanes.
pub const ROOM: usize = SPAN - RESERVE;

/// A part of the scan that lies in the window.
struct Stretch<'a> {
    bytes: &'a Bytes,
    /// The bit before which an MCU begins that may be read.
    limit: usize,
    parts: &'a [Part],
    kept: &'a Kept,
}

/// Where a stretch was left: before an MCU of the picture, at a bit, with the DC of each component.
struct Reached {
    mcu: usize,
    bit: usize,
    dc: [i32; 3],
}

/// Reads from MCU `from` on towards `goal`, as far as there are enough bytes for lanes; gives the MCU it has come to.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // the scan, what is read into, and from where to where
pub fn read(
    window: &mut Window<'_>,
    cursor: &mut Cursor,
    parts: &mut [Part],
    planes: &mut [Plane],
    buffers: &mut Buffers,
    kept: &Kept,
    place: Place<'_>,
    from: usize,
    goal: usize,
) -> usize {
    let Buffers { lanes, block } = buffers;
    let mut m = from;
    // Lanes over the same columns of a few rows take about the same bytes.
    let plenty = (LANES * ROWS * place.nx).min(LANES * MOST * 3 / 4);
    // Bits and MCUs of which it is known that they belong together: the whole rest, then the last stretch.
    let mut known = ((window.rest(cursor) * 8) as u64, (place.total - m) as u64);
    while m < goal {
        window.advance(cursor, LEAST + RESERVE);
        let expected = known.0 / 8 * plenty.min(goal - m) as u64 / known.1;
        let length = window.ahead(cursor).saturating_sub(RESERVE).min(expected as usize);
        let Some(bytes) = window.bytes().first_chunk().filter(|_| length >= LEAST) else { break };
        let (start, limit) = (cursor.bit(), (cursor.at + length) * 8);
        let stretch = Stretch { bytes, limit, parts, kept };
        stretch.together(start, lanes, block);
        let reached = stretch.join(lanes, block, planes, place, m, goal);
        if reached.mcu == m {
            // What stands here is no MCU: whoever reads it by itself says so.
            break;
        }
        known = ((reached.bit - start) as u64, (reached.mcu - m) as u64);
        m = reached.mcu;
        *cursor = Cursor::at_bit(bytes, reached.bit);
        for (part, dc) in parts.iter_mut().zip(reached.dc) {
            part.dc_value = dc;
        }
    }
    m
}

impl Lane {
    /// Forgets what was read, and begins at a bit.
    fn begin(&mut self, bit: usize, dc: [i32; 3]) {
        (self.bit, self.dc, self.first, self.count) = (bit, dc, dc, 0);
        self.marks[0] = bit;
    }

    /// The DC before MCU `n`.
    fn dc_before(&self, n: usize, parts: &[Part]) -> [i32; 3] {
        let mut dc = self.first;
        if n > 0 {
            let mut block = 0;
            for (dc, part) in dc.iter_mut().zip(parts) {
                block += part.h * part.v;
                *dc = i32::from(self.kept[n - 1][block - 1] as i16);
            }
        }
        dc
    }
}
