//! Rows become columns.

/// Pixels per side of a block that is transposed while both sides are in the nearest cache.
const BLOCK: usize = 16;

/// `flip` mirrors what comes out, left and right and top and bottom.
pub fn transposed(data: &[u8], (w, h): (usize, usize), size: usize, flip: [bool; 2], out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if w >= BLOCK && h >= BLOCK && crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512 with VBMI.
        let done = unsafe {
            match size {
                3 => x86::transposed::<3>(data, w, h, flip, out),
                4 => x86::transposed::<4>(data, w, h, flip, out),
                _ => false,
            }
        };
        if done {
            return;
        }
    }
    match size {
        1 => by_blocks::<1>(data, w, h, flip, out),
        2 => by_blocks::<2>(data, w, h, flip, out),
        3 => by_blocks::<3>(data, w, h, flip, out),
        4 => by_blocks::<4>(data, w, h, flip, out),
        6 => by_blocks::<6>(data, w, h, flip, out),
        8 => by_blocks::<8>(data, w, h, flip, out),
        12 => by_blocks::<12>(data, w, h, flip, out),
        16 => by_blocks::<16>(data, w, h, flip, out),
        _ => of_any_size(data, w, h, size, flip, out),
    }
}

fn by_blocks<const S: usize>(data: &[u8], w: usize, h: usize, flip: [bool; 2], out: &mut [u8]) {
    let (from, _) = data.as_chunks::<S>();
    let (to, _) = out.as_chunks_mut::<S>();
    for y0 in (0..h).step_by(BLOCK) {
        for x0 in (0..w).step_by(BLOCK) {
            for x in x0..(x0 + BLOCK).min(w) {
                let row = (if flip[1] { w - 1 - x } else { x }) * h;
                for y in y0..(y0 + BLOCK).min(h) {
                    to[row + if flip[0] { h - 1 - y } else { y }] = from[y * w + x];
                }
            }
        }
    }
}

fn of_any_size(data: &[u8], w: usize, h: usize, size: usize, flip: [bool; 2], out: &mut [u8]) {
    for (k, pixel) in data.chunks_exact(size).enumerate() {
        let (x, y) = (k % w, k / w);
        let row = (if flip[1] { w - 1 - x } else { x }) * h;
        let at = (row + if flip[0] { h - 1 - y } else { y }) * size;
        out[at..at + size].copy_from_slice(pixel);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::BLOCK;
    use std::arch::x86_64::*;

    /// Columns that are read together, a few cache lines of every row.
    const STRIP: usize = 4 * BLOCK;
    /// How far ahead of what is written lines are asked for: three of them.
    const AHEAD: isize = 192;

    /// Pixels of three or four bytes, sixteen rows and columns at a time, each row in one register of sixteen lanes.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    pub fn transposed<const S: usize>(data: &[u8], w: usize, h: usize, flip: [bool; 2], out: &mut [u8]) -> bool {
        if w < BLOCK || h < BLOCK || data.len() != w * h * S || out.len() != data.len() {
            return false;
        }
        let (mut wide, mut tight) = ([0u8; 64], [0u8; 64]);
        for k in 0..BLOCK * S {
            wide[k / S * 4 + k % S] = k as u8;
            tight[k] = (k / S * 4 + k % S) as u8;
        }
        // SAFETY: the arrays hold 64 bytes.
        let (wide, tight) =
            unsafe { (_mm512_loadu_si512(wide.as_ptr().cast()), _mm512_loadu_si512(tight.as_ptr().cast())) };
        let mask = if S == 4 { !0u64 } else { (1 << (BLOCK * S)) - 1 };
        let soon = if flip[0] { -AHEAD } else { AHEAD };
        // The last block of each axis lies over the one before it, so that there are no rests. Four blocks across and
        // then down: so many rows of the result are written from one end to the other.
        for strip in (0..w).step_by(STRIP) {
            let across = (strip..w.min(strip + STRIP)).step_by(BLOCK).map(|x| x.min(w - BLOCK));
            for y0 in (0..h).step_by(BLOCK).map(|y| y.min(h - BLOCK)) {
                for x0 in across.clone() {
                    let mut v = [_mm512_setzero_si512(); BLOCK];
                    for (k, v) in v.iter_mut().enumerate() {
                        let y = if flip[0] { y0 + BLOCK - 1 - k } else { y0 + k };
                        let from = &data[(y * w + x0) * S..][..BLOCK * S];
                        // SAFETY: the mask takes as many bytes as the slice holds.
                        let row = unsafe { _mm512_maskz_loadu_epi8(mask, from.as_ptr().cast()) };
                        *v = if S == 4 { row } else { _mm512_permutexvar_epi8(wide, row) };
                    }
                    let v = quarters(&pairs(&v));
                    let column = if flip[0] { h - BLOCK - y0 } else { y0 };
                    for (k, &v) in v.iter().enumerate() {
                        let x = if flip[1] { w - 1 - x0 - k } else { x0 + k };
                        let to = &mut out[(x * h + column) * S..][..BLOCK * S];
                        // The lines that come next: so many rows are more than a processor guesses. Hints may name any
                        // address.
                        _mm_prefetch::<_MM_HINT_ET0>(to.as_ptr().wrapping_offset(soon).cast());
                        // SAFETY: the slice holds 48 or 64 bytes, and no more are written.
                        unsafe {
                            if S == 4 {
                                _mm512_storeu_si512(to.as_mut_ptr().cast(), v);
                            } else {
                                let v = _mm512_permutexvar_epi8(tight, v);
                                _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_castsi512_si256(v));
                                _mm_storeu_si128(to.as_mut_ptr().add(32).cast(), _mm512_extracti32x4_epi32::<2>(v));
                            }
                        }
                    }
                }
            }
        }
        true
    }

    /// Transposes the 4 x 4 lanes that stand in each quarter of four registers.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn pairs(v: &[__m512i; BLOCK]) -> [__m512i; BLOCK] {
        let mut out = [_mm512_setzero_si512(); BLOCK];
        for k in 0..4 {
            let (a, b, c, d) = (v[4 * k], v[4 * k + 1], v[4 * k + 2], v[4 * k + 3]);
            let (low, high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (low2, high2) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            out[4 * k] = _mm512_unpacklo_epi64(low, low2);
            out[4 * k + 1] = _mm512_unpackhi_epi64(low, low2);
            out[4 * k + 2] = _mm512_unpacklo_epi64(high, high2);
            out[4 * k + 3] = _mm512_unpackhi_epi64(high, high2);
        }
        out
    }

    /// Then the quarters of a register change places with the registers.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn quarters(v: &[__m512i; BLOCK]) -> [__m512i; BLOCK] {
        let mut out = [_mm512_setzero_si512(); BLOCK];
        for k in 0..4 {
            // Registers k, k + 4, k + 8 and k + 12 hold the same columns of four groups of rows.
            let (a, b, c, d) = (v[k], v[k + 4], v[k + 8], v[k + 12]);
            let (even, odd) =
                (_mm512_shuffle_i32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b));
            let (even2, odd2) =
                (_mm512_shuffle_i32x4::<0b10_00_10_00>(c, d), _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d));
            out[k] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even, even2);
            out[k + 4] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd, odd2);
            out[k + 8] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even, even2);
            out[k + 12] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd, odd2);
        }
        out
    }
}
