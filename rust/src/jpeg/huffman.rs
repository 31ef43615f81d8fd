//! Huffman tables made for speed: two AC coefficients per look-up, and runs of symbols skipped at once.
//!
//! Files may bring tables of their own, so that making them must be quick too: both are put together from shorter
//! look-ups, entry by entry, without walking any code bit by bit.

use super::header::HuffSpec;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

pub const AC_BITS: u32 = 12;
pub const AC_SIZE: usize = 1 << AC_BITS;
pub const SKIP_BITS: u32 = 13;
pub const SKIP_SIZE: usize = 1 << SKIP_BITS;
pub const DC_BITS: u32 = 10;
pub const DC_SIZE: usize = 1 << DC_BITS;
/// Added to the position in the block by an end of block, so that one comparison ends every loop.
pub const END: u32 = 128;

/// Canonical decoding, all code lengths at once: the way out when a code is longer than the tables.
pub struct Canonical {
    /// The first 16 bits that are beyond the codes of each length, from 1 on.
    limit: [u32; 16],
    delta: [i32; 16],
    values: [u8; 256],
}

impl Canonical {
    pub fn new(spec: &HuffSpec) -> Canonical {
        let (mut limit, mut delta) = ([0u32; 16], [0i32; 16]);
        let (mut code, mut k) = (0u32, 0i32);
        for n in 0..16 {
            delta[n] = k - code as i32;
            code += u32::from(spec.bits[n + 1]);
            k += i32::from(spec.bits[n + 1]);
            limit[n] = code << (15 - n);
            code <<= 1;
        }
        Canonical { limit, delta, values: spec.values }
    }

    /// The symbol at the head of `top` (the next 16 bits) and its length; `None` for a code nobody defined.
    #[inline]
    pub fn find(&self, top: u32) -> Option<(u8, u32)> {
        // Limits rise with the length, so that a sum needs no branch.
        let n: u32 = self.limit.iter().map(|&limit| u32::from(top >= limit)).sum();
        let index = (top >> (15 - n.min(15))) as i32 + self.delta.get(n as usize)?;
        Some((self.values[(index & 255) as usize], n + 1))
    }
}

/// `s` extra bits to a signed value.
#[inline(always)]
pub fn extend(bits: u32, s: u32) -> i32 {
    // s is 1..=15 here
    let v = bits as i32;
    if bits >> (s - 1) == 0 { v - (1 << s) + 1 } else { v }
}

/// Length and symbol for every prefix of `bits` bits: `length << 8 | symbol`, 0 when the code is longer.
pub fn prefix_table(spec: &HuffSpec, bits: u32) -> Vec<u16> {
    let mut table = vec![0u16; 1 << bits];
    let (mut code, mut k) = (0usize, 0usize);
    for length in 1..=bits {
        for _ in 0..spec.bits[length as usize] {
            let span = 1usize << (bits - length);
            let entry = (length as u16) << 8 | u16::from(spec.values[k]);
            // The parser has checked that the codes fit; min keeps a wrong table from reaching further.
            let (from, to) = ((code * span).min(table.len()), ((code + 1) * span).min(table.len()));
            table[from..to].fill(entry);
            code += 1;
            k += 1;
        }
        code <<= 1;
    }
    table
}

pub struct DcTable {
    /// `difference << 16 | length in bits`, 0 when it does not fit.
    pub fast: Box<[i32; DC_SIZE]>,
    /// `size << 8 | length` of the code alone, 0 when it does not fit.
    pub codes: Box<[u16; DC_SIZE]>,
    pub slow: Canonical,
    spec: HuffSpec,
}

impl DcTable {
    pub fn new(spec: &HuffSpec) -> DcTable {
        let prefix = prefix_table(spec, DC_BITS);
        let mut fast = Box::new([0i32; DC_SIZE]);
        let mut codes = Box::new([0u16; DC_SIZE]);
        for (i, out) in fast.iter_mut().enumerate() {
            let (length, s) = (u32::from(prefix[i] >> 8), u32::from(prefix[i] & 15));
            codes[i] = (s << 8 | length) as u16;
            if length == 0 || length + s > DC_BITS {
                continue;
            }
            let extra = (i as u32 >> (DC_BITS - length - s)) & ((1 << s) - 1);
            let value = if s == 0 { 0 } else { extend(extra, s) };
            *out = value << 16 | (length + s) as i32;
        }
        DcTable { fast, codes, slow: Canonical::new(spec), spec: spec.clone() }
    }

    pub fn is_for(&self, spec: &HuffSpec) -> bool {
        self.spec == *spec
    }
}

/// One look-up of the AC table: up to two coefficients.
///
/// `to_first`, `to_second` and `after` are positions from where the block stands. With one coefficient the second value
/// is a zero written where the next one will be, so that no branch is needed. `bits` 0 means that a slower way must be
/// taken: by `code` (length and symbol; the extra bits lie beyond the look-up), or, where that is not given, by `slow`.
#[derive(Clone, Copy, Default)]
#[repr(C, align(8))]
pub struct Pair {
    pub bits: u8,
    pub to_first: u8,
    pub to_second: u8,
    pub after: u8,
    pub first: i16,
    pub second: i16,
}

impl Pair {
    fn medium(code: u8, symbol: u8) -> Pair {
        Pair { to_first: code, to_second: symbol, ..Pair::default() }
    }

    /// Length and symbol of a code whose extra bits lie beyond the look-up.
    #[inline(always)]
    pub fn code(&self) -> Option<(u8, u32)> {
        (self.to_first != 0).then_some((self.to_second, u32::from(self.to_first)))
    }
}

/// Runs of symbols at once: the bits and positions of as many as fit; an end of block adds END. `bits` 0 means: one
/// symbol at a time.
#[derive(Clone, Copy, Default)]
struct Skip {
    bits: u8,
    step: u8,
}

/// A run as one word: its bits, and its step `RUN_STEP` bits higher. Where it gives no bits, the step is STUCK.
pub type Run = u16;
pub const RUN_STEP: u32 = 6;
/// Added to the position in the block where a code must be looked up by itself.
pub const STUCK: u32 = 512;

/// The first coefficients of a block: how far they go, 8 bits each, and above that those at positions 1 to 4, 12 bits
/// each, which is more than a look-up of 12 bits can give.
#[derive(Clone, Copy, Default)]
pub struct Head(u64);

/// Coefficients that a head has, and the bits of each.
const HEAD: usize = 4;
const HEAD_BITS: u32 = 12;

impl Head {
    /// What has read `bits` up to position `after`; `None` if a value is too large.
    pub fn new(bits: u32, after: u32, values: [i16; HEAD]) -> Option<Head> {
        let mut word = u64::from(bits) | u64::from(after) << 8;
        for (value, shift) in values.into_iter().zip((16..).step_by(HEAD_BITS as usize)) {
            let most = 1 << (HEAD_BITS - 1);
            if !(-most..most).contains(&value) {
                return None;
            }
            word |= u64::from(value as u16 & ((1 << HEAD_BITS) - 1)) << shift;
        }
        Some(Head(word))
    }

    /// The bits that were read.
    #[inline(always)]
    pub fn bits(self) -> u32 {
        self.0 as u32 & 63
    }

    /// Positions behind the DC that were read; from 4 on these are all that count.
    #[inline(always)]
    pub fn after(self) -> u32 {
        self.0 as u32 >> 8 & 255
    }

    /// The head of a block that begins with this one, of less than four positions, and goes on with another.
    #[inline(always)]
    pub fn then(self, next: Head) -> Head {
        let values = next.0 & !0xFFFF;
        Head(self.0 + (next.0 & 0xFFFF) + (values << ((HEAD_BITS * self.after()) & 63)))
    }

    /// The coefficients above, with room for a DC below them.
    #[inline(always)]
    pub fn values(self) -> u64 {
        self.0 & !0xFFFF
    }

    /// A coefficient, from a word that `values` made.
    #[inline(always)]
    pub fn value(word: u64, position: u32) -> i16 {
        (word << (64 - 16 - HEAD_BITS * position) >> (64 - HEAD_BITS - 4)) as i16 >> 4
    }
}

pub struct AcTable {
    pub fast: Box<[Pair; AC_SIZE]>,
    pub slow: Canonical,
    skip: OnceLock<Box<[Run; SKIP_SIZE]>>,
    heads: OnceLock<Box<[Head; AC_SIZE]>>,
    uses: AtomicU32,
    spec: HuffSpec,
}

/// What a symbol does: positions before its coefficient, positions after, size of its value; `None` if it may not occur.
fn meaning(symbol: u32) -> Option<(u32, u32, u32)> {
    match (symbol >> 4, symbol & 15) {
        (0, 0) => Some((0, END, 0)),
        (15, 0) => Some((15, 1, 0)),
        (_, 0) => None,
        (run, s) => Some((run, 1, s)),
    }
}

impl AcTable {
    pub fn new(spec: &HuffSpec) -> AcTable {
        let prefix = prefix_table(spec, AC_BITS);
        let mut fast = Box::new([Pair::default(); AC_SIZE]);
        // Every first symbol alone: all indices with the same code and the same extra bits are alike.
        let mut at = 0;
        while at < AC_SIZE {
            let entry = prefix[at];
            let (length, symbol) = (u32::from(entry >> 8), u32::from(entry & 255));
            if length == 0 {
                at += 1;
                continue;
            }
            let span = 1 << (AC_BITS - length);
            let Some((before, after, s)) = meaning(symbol) else {
                // Reserved symbols stay empty: the slow path refuses them.
                at += span;
                continue;
            };
            if length + s > AC_BITS {
                fast[at..at + span].fill(Pair::medium(length as u8, symbol as u8));
                at += span;
                continue;
            }
            let part = span >> s;
            for extra in 0..1u32 << s {
                let value = if s == 0 { 0 } else { extend(extra, s) };
                let end = after == END;
                let alone = Pair {
                    bits: (length + s) as u8,
                    to_first: before as u8,
                    to_second: if end { 0 } else { (before + after) as u8 },
                    after: (before + after) as u8,
                    first: value as i16,
                    second: 0,
                };
                fast[at..at + part].fill(alone);
                at += part;
            }
        }
        // Then the second one, where it lies whole within the look-up.
        let alone = fast.clone();
        for i in 0..AC_SIZE {
            let first = alone[i];
            let bits = u32::from(first.bits);
            if bits == 0 || u32::from(first.after) >= END || bits >= AC_BITS {
                continue;
            }
            let second = alone[(i << bits) & (AC_SIZE - 1)];
            if second.bits != 0 && bits + u32::from(second.bits) <= AC_BITS {
                let pair = &mut fast[i];
                pair.bits += second.bits;
                pair.to_second = first.after + second.to_first;
                pair.after = first.after + second.after;
                pair.second = second.first;
            }
        }
        let (skip, heads) = (OnceLock::new(), OnceLock::new());
        AcTable { fast, slow: Canonical::new(spec), skip, heads, uses: AtomicU32::new(0), spec: spec.clone() }
    }

    /// How many pictures have used this table, this one included.
    pub fn used(&self) -> u32 {
        self.uses.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// The table of runs; made when it is first needed.
    pub fn skip(&self) -> &[Run; SKIP_SIZE] {
        self.skip.get_or_init(|| skip_table(&self.spec))
    }

    /// The table of first coefficients; made when it is first needed.
    pub fn heads(&self) -> &[Head; AC_SIZE] {
        self.heads.get_or_init(|| head_table(&self.spec))
    }

    pub fn is_for(&self, spec: &HuffSpec) -> bool {
        self.spec == *spec
    }
}

/// One symbol after another within the same bits, as far as they go.
fn head_table(spec: &HuffSpec) -> Box<[Head; AC_SIZE]> {
    let prefix = prefix_table(spec, AC_BITS);
    let mut out = Box::new([Head::default(); AC_SIZE]);
    for (i, head) in out.iter_mut().enumerate() {
        let (mut after, mut bits, mut values) = (0, 0, [0; HEAD]);
        while after < HEAD as u32 {
            let entry = prefix[i << bits & (AC_SIZE - 1)];
            let (length, symbol) = (u32::from(entry >> 8), u32::from(entry & 255));
            let Some((before, behind, s)) = meaning(symbol).filter(|_| length != 0) else { break };
            let end = bits + length + s;
            if end > AC_BITS {
                break;
            }
            if s > 0
                && let Some(value) = values.get_mut((after + before) as usize)
            {
                *value = extend((i >> (AC_BITS - end)) as u32 & ((1 << s) - 1), s) as i16;
            }
            (bits, after) = (end, after + before + behind);
        }
        *head = Head::new(bits, after, values).unwrap_or_default();
    }
    out
}

/// Runs within ever more bits: what follows the first symbol is a run within fewer.
fn skip_table(spec: &HuffSpec) -> Box<[Run; SKIP_SIZE]> {
    let prefix = prefix_table(spec, SKIP_BITS);
    // Level r holds the runs whose codes all lie within r bits, at 2^r .. 2^(r + 1).
    let mut levels = vec![Skip::default(); 2 * SKIP_SIZE];
    for r in 1..=SKIP_BITS {
        let base = 1usize << r;
        for j in 0..base {
            let entry = prefix[j << (SKIP_BITS - r)];
            let (length, symbol) = (u32::from(entry >> 8), u32::from(entry & 255));
            let Some((before, after, s)) = meaning(symbol).filter(|_| length != 0 && length <= r) else { continue };
            let used = length + s;
            let mut skip = Skip { bits: used as u8, step: (before + after) as u8 };
            // The extra bits of the last symbol may lie beyond: only their number matters.
            if after != END && used < r {
                let left = r - used;
                let rest = levels[(1 << left) + (j & ((1 << left) - 1))];
                let step = u32::from(skip.step) + u32::from(rest.step & 127);
                // Without an end of block a step stays below END, whatever the table.
                if rest.bits != 0 && step <= 64 {
                    skip.bits += rest.bits;
                    skip.step += rest.step;
                }
            }
            levels[base + j] = skip;
        }
    }
    let mut out = Box::new([0; SKIP_SIZE]);
    for (out, skip) in out.iter_mut().zip(&levels[SKIP_SIZE..]) {
        let step = if skip.bits == 0 { STUCK as u16 } else { u16::from(skip.step) };
        *out = step << RUN_STEP | u16::from(skip.bits);
    }
    out
}

/// Huffman tables of earlier pictures: most files use the standard ones.
#[derive(Default)]
pub struct TableCache {
    dc: Vec<Arc<DcTable>>,
    ac: Vec<Arc<AcTable>>,
}

const CACHED: usize = 8;

impl TableCache {
    pub fn dc(&mut self, spec: &HuffSpec) -> Arc<DcTable> {
        if let Some(table) = self.dc.iter().find(|t| t.is_for(spec)) {
            return table.clone();
        }
        if self.dc.len() == CACHED {
            self.dc.remove(0);
        }
        self.dc.push(Arc::new(DcTable::new(spec)));
        self.dc[self.dc.len() - 1].clone()
    }

    pub fn ac(&mut self, spec: &HuffSpec) -> Arc<AcTable> {
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
