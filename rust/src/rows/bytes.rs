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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

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
            let v = (19595 * u32::from(*r) + 38470 * u32::from(*g) + 7471 * u32::from(*b) + 32768) >> 16;
            (*r, *g, *b) = (v as u8, v as u8, v as u8);
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
    fn a_byte_over_255_is_rounded_once() {
        for v in 0..=255u8 {
            let v = f32::from(v);
            assert_eq!((v * PER_LEVEL[0] + v * PER_LEVEL[1]).to_bits(), (v / 255.0).to_bits());
        }
    }
}
