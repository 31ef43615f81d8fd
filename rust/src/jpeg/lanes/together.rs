//! Reading: one MCU after another in all lanes at once, without a branch that depends on what is read.

use super::super::bits::Cursor;
use super::super::huffman::{AC_BITS, DC_BITS, END, Head, RUN_STEP, SKIP_BITS, STUCK};
use super::super::idct::{Block, PLAIN};
use super::super::scan::{FEW, Part, decode_ac, next_dc, single_ac, skip_ac};
use super::{BLOCKS, Bytes, LANES, Lane, MOST, SPAN, Stretch};
use std::hint::select_unpredictable;

impl Stretch<'_> {
    /// Reads MCUs of all lanes from `start` on, until all but one have come into the next one.
    #[inline(always)]
    pub fn together(&self, start: usize, lanes: &mut [Lane; LANES], block: &mut Block) {
        let limit = self.limit;
        let begins: [usize; LANES + 1] =
            std::array::from_fn(|n| if n < LANES { start + (limit - start) / LANES * n } else { limit });
        for (n, lane) in lanes.iter_mut().enumerate() {
            lane.marks.resize(MOST + 1, 0);
            lane.kept.resize(MOST + 1, [0; BLOCKS]);
            (lane.failures, lane.full) = (0, false);
            lane.begin(begins[n], [0; 3]);
        }
        let mut dc = [0; 3];
        for (dc, part) in dc.iter_mut().zip(self.parts) {
            *dc = part.dc_value;
        }
        lanes[0].begin(start, dc);
        let mut through = [false; LANES];
        // What one lane has left is not worth the others' company.
        while through.iter().filter(|&&t| t).count() + 1 < LANES {
            let sound = self.one_mcu(lanes, block);
            for (n, lane) in lanes.iter_mut().enumerate() {
                if !sound[n] && n == 0 {
                    // The first lane is where the scan is: it ends here, whatever the others have read behind it.
                    lane.bit = lane.marks[lane.count];
                    lane.full = true;
                    through = [true; LANES];
                    continue;
                }
                if lane.full {
                    // It goes on with the others, but to no purpose.
                    lane.bit = begins[n];
                    continue;
                }
                if sound[n] {
                    lane.count += 1;
                } else {
                    // Nonsense, or damage that the lane before will come upon. Ever longer steps: no file may hold up
                    // a lane for long.
                    lane.failures += 1;
                    lane.begin((lane.marks[lane.count] + 8 * lane.failures).min(limit), [0; 3]);
                }
                lane.full = lane.bit >= limit || lane.count == MOST;
                lane.marks[lane.count] = lane.bit;
                through[n] |= lane.full || lane.bit >= begins[n + 1];
            }
        }
    }

    /// Reads one MCU in each of some lanes; says in which there was one.
    #[inline(always)]
    pub fn one_mcu<const N: usize>(&self, lanes: &mut [Lane; N], block: &mut Block) -> [bool; N] {
        let Stretch { bytes, parts, kept, .. } = *self;
        let (mut sound, mut bits) = ([true; N], std::array::from_fn(|n| lanes[n].bit));
        let (mut records, mut b) = ([[0; BLOCKS]; N], 0);
        for (k, part) in parts.iter().enumerate() {
            for _ in 0..part.h * part.v {
                let mut words = [0; N];
                for n in 0..N {
                    let dc = &mut lanes[n].dc[k];
                    words[n] = one_dc(bytes, part, bits[n], dc, &mut sound[n]);
                    records[n][b] = u64::from(*dc as u16);
                }
                if kept.heads[k] {
                    let mut z = [0; N];
                    for n in 0..N {
                        let values;
                        (words[n], values, z[n]) = one_head(bytes, part, &mut bits[n], words[n], block, &mut sound[n]);
                        records[n][b] |= values;
                    }
                    step_over(bytes, &mut bits, part, words, z, &mut sound);
                } else {
                    step_over(bytes, &mut bits, part, words, [1; N], &mut sound);
                }
                b += 1;
            }
        }
        for n in 0..N {
            let lane = &mut lanes[n];
            lane.bit = bits[n];
            lane.kept[lane.count] = records[n];
        }
        sound
    }
}

/// At least 57 bits from `bit` on, at the top.
#[inline(always)]
fn word_at(bytes: &Bytes, bit: usize) -> u64 {
    // Lanes never come so far that this changes anything; without it they would have to be asked.
    let at = bit / 8 % SPAN;
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(word) << (bit % 8)
}

/// A word from `bit` on, with a bit behind those that may be dropped: it tells how many were, by the zeros below it.
#[inline(always)]
fn counting(bytes: &Bytes, bit: usize) -> u64 {
    word_at(bytes, bit) | 1
}

/// Reads the DC difference; gives the word behind it, in which there are bits for one more look-up.
#[inline(always)]
fn one_dc(bytes: &Bytes, part: &Part, bit: usize, dc: &mut i32, sound: &mut bool) -> u64 {
    let word = counting(bytes, bit);
    let code = u32::from(part.dc.codes[(word >> (64 - DC_BITS)) as usize]);
    if code == 0 {
        return long_dc(bytes, part, bit, dc, sound);
    }
    let (length, s) = (code & 255, code >> 8);
    let rest = word << length;
    // As `extend` does it, for any size without a branch.
    let below = ((1i32 << s) - 1) & !((rest as i64 >> 63) as i32);
    *dc = dc.wrapping_add((rest >> 1 >> (63 - s)) as i32 - below);
    rest << s
}

/// A DC whose code is longer than the look-up.
#[cold]
#[inline(never)]
fn long_dc(bytes: &Bytes, part: &Part, bit: usize, dc: &mut i32, sound: &mut bool) -> u64 {
    let mut cursor = Cursor::at_bit(bytes, bit);
    *sound &= next_dc(&mut cursor, &part.dc, dc).is_ok();
    counting(bytes, bit) << (cursor.bit() - bit)
}

/// Reads the first coefficients of a block: a word behind them that begins where the lane then stands, the coefficients
/// as a `Head` has them, and the position behind them.
#[inline(always)]
fn one_head(
    bytes: &Bytes,
    part: &Part,
    bit: &mut usize,
    word: u64,
    block: &mut Block,
    sound: &mut bool,
) -> (u64, u64, u32) {
    let heads = part.ac.heads();
    let first = heads[(word >> (64 - AC_BITS)) as usize];
    let second = heads[(word << first.bits() >> (64 - AC_BITS)) as usize];
    let head = first.then(select_unpredictable(first.after() < FEW, second, Head::default()));
    *bit += (word << head.bits()).trailing_zeros() as usize;
    let (values, z) = if head.after() < FEW {
        long_head(bytes, part, bit, head, block, sound)
    } else {
        (head.values(), 1 + head.after())
    };
    (counting(bytes, *bit), values, z)
}

/// First coefficients that go on behind two look-ups.
#[inline(never)]
fn long_head(
    bytes: &Bytes,
    part: &Part,
    bit: &mut usize,
    head: Head,
    block: &mut Block,
    sound: &mut bool,
) -> (u64, u32) {
    let mut cursor = Cursor::at_bit(bytes, *bit);
    [block[1], block[8], block[9]] = [1, 2, 4].map(|position| Head::value(head.values(), position));
    let z = decode_ac(bytes, &mut cursor, &part.ac, &PLAIN, block, 1 + head.after(), FEW + 1);
    // Values that no file has are for the single reader as well.
    let values = Head::new(0, 0, [block[1], block[8], 0, block[9]]);
    *sound &= z.is_ok() && values.is_some();
    *bit = cursor.bit();
    (values.unwrap_or_default().values(), z.unwrap_or(64))
}

/// Steps over AC coefficients, from positions `from` to the end of the block, in every lane. The words begin where the
/// lanes stand, and tell how many of their bits were read.
#[inline(always)]
fn step_over<const N: usize>(
    bytes: &Bytes,
    bits: &mut [usize; N],
    part: &Part,
    mut words: [u64; N],
    from: [u32; N],
    sound: &mut [bool; N],
) {
    // The positions in the blocks, 16 bits each. Four words of their own a compiler would move into a vector, and from
    // there it is a long way to the look-ups. Positions of no lane are through.
    const THROUGH: u64 = 0x0040_0040_0040_0040;
    let table = part.ac.skip();
    let step = |words: &mut [u64; N], z: &mut u64| {
        let before = *z;
        for n in 0..N {
            let run = u64::from(table[(words[n] >> (64 - SKIP_BITS)) as usize]);
            // Who is through waits for the others.
            let run = select_unpredictable(before >> (16 * n) & 0x3C0 == 0, run, 0);
            words[n] <<= run & 63;
            *z += run >> RUN_STEP << (16 * n);
        }
    };
    let mut z: u64 = (0..LANES).map(|n| u64::from(if n < N { from[n] } else { 64 }) << (16 * n)).sum();
    let behind = words;
    step(&mut words, &mut z);
    let mut ahead: [usize; N] = std::array::from_fn(|n| bits[n] + words[n].trailing_zeros() as usize);
    while (z | z >> 1) & THROUGH != THROUGH {
        if z & (THROUGH << 3) != 0 {
            for n in 0..N {
                let own = (z >> (16 * n)) as u32 & 0xFFFF;
                if own & STUCK != 0 {
                    let to;
                    (ahead[n], to) = one_code(bytes, part, ahead[n], own - STUCK, &mut sound[n]);
                    z = z & !(0xFFFF << (16 * n)) | u64::from(to) << (16 * n);
                }
            }
            continue;
        }
        words = ahead.map(|bit| counting(bytes, bit));
        // A look-up drops 28 bits at most: there is room for two.
        step(&mut words, &mut z);
        step(&mut words, &mut z);
        for n in 0..N {
            ahead[n] += words[n].trailing_zeros() as usize;
        }
    }
    // Nearly always an end of block was met before 64.
    if N == LANES && z & (THROUGH | THROUGH << 1) == THROUGH << 1 {
        *bits = ahead;
        return;
    }
    for n in 0..N {
        let z = (z >> (16 * n)) as u32 & 0xFFFF;
        // At 64, or at an end of block met before.
        if z == 64 || (z & END != 0 && z & 127 < 64) {
            bits[n] = ahead[n];
        } else {
            // A run over the end: the steps are taken once more, one by one.
            let first = bits[n] + behind[n].trailing_zeros() as usize;
            (bits[n], sound[n]) = step_by_step(bytes, part, first, from[n], sound[n]);
        }
    }
}

/// Steps over a code that is longer than the look-up: the bit and the position behind it.
#[inline(never)]
fn one_code(bytes: &Bytes, part: &Part, bit: usize, z: u32, sound: &mut bool) -> (usize, u32) {
    let mut cursor = Cursor::at_bit(bytes, bit);
    let z = match single_ac(&mut cursor, &part.ac, None) {
        Ok((before, _, after)) => z + before + after,
        Err(_) => {
            *sound = false;
            64
        }
    };
    (cursor.bit(), z)
}

#[cold]
#[inline(never)]
fn step_by_step(bytes: &Bytes, part: &Part, bit: usize, z: u32, sound: bool) -> (usize, bool) {
    let mut cursor = Cursor::at_bit(bytes, bit);
    let sound = sound & skip_ac(bytes, &mut cursor, part, z).is_ok();
    (cursor.bit(), sound)
}
