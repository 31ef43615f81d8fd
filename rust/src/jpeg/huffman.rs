//! Huffman tables made for speed: two AC coefficients per look-up, and runs of symbols skipped at once.

use super::header::HuffSpec;

pub const AC_BITS: u32 = 12;
pub const AC_SIZE: usize = 1 << AC_BITS;
pub const DC_BITS: u32 = 10;
pub const DC_SIZE: usize = 1 << DC_BITS;
/// Added to the position in the block by an end of block, so that one comparison ends every loop.
pub const END: u32 = 128;

/// Canonical decoding, one code length after another: the way out when a code is longer than the tables.
pub struct Canonical {
    limit: [u32; 17],
    delta: [i32; 17],
    values: [u8; 256],
}

impl Canonical {
    fn new(spec: &HuffSpec) -> Canonical {
        let (mut limit, mut delta) = ([0u32; 17], [0i32; 17]);
        let (mut code, mut k) = (0u32, 0i32);
        for length in 1..=16 {
            delta[length] = k - code as i32;
            code += u32::from(spec.bits[length]);
            k += i32::from(spec.bits[length]);
            limit[length] = code << (16 - length);
            code <<= 1;
        }
        Canonical {
            limit,
            delta,
            values: spec.values,
        }
    }

    /// The symbol at the head of `top` (the next 16 bits) and its length; `None` for a code nobody defined.
    #[inline]
    pub fn find(&self, top: u32) -> Option<(u8, u32)> {
        for length in 1..=16usize {
            if top < self.limit[length] {
                let index = (top >> (16 - length)) as i32 + self.delta[length];
                return Some((self.values[(index & 255) as usize], length as u32));
            }
        }
        None
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
fn prefix_table(spec: &HuffSpec, bits: u32, table: &mut [u16]) {
    table.fill(0);
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
}

pub struct DcTable {
    /// `difference << 16 | length in bits`, 0 when it does not fit.
    pub fast: Box<[i32; DC_SIZE]>,
    pub slow: Canonical,
    spec: HuffSpec,
}

impl DcTable {
    pub fn new(spec: &HuffSpec) -> DcTable {
        let mut prefix = [0u16; DC_SIZE];
        prefix_table(spec, DC_BITS, &mut prefix);
        let mut fast = Box::new([0i32; DC_SIZE]);
        for (i, out) in fast.iter_mut().enumerate() {
            let (length, s) = (u32::from(prefix[i] >> 8), u32::from(prefix[i] & 15));
            if length == 0 || length + s > DC_BITS {
                continue;
            }
            let extra = (i as u32 >> (DC_BITS - length - s)) & ((1 << s) - 1);
            let value = if s == 0 { 0 } else { extend(extra, s) };
            *out = value << 16 | (length + s) as i32;
        }
        DcTable {
            fast,
            slow: Canonical::new(spec),
            spec: spec.clone(),
        }
    }

    pub fn is_for(&self, spec: &HuffSpec) -> bool {
        self.spec == *spec
    }
}

/// One look-up of the AC table: up to two coefficients.
///
/// `to_first`, `to_second` and `after` are positions from where the block stands. With one coefficient the second value
/// is a zero written where the next one will be, so that no branch is needed. `bits` 0 means that a slower way must be
/// taken: by `code` bits and `symbol` (the extra bits lie beyond the look-up), or, where `code` is 0 too, by `slow`.
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

/// Runs of symbols at once: bits and positions of as many as fit, and of the first alone; an end of block adds END.
/// `bits` 0 means: use `slow`.
#[derive(Clone, Copy, Default)]
#[repr(C, align(4))]
pub struct Skip {
    pub bits: u8,
    pub step: u8,
    pub first_bits: u8,
    pub first_step: u8,
}

pub struct AcTable {
    pub fast: Box<[Pair; AC_SIZE]>,
    pub skip: Box<[Skip; AC_SIZE]>,
    pub slow: Canonical,
    spec: HuffSpec,
}

impl AcTable {
    pub fn new(spec: &HuffSpec) -> AcTable {
        let mut prefix = vec![0u16; AC_SIZE];
        prefix_table(spec, AC_BITS, &mut prefix);
        let mut fast = Box::new([Pair::default(); AC_SIZE]);
        let mut skip = Box::new([Skip::default(); AC_SIZE]);
        // One symbol with its value: steps before, steps after, value, bits; bits 0 when it does not fit.
        let single = |index: usize| -> Option<(u32, u32, i32, u32)> {
            let entry = prefix[index];
            let (length, symbol) = (u32::from(entry >> 8), u32::from(entry & 255));
            let (run, s) = (symbol >> 4, symbol & 15);
            if length == 0 || length + s > AC_BITS {
                return None;
            }
            match (run, s) {
                (0, 0) => Some((0, END, 0, length)),
                (15, 0) => Some((15, 1, 0, length)),
                (_, 0) => None,
                _ => {
                    let extra = (index as u32 >> (AC_BITS - length - s)) & ((1 << s) - 1);
                    Some((run, 1, extend(extra, s), length + s))
                }
            }
        };
        for i in 0..AC_SIZE {
            fast[i] = match single(i) {
                None => {
                    let (length, symbol) = ((prefix[i] >> 8) as u8, prefix[i] as u8);
                    // Reserved symbols (no value, run neither 0 nor 15) stay empty: the slow path refuses them.
                    if length == 0 || symbol & 15 == 0 { Pair::default() } else { Pair::medium(length, symbol) }
                }
                Some((before, after, value, bits)) => {
                    let second = if after == END { None } else { single((i << bits) & (AC_SIZE - 1)) };
                    let mut entry = Pair {
                        bits: bits as u8,
                        to_first: before as u8,
                        to_second: (before + after) as u8,
                        after: (before + after) as u8,
                        first: value as i16,
                        second: 0,
                    };
                    match second {
                        Some((before2, after2, value2, bits2)) if bits + bits2 <= AC_BITS => {
                            entry.bits = (bits + bits2) as u8;
                            entry.to_second = (before + 1 + before2) as u8;
                            entry.after = (before + 1 + before2 + after2) as u8;
                            entry.second = value2 as i16;
                        }
                        _ if after == END => entry.to_second = 0,
                        _ => {}
                    }
                    entry
                }
            };
            skip[i] = skip_entry(&prefix, i);
        }
        AcTable {
            fast,
            skip,
            slow: Canonical::new(spec),
            spec: spec.clone(),
        }
    }

    pub fn is_for(&self, spec: &HuffSpec) -> bool {
        self.spec == *spec
    }
}

fn skip_entry(prefix: &[u16], index: usize) -> Skip {
    let (mut bits, mut run, mut end) = (0u32, 0u32, false);
    let mut first = (0u32, 0u32, false);
    let mut count = 0;
    while !end && bits < AC_BITS {
        let entry = prefix[(index << bits) & (AC_SIZE - 1)];
        let (length, symbol) = (u32::from(entry >> 8), u32::from(entry & 255));
        let (zeros, s) = (symbol >> 4, symbol & 15);
        if length == 0 || bits + length > AC_BITS || (s == 0 && zeros != 0 && zeros != 15) || (count > 0 && run + zeros >= 64) {
            break;
        }
        end = symbol == 0;
        // The extra bits of the last symbol may lie beyond the look-up: only their number matters.
        bits += length + s;
        run += if end { 0 } else { zeros + 1 };
        if count == 0 {
            first = (bits, run, end);
        }
        count += 1;
    }
    if count == 0 {
        return Skip::default();
    }
    let step = |run: u32, end: bool| (run + if end { END } else { 0 }) as u8;
    Skip {
        bits: bits as u8,
        step: step(run, end),
        first_bits: first.0 as u8,
        first_step: step(first.1, first.2),
    }
}
