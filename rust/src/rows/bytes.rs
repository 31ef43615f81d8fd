//! Steps on rows of levels.

use crate::leveled;

pub fn look_up(line: &mut [u8], table: &[u8; 256]) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512 with VBMI.
        done = unsafe { x86::look_up(line, table) };
    }
    for v in &mut line[done..] {
        *v = table[usize::from(*v)];
    }
}

/// Sums of red, green and blue of interleaved pixels behind a table; None where taking them apart first is quicker.
pub fn sum_pixels(pixels: &[u8], table: Option<&[u8; 256]>) -> Option<[u64; 3]> {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512 with VBMI.
        let (done, mut sums) = unsafe { x86::sum_pixels(pixels, table) };
        for pixel in pixels[done..].chunks_exact(3) {
            for (sum, &v) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(table.map_or(v, |t| t[usize::from(v)]));
            }
        }
        return Some(sums);
    }
    let _ = (pixels, table);
    None
}

/// Gray of interleaved pixels of three channels.
pub fn gray_of_pixels(pixels: &[u8], out: &mut [u8]) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512 with VBMI.
        done = unsafe { x86::gray_of_pixels(pixels, out) };
    }
    gray_pixels(&pixels[3 * done..], &mut out[done..]);
}

/// BT.601's weights of red, green and blue, in 65536ths.
const WEIGHTS: [u32; 3] = [19595, 38470, 7471];

#[inline(always)]
fn gray_level(r: u8, g: u8, b: u8) -> u8 {
    let [x, y, z] = WEIGHTS;
    ((x * u32::from(r) + y * u32::from(g) + z * u32::from(b) + 32768) >> 16) as u8
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::WEIGHTS;
    use std::arch::x86_64::*;

    /// Whole vectors of 64 pixels; says how many.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn gray_of_pixels(pixels: &[u8], out: &mut [u8]) -> usize {
        // Sixteen pixels stand in 48 bytes. Words of red and green, and of blue and green: green has two halves of its
        // weight, which is more than a word with a sign holds.
        let (mut first, mut second) = ([63u8; 64], [63u8; 64]);
        for k in 0..16 {
            (first[4 * k], first[4 * k + 2]) = (3 * k as u8, 3 * k as u8 + 1);
            (second[4 * k], second[4 * k + 2]) = (3 * k as u8 + 2, 3 * k as u8 + 1);
        }
        // SAFETY: the arrays hold 64 bytes.
        let (first, second) =
            unsafe { (_mm512_loadu_si512(first.as_ptr().cast()), _mm512_loadu_si512(second.as_ptr().cast())) };
        let [r, g, b] = WEIGHTS.map(|w| w as i32);
        let weights = [_mm512_set1_epi32((g / 2) << 16 | r), _mm512_set1_epi32((g / 2) << 16 | b)];
        let (half, few) = (_mm512_set1_epi32(32768), (1u64 << 48) - 1);
        let n = (pixels.len() / 192).min(out.len() / 64);
        for (from, to) in pixels.chunks_exact(192).zip(out.chunks_exact_mut(64)) {
            for (from, to) in from.chunks_exact(48).zip(to.chunks_exact_mut(16)) {
                // SAFETY: the chunk holds 48 bytes, and the mask takes no more; byte 63, which fills words up, is 0.
                let p = unsafe { _mm512_maskz_loadu_epi8(few, from.as_ptr().cast()) };
                let one = _mm512_madd_epi16(_mm512_permutexvar_epi8(first, p), weights[0]);
                let two = _mm512_madd_epi16(_mm512_permutexvar_epi8(second, p), weights[1]);
                let sum = _mm512_srli_epi32::<16>(_mm512_add_epi32(_mm512_add_epi32(one, two), half));
                // SAFETY: the chunk holds 16 bytes.
                unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(sum)) };
            }
        }
        64 * n
    }

    macro_rules! through {
        ($t:expr, $x:expr) => {{
            let x = $x;
            let low = _mm512_permutex2var_epi8($t[0], x, $t[1]);
            let high = _mm512_permutex2var_epi8($t[2], x, $t[3]);
            _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high)
        }};
    }

    /// Blocks of 64 interleaved pixels; says how many bytes.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn sum_pixels(pixels: &[u8], table: Option<&[u8; 256]>) -> (usize, [u64; 3]) {
        // Every third byte, from the first, second and third on: in the next vector a channel stands one byte earlier.
        const M: [u64; 3] = [0x9249_2492_4924_9249, 0x2492_4924_9249_2492, 0x4924_9249_2492_4924];
        let zero = _mm512_setzero_si512();
        let t = table.map_or([zero; 4], |table| {
            // SAFETY: the table holds 4 x 64 bytes.
            [0, 64, 128, 192].map(|k| unsafe { _mm512_loadu_si512(table.as_ptr().add(k).cast()) })
        });
        let (mut r, mut g, mut b) = (zero, zero, zero);
        for block in pixels.chunks_exact(192) {
            macro_rules! load {
                ($k:expr) => {
                    // SAFETY: the block holds 192 bytes.
                    unsafe { _mm512_loadu_si512(block.as_ptr().add($k).cast()) }
                };
            }
            let (mut x, mut y, mut z) = (load!(0), load!(64), load!(128));
            if table.is_some() {
                (x, y, z) = (through!(t, x), through!(t, y), through!(t, z));
            }
            macro_rules! channel {
                ($sum:ident, $y:expr, $z:expr) => {
                    let all = _mm512_mask_mov_epi8(_mm512_mask_mov_epi8(x, M[$y], y), M[$z], z);
                    $sum = _mm512_add_epi64($sum, _mm512_sad_epu8(all, zero));
                };
            }
            channel!(r, 2, 1);
            channel!(g, 0, 2);
            channel!(b, 1, 0);
        }
        let sums = [r, g, b].map(|s| _mm512_reduce_add_epi64(s) as u64);
        (pixels.len() / 192 * 192, sums)
    }

    /// Whole vectors of 64 bytes through a table; says how many bytes.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn look_up(line: &mut [u8], table: &[u8; 256]) -> usize {
        // SAFETY: the table holds 4 x 64 bytes.
        let t = [0, 64, 128, 192].map(|k| unsafe { _mm512_loadu_si512(table.as_ptr().add(k).cast()) });
        for chunk in line.chunks_exact_mut(64) {
            // SAFETY: the chunk holds 64 bytes.
            let x = unsafe { _mm512_loadu_si512(chunk.as_ptr().cast()) };
            // SAFETY: the chunk holds 64 bytes.
            unsafe { _mm512_storeu_si512(chunk.as_mut_ptr().cast(), through!(t, x)) };
        }
        line.len() / 64 * 64
    }
}

leveled! {
    pub fn gray(r: &mut [u8], g: &mut [u8], b: &mut [u8]) {
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let v = gray_level(*r, *g, *b);
            (*r, *g, *b) = (v, v, v);
        }
    }
}

leveled! {
    fn gray_pixels(pixels: &[u8], out: &mut [u8]) {
        for (p, out) in pixels.chunks_exact(3).zip(out) {
            *out = gray_level(p[0], p[1], p[2]);
        }
    }
}

leveled! {
    pub fn sum(line: &[u8]) -> u64 {
        // Within 2^24 bytes a 32-bit sum cannot overflow, and such sums run on vectors.
        line.chunks(1 << 24).map(|part| u64::from(part.iter().map(|&v| u32::from(v)).sum::<u32>())).sum()
    }
}

#[cfg(test)]
mod tests {
    use crate::rows::chain::PER_LEVEL;

    #[test]
    fn gray_of_pixels_is_its_definition() {
        let pixels: Vec<u8> = (0..3 * 5000u32).map(|k| (k.wrapping_mul(2_654_435_761) >> 21) as u8).collect();
        for n in [0, 1, 63, 64, 65, 500, 5000] {
            let mut out = vec![0; n];
            super::gray_of_pixels(&pixels[..3 * n], &mut out);
            for (p, &got) in pixels.chunks_exact(3).zip(&out) {
                let sum = 19595 * u32::from(p[0]) + 38470 * u32::from(p[1]) + 7471 * u32::from(p[2]);
                assert_eq!(u32::from(got), (sum + 32768) >> 16);
            }
        }
    }

    #[test]
    fn a_byte_over_255_is_rounded_once() {
        for v in 0..=255u8 {
            let v = f32::from(v);
            assert_eq!((v * PER_LEVEL[0] + v * PER_LEVEL[1]).to_bits(), (v / 255.0).to_bits());
        }
    }
}
