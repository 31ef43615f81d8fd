//! Joining: where the lanes meet, and the samples of what they have read.

use super::super::idct::{self, Block};
use super::super::planes::Plane;
use super::{LANES, Lane, MOST, Place, Reached, Stretch};
use std::ops::Range;

/// MCUs whose samples are made at a time.
const ABREAST: usize = 64;

impl Stretch<'_> {
    /// Follows the scan from lane to lane, beginning at MCU `from` of the picture, and writes what was wanted.
    #[inline(always)]
    pub fn join(
        &self,
        lanes: &mut [Lane; LANES],
        block: &mut Block,
        planes: &mut [Plane],
        place: Place<'_>,
        from: usize,
        goal: usize,
    ) -> Reached {
        let (mut n, mut mcu) = (0, from);
        // The MCU of the lane that is the scan's, and how far its DC is off.
        let (mut i, mut off) = (0, [0i32; 3]);
        loop {
            let met = if n + 1 < LANES { self.meet(lanes, block, n, i) } else { None };
            let (end, next) = met.unwrap_or((lanes[n].count, 0));
            let end = end.min(i + goal - mcu);
            self.write(planes, &lanes[n], off, place, i..end, mcu);
            mcu += end - i;
            let dc = lanes[n].dc_before(end, self.parts);
            let dc: [i32; 3] = std::array::from_fn(|k| dc[k].wrapping_add(off[k]));
            if mcu == goal || met.is_none() {
                return Reached { mcu, bit: lanes[n].marks[end], dc };
            }
            (n, i) = (n + 1, next);
            let own = lanes[n].dc_before(i, self.parts);
            off = std::array::from_fn(|k| dc[k].wrapping_sub(own[k]));
        }
    }

    /// Finds where lane `n`, the scan's from its MCU `i` on, meets the next one: the MCU of each.
    #[inline(always)]
    fn meet(&self, lanes: &mut [Lane; LANES], block: &mut Block, n: usize, mut i: usize) -> Option<(usize, usize)> {
        let (before, after) = lanes.split_at_mut(n + 1);
        let (lane, next) = (&mut before[n], &after[0]);
        let mut j = 0;
        loop {
            while j < next.count && next.marks[j] < lane.marks[i] {
                j += 1;
            }
            if j == next.count {
                return None;
            }
            if next.marks[j] == lane.marks[i] {
                return Some((i, j));
            }
            if i == lane.count {
                // Not yet: the scan has to be read on.
                let over = lane.full || lane.count + 1 >= MOST || lane.bit >= self.limit;
                if over || !self.one_mcu(std::array::from_mut(&mut *lane), block)[0] {
                    return None;
                }
                lane.count += 1;
                lane.marks[lane.count] = lane.bit;
            }
            i += 1;
        }
    }

    /// Writes the samples of some MCUs of a lane, as far as they are wanted; the first one is MCU `m` of the picture.
    #[inline(always)]
    fn write(
        &self,
        planes: &mut [Plane],
        lane: &Lane,
        off: [i32; 3],
        place: Place<'_>,
        mcus: Range<usize>,
        mut m: usize,
    ) {
        let Place { layout, nx, .. } = place;
        let mut i = mcus.start;
        while i < mcus.end {
            let (r, c) = (m / nx, m % nx);
            let count = (nx - c).min(mcus.end - i);
            let (from, to) = (c.max(layout.c0), (c + count).min(layout.c1 + 1));
            if (layout.r0..=layout.r1).contains(&r) && from < to {
                self.write_row(planes, lane, off, i + from - c..i + to - c, r - layout.r0, from - layout.c0);
            }
            i += count;
            m += count;
        }
    }

    /// Writes MCUs side by side into row `r` of the wanted ones, from column `c` on.
    #[inline(always)]
    fn write_row(&self, planes: &mut [Plane], lane: &Lane, off: [i32; 3], mcus: Range<usize>, r: usize, c: usize) {
        let mut block = 0;
        for (k, (part, plane)) in self.parts.iter().zip(planes).enumerate() {
            let (off, side) = (off[k] as i16, part.block);
            for y in 0..part.v {
                let row = &mut plane.data[(r * part.v + y) * side * part.stride + c * part.h * side..];
                for (n, mcus) in lane.kept[mcus.clone()].chunks(ABREAST).enumerate() {
                    let mut words = [0; 2 * ABREAST];
                    if part.h == 2 {
                        for (pair, kept) in words.as_chunks_mut::<2>().0.iter_mut().zip(mcus) {
                            *pair = [kept[block], kept[block + 1]];
                        }
                    } else {
                        for (word, kept) in words.iter_mut().zip(mcus) {
                            *word = kept[block];
                        }
                    }
                    let words = &words[..mcus.len() * part.h];
                    let out = &mut row[n * ABREAST * part.h * side..];
                    if self.kept.heads[k] {
                        idct::quarters_of_four(words, off, &part.quant, out, part.stride);
                    } else {
                        for (out, &word) in out.iter_mut().zip(words) {
                            *out = idct::flat((word as i16).wrapping_add(off), part.quant[0]);
                        }
                    }
                }
                block += part.h;
            }
        }
    }
}
