//! The inverse DCT: the exact integer one ("islow", Loeffler-Ligtenberg-Moschytz) at full size, and its box averages
//! at 1/2 and 1/4. Every level gives the same bytes: dequantization wraps at 16 bits, the first pass saturates to them.

use super::huffman::Head;

/// Where a coefficient of row `r`, column `c` is kept: rows in pairs (0,4) (2,6) (1,7) (3,5), the pair's values side by
/// side, columns in the order 0 4 2 6 1 7 3 5. The first pass then needs no shuffle at all.
const fn slot(r: usize, c: usize) -> u8 {
    let (pair, half) = match r {
        0 => (0, 0),
        4 => (0, 1),
        2 => (1, 0),
        6 => (1, 1),
        1 => (2, 0),
        7 => (2, 1),
        3 => (3, 0),
        _ => (3, 1),
    };
    let lane = match c {
        0 => 0,
        4 => 1,
        2 => 2,
        6 => 3,
        1 => 4,
        7 => 5,
        3 => 6,
        _ => 7,
    };
    (pair * 16 + lane * 2 + half) as u8
}

/// Zigzag order: row * 8 + column.
pub const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Positions past the block end up in this slot, which nobody reads.
pub const SPILL: u8 = 64;

const fn order(paired: bool) -> [u8; 256] {
    let mut table = [SPILL; 256];
    let mut k = 0;
    while k < 64 {
        let n = ZIGZAG[k] as usize;
        table[k] = if paired { slot(n >> 3, n & 7) } else { n as u8 };
        k += 1;
    }
    table
}

/// Zigzag position to slot, for full-size blocks.
pub static PAIRED: [u8; 256] = order(true);
/// Zigzag position to slot, row after row, for reduced blocks.
pub static PLAIN: [u8; 256] = order(false);

/// 64 coefficients; the rest takes what lies past the end, so that any byte is an index.
pub type Block = [i16; 256];

// Fixed point with 13 bits: round(x * 8192).
const F_0_298: i32 = 2446;
const F_0_390: i32 = 3196;
const F_0_541: i32 = 4433;
const F_0_765: i32 = 6270;
const F_0_899: i32 = 7373;
const F_1_175: i32 = 9633;
const F_1_501: i32 = 12299;
const F_1_847: i32 = 15137;
const F_1_961: i32 = 16069;
const F_2_053: i32 = 16819;
const F_2_562: i32 = 20995;
const F_3_072: i32 = 25172;

// The same rotations written as plain sums of products; integers, so nothing changes.
const E2: [i32; 2] = [F_0_541, F_0_541 - F_1_847]; // of rows 2, 6
const E3: [i32; 2] = [F_0_541 + F_0_765, F_0_541];
// of rows (1, 7) and (3, 5), for the odd sums that join the even ones 3, 2, 1, 0
const O0: [i32; 4] = [F_1_175 - F_0_899, F_0_298 - F_0_899 - F_1_961 + F_1_175, F_1_175 - F_1_961, F_1_175];
const O1: [i32; 4] = [F_1_175 - F_0_390, F_1_175, F_1_175 - F_2_562, F_2_053 - F_2_562 - F_0_390 + F_1_175];
const O2: [i32; 4] = [F_1_175, F_1_175 - F_1_961, F_3_072 - F_2_562 - F_1_961 + F_1_175, F_1_175 - F_2_562];
const O3: [i32; 4] = [F_1_501 - F_0_899 - F_0_390 + F_1_175, F_1_175 - F_0_899, F_1_175, F_1_175 - F_0_390];

/// Writes an 8x8 block; `out` starts at the block's corner.
#[inline(always)]
pub fn full<const L: u8>(block: &Block, quant: &[i16; 64], out: &mut [u8], stride: usize) {
    let out = &mut out[..7 * stride + 8];
    #[cfg(target_arch = "x86_64")]
    if L >= 1 {
        // SAFETY: L >= 1 only where `leveled!` has found AVX2; `out` holds the 8 rows that are written.
        unsafe { x86::full(block, quant, out.as_mut_ptr(), stride) };
        return;
    }
    full_base(block, quant, out, stride);
}

#[inline(always)]
fn pass(v: &[[i32; 8]; 8], round: i32, shift: u32) -> [[i32; 8]; 8] {
    let mut out = [[0i32; 8]; 8];
    for i in 0..8 {
        let m = |a: i32, k: i32| a.wrapping_mul(k);
        let sum = |t: i32| t.wrapping_add(round);
        let t0 = sum(m(v[0][i], 8192).wrapping_add(m(v[4][i], 8192)));
        let t1 = sum(m(v[0][i], 8192).wrapping_add(m(v[4][i], -8192)));
        let t2 = m(v[2][i], E2[0]).wrapping_add(m(v[6][i], E2[1]));
        let t3 = m(v[2][i], E3[0]).wrapping_add(m(v[6][i], E3[1]));
        let even = [t0.wrapping_add(t3), t1.wrapping_add(t2), t1.wrapping_sub(t2), t0.wrapping_sub(t3)];
        let odd = |k: &[i32; 4]| {
            m(v[1][i], k[0])
                .wrapping_add(m(v[7][i], k[1]))
                .wrapping_add(m(v[3][i], k[2]).wrapping_add(m(v[5][i], k[3])))
        };
        for (k, o) in [odd(&O3), odd(&O2), odd(&O1), odd(&O0)].into_iter().enumerate() {
            out[k][i] = even[k].wrapping_add(o) >> shift;
            out[7 - k][i] = even[k].wrapping_sub(o) >> shift;
        }
    }
    out
}

fn full_base(block: &Block, quant: &[i16; 64], out: &mut [u8], stride: usize) {
    let mut rows = [[0i32; 8]; 8];
    for (r, row) in rows.iter_mut().enumerate() {
        for (c, v) in row.iter_mut().enumerate() {
            let at = usize::from(slot(r, c));
            *v = i32::from(block[at].wrapping_mul(quant[at]));
        }
    }
    let first = pass(&rows, 1 << 10, 11);
    let mut columns = [[0i32; 8]; 8];
    for r in 0..8 {
        for c in 0..8 {
            columns[c][r] = first[r][c].clamp(-32768, 32767);
        }
    }
    let second = pass(&columns, (1 << 17) + (128 << 18), 18);
    for (r, row) in out.chunks_mut(stride).take(8).enumerate() {
        for c in 0..8 {
            row[c] = second[c][r].clamp(0, 255) as u8;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Block, E2, E3, O0, O1, O2, O3};
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx2")]
    fn pair(a: i32, b: i32) -> __m256i {
        _mm256_set1_epi32((b << 16) | (a & 0xFFFF))
    }

    /// One pass over eight columns; `v` holds the pairs (0,4) (2,6) (1,7) (3,5).
    #[inline]
    #[target_feature(enable = "avx2")]
    fn pass<const SHIFT: i32>(v: [__m256i; 4], round: i32) -> [__m256i; 8] {
        let round = _mm256_set1_epi32(round);
        let t0 = _mm256_add_epi32(_mm256_madd_epi16(v[0], pair(8192, 8192)), round);
        let t1 = _mm256_add_epi32(_mm256_madd_epi16(v[0], pair(8192, -8192)), round);
        let t2 = _mm256_madd_epi16(v[1], pair(E2[0], E2[1]));
        let t3 = _mm256_madd_epi16(v[1], pair(E3[0], E3[1]));
        let even =
            [_mm256_add_epi32(t0, t3), _mm256_add_epi32(t1, t2), _mm256_sub_epi32(t1, t2), _mm256_sub_epi32(t0, t3)];
        macro_rules! odd {
            ($k:ident) => {{
                let (near, far) = (pair($k[0], $k[1]), pair($k[2], $k[3]));
                _mm256_add_epi32(_mm256_madd_epi16(v[2], near), _mm256_madd_epi16(v[3], far))
            }};
        }
        let odd = [odd!(O3), odd!(O2), odd!(O1), odd!(O0)];
        [
            _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even[0], odd[0])),
            _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even[1], odd[1])),
            _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even[2], odd[2])),
            _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even[3], odd[3])),
            _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even[3], odd[3])),
            _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even[2], odd[2])),
            _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even[1], odd[1])),
            _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even[0], odd[0])),
        ]
    }

    /// # Safety
    /// `out` must be valid for writes of 7 * stride + 8 bytes.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub unsafe fn full(block: &Block, quant: &[i16; 64], out: *mut u8, stride: usize) {
        let mut v = [_mm256_setzero_si256(); 4];
        for (k, v) in v.iter_mut().enumerate() {
            // SAFETY: block holds 256 values and quant 64; 16 are read at 16 * k, k < 4.
            let (b, q) = unsafe {
                (
                    _mm256_loadu_si256(block.as_ptr().add(16 * k).cast()),
                    _mm256_loadu_si256(quant.as_ptr().add(16 * k).cast()),
                )
            };
            *v = _mm256_mullo_epi16(b, q);
        }
        let o = pass::<11>(v, 1 << 10);
        // Lanes are columns 0 4 2 6 | 1 7 3 5: as 32-bit pairs, the rows transpose by themselves.
        let p = [
            _mm256_castsi256_ps(_mm256_packs_epi32(o[0], o[1])),
            _mm256_castsi256_ps(_mm256_packs_epi32(o[2], o[3])),
            _mm256_castsi256_ps(_mm256_packs_epi32(o[4], o[5])),
            _mm256_castsi256_ps(_mm256_packs_epi32(o[6], o[7])),
        ];
        let a = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(p[0], p[1]));
        let b = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(p[0], p[1]));
        let c = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(p[2], p[3]));
        let d = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(p[2], p[3]));
        let w = [
            _mm256_permute2x128_si256::<0x20>(a, c),
            _mm256_permute2x128_si256::<0x20>(b, d),
            _mm256_permute2x128_si256::<0x31>(a, c),
            _mm256_permute2x128_si256::<0x31>(b, d),
        ];
        let o = pass::<18>(w, (1 << 17) + (128 << 18));
        let l = _mm256_packus_epi16(_mm256_packs_epi32(o[0], o[1]), _mm256_packs_epi32(o[2], o[3]));
        let h = _mm256_packus_epi16(_mm256_packs_epi32(o[4], o[5]), _mm256_packs_epi32(o[6], o[7]));
        // Each lane is a 4x4 of bytes, columns first: turn it.
        let turn = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
        let (l, h) = (_mm256_shuffle_epi8(l, turn), _mm256_shuffle_epi8(h, turn));
        let (x, y) = (_mm256_unpacklo_epi32(l, h), _mm256_unpackhi_epi32(l, h));
        let rows = [
            _mm256_castsi256_si128(x),
            _mm256_castsi256_si128(y),
            _mm256_extracti128_si256::<1>(x),
            _mm256_extracti128_si256::<1>(y),
        ];
        for (k, row) in rows.into_iter().enumerate() {
            // SAFETY: rows 2k and 2k + 1 are below 8, 8 bytes each.
            unsafe {
                _mm_storel_epi64(out.add(2 * k * stride).cast(), row);
                _mm_storel_epi64(out.add((2 * k + 1) * stride).cast(), _mm_unpackhi_epi64(row, row));
            }
        }
    }
}

/// What a block of only a DC coefficient is everywhere.
#[inline(always)]
pub fn flat(dc: i16, quant: i16) -> u8 {
    let v = i32::from(dc.wrapping_mul(quant));
    (128 + ((v + 4) >> 3)).clamp(0, 255) as u8
}

// Means of two (of four) neighbors of the 8-point basis, at 13 bits.
const H: [i32; 8] = [-1730, 11893, -17799, 8697, -4176, -4926, 7373, 20995];
const Q: [i32; 4] = [-5906, 6967, -10426, 29692];

/// Writes the 4x4 means of a block; the coefficients stand row after row.
pub fn half(block: &Block, quant: &[i16; 64], out: &mut [u8], stride: usize) {
    let line = |v: [i32; 8], shift: u32, bias: i32| -> [i32; 4] {
        let even = v[0].wrapping_mul(1 << 14);
        let e = v[2].wrapping_mul(F_1_847).wrapping_sub(v[6].wrapping_mul(F_0_765));
        let (t10, t12) = (even.wrapping_add(e), even.wrapping_sub(e));
        let dot = |h: &[i32]| {
            v[7].wrapping_mul(h[0])
                .wrapping_add(v[5].wrapping_mul(h[1]))
                .wrapping_add(v[3].wrapping_mul(h[2]))
                .wrapping_add(v[1].wrapping_mul(h[3]))
        };
        let (a, b) = (dot(&H[..4]), dot(&H[4..]));
        let down = |x: i32| x.wrapping_add(bias) >> shift;
        [down(t10.wrapping_add(b)), down(t12.wrapping_add(a)), down(t12.wrapping_sub(a)), down(t10.wrapping_sub(b))]
    };
    let mut columns = [[0i32; 8]; 4];
    for c in [0, 1, 2, 3, 5, 6, 7] {
        let v = std::array::from_fn(|r| i32::from(block[r * 8 + c].wrapping_mul(quant[r * 8 + c])));
        for (r, value) in line(v, 12, 1 << 11).into_iter().enumerate() {
            columns[r][c] = value;
        }
    }
    for (row, out) in columns.iter().zip(out.chunks_mut(stride)) {
        for (value, out) in line(*row, 19, (1 << 18) + (128 << 19)).into_iter().zip(out) {
            *out = value.clamp(0, 255) as u8;
        }
    }
}

/// Writes the 2x2 means of a block; the coefficients stand row after row.
pub fn quarter(block: &Block, quant: &[i16; 64], out: &mut [u8], stride: usize) {
    let line = |v: [i32; 5], shift: u32, bias: i32| -> [i32; 2] {
        let even = v[0].wrapping_mul(1 << 15).wrapping_add(bias);
        let odd = v[4]
            .wrapping_mul(Q[0])
            .wrapping_add(v[3].wrapping_mul(Q[1]))
            .wrapping_add(v[2].wrapping_mul(Q[2]))
            .wrapping_add(v[1].wrapping_mul(Q[3]));
        [even.wrapping_add(odd) >> shift, even.wrapping_sub(odd) >> shift]
    };
    const ODD: [usize; 5] = [0, 1, 3, 5, 7];
    let mut columns = [[0i32; 5]; 2];
    for (k, c) in ODD.into_iter().enumerate() {
        let v = ODD.map(|r| i32::from(block[r * 8 + c].wrapping_mul(quant[r * 8 + c])));
        let [top, bottom] = line(v, 13, 1 << 12);
        (columns[0][k], columns[1][k]) = (top, bottom);
    }
    for (row, out) in columns.iter().zip(out.chunks_mut(stride)) {
        for (value, out) in line(*row, 20, (1 << 19) + (128 << 20)).into_iter().zip(out) {
            *out = value.clamp(0, 255) as u8;
        }
    }
}

/// Two rows of two means, from the first two coefficients of the first two rows.
#[inline(always)]
fn four_means(four: [i16; 4], steps: [i16; 4]) -> [[u8; 2]; 2] {
    let value = |k: usize| i32::from(four[k].wrapping_mul(steps[k]));
    let line = |a: i32, b: i32, shift: u32, bias: i32| -> [i32; 2] {
        let (even, odd) = (a.wrapping_mul(1 << 15).wrapping_add(bias), b.wrapping_mul(Q[3]));
        [even.wrapping_add(odd) >> shift, even.wrapping_sub(odd) >> shift]
    };
    let (left, right) = (line(value(0), value(2), 13, 1 << 12), line(value(1), value(3), 13, 1 << 12));
    [0, 1].map(|k| line(left[k], right[k], 20, (1 << 19) + (128 << 20)).map(|v| v.clamp(0, 255) as u8))
}

/// The places of those four coefficients in a block.
const FOUR: [usize; 4] = [0, 1, 8, 9];

/// `quarter` of a block that has no other coefficients than the first two of its first two rows.
#[inline]
pub fn quarter_of_four(block: &Block, quant: &[i16; 64], out: &mut [u8], stride: usize) {
    let rows = four_means(FOUR.map(|k| block[k]), FOUR.map(|k| quant[k]));
    for (out, row) in out.chunks_mut(stride).zip(rows) {
        out[..2].copy_from_slice(&row);
    }
}

/// `quarter_of_four` of blocks side by side, as the lanes keep them: the DC lowest, `off` too small, a `Head` above it.
#[inline(always)]
pub fn quarters_of_four(words: &[u64], off: i16, quant: &[i16; 64], out: &mut [u8], stride: usize) {
    let steps = FOUR.map(|k| quant[k]);
    let (first, second) = out.split_at_mut(stride);
    let outs = first.as_chunks_mut::<2>().0.iter_mut().zip(second.as_chunks_mut::<2>().0);
    for (&word, (first, second)) in words.iter().zip(outs) {
        let [a, b, c] = [1, 2, 4].map(|position| Head::value(word, position));
        [*first, *second] = four_means([(word as i16).wrapping_add(off), a, b, c], steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_coefficients_need_no_more() {
        let mut state = 5;
        for _ in 0..5000 {
            let (mut block, mut quant) = ([0i16; 256], [0i16; 64]);
            for k in [0, 1, 8, 9] {
                block[k] = (random(&mut state) % 2048) as i16;
                quant[k] = (random(&mut state) % 256) as i16;
            }
            let (mut a, mut b) = ([0u8; 10], [0u8; 10]);
            quarter(&block, &quant, &mut a, 8);
            quarter_of_four(&block, &quant, &mut b, 8);
            assert_eq!(a, b);
        }
    }

    /// The float transform by its definition.
    fn reference(coefficients: &[f64; 64]) -> [f64; 64] {
        let mut out = [0.0; 64];
        for y in 0..8 {
            for x in 0..8 {
                let mut sum = 0.0;
                for v in 0..8 {
                    for u in 0..8 {
                        let scale = |k: usize| if k == 0 { 0.5f64.sqrt() } else { 1.0 };
                        let cos =
                            |p: usize, k: usize| ((2 * p + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos();
                        sum += scale(u) * scale(v) * coefficients[v * 8 + u] * cos(x, u) * cos(y, v);
                    }
                }
                out[y * 8 + x] = (sum / 4.0 + 128.0).clamp(0.0, 255.0);
            }
        }
        out
    }

    fn random(state: &mut u64) -> i32 {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (*state >> 40) as i32
    }

    #[test]
    fn all_sizes_follow_the_definition() {
        let mut state = 7;
        for round in 0..300 {
            let mut natural = [0.0; 64];
            let (mut paired, mut plain) = ([0i16; 256], [0i16; 256]);
            for k in 0..64 {
                let scale = 1 + 400 / (1 + k as i32 * k as i32 / 4);
                let value = random(&mut state) % scale * i32::from(round % 3 != 0 || k < 6);
                let n = usize::from(ZIGZAG[k]);
                natural[n] = f64::from(value);
                paired[usize::from(PAIRED[k])] = value as i16;
                plain[usize::from(PLAIN[k])] = value as i16;
            }
            let want = reference(&natural);
            let ones = [1i16; 64];
            let mut out = [0u8; 64];
            full_base(&paired, &ones, &mut out, 8);
            for (a, b) in out.iter().zip(want) {
                assert!((f64::from(*a) - b).abs() < 1.0, "{a} {b}");
            }
            // the reduced sizes are means (before clamping, so compare where nothing clamps)
            if want.iter().all(|&v| v > 0.0 && v < 255.0) {
                for (n, f) in [(4usize, half as fn(&Block, &[i16; 64], &mut [u8], usize)), (2, quarter)] {
                    f(&plain, &ones, &mut out, 8);
                    let s = 8 / n;
                    for y in 0..n {
                        for x in 0..n {
                            let mean: f64 = (0..s * s).map(|k| want[(y * s + k / s) * 8 + x * s + k % s]).sum::<f64>()
                                / (s * s) as f64;
                            assert!((f64::from(out[y * 8 + x]) - mean).abs() < 1.0);
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn avx2_equals_base_even_on_nonsense() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        let mut state = 3;
        for round in 0..20000 {
            let (mut block, mut quant) = ([0i16; 256], [0i16; 64]);
            for k in 0..64 {
                let bits = [4, 8, 12, 16][round % 4];
                block[k] = (random(&mut state) % (1 << bits)) as i16;
                quant[k] = (random(&mut state) % (1 << [8, 16][round % 2])) as i16;
            }
            let (mut a, mut b) = ([0u8; 64], [0u8; 64]);
            full_base(&block, &quant, &mut a, 8);
            // SAFETY: AVX2 was found, and b holds 64 bytes.
            unsafe { x86::full(&block, &quant, b.as_mut_ptr(), 8) };
            assert_eq!(a, b);
        }
    }
}
