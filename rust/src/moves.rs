//! Whole pixels moved: mirrored and transposed, whatever their samples are.

use crate::error::{Result, invalid};

/// Pixels per side of a block that is transposed while both sides are in the nearest cache.
const BLOCK: usize = 16;

/// Writes a picture of `w` x `h` pixels of `size` bytes, first transposed (if `swap`), then mirrored left and right
/// and top and bottom.
pub fn moved(
    data: &[u8],
    (w, h): (usize, usize),
    size: usize,
    swap: bool,
    flip: [bool; 2],
    out: &mut [u8],
) -> Result<()> {
    let bytes = w.checked_mul(h).and_then(|n| n.checked_mul(size));
    if bytes != Some(data.len()) || data.len() != out.len() || data.is_empty() {
        return invalid("moved: both pictures must be of the size that is given, and not empty.");
    }
    if swap {
        match size {
            1 => transposed::<1>(data, w, h, flip, out),
            2 => transposed::<2>(data, w, h, flip, out),
            3 => transposed::<3>(data, w, h, flip, out),
            4 => transposed::<4>(data, w, h, flip, out),
            6 => transposed::<6>(data, w, h, flip, out),
            8 => transposed::<8>(data, w, h, flip, out),
            12 => transposed::<12>(data, w, h, flip, out),
            16 => transposed::<16>(data, w, h, flip, out),
            _ => transposed_any(data, w, h, size, flip, out),
        }
        return Ok(());
    }
    let n = w * size;
    for (y, out) in out.chunks_exact_mut(n).enumerate() {
        let row = &data[(if flip[1] { h - 1 - y } else { y }) * n..][..n];
        if flip[0] { reversed(row, size, out) } else { out.copy_from_slice(row) }
    }
    Ok(())
}

fn transposed<const S: usize>(data: &[u8], w: usize, h: usize, flip: [bool; 2], out: &mut [u8]) {
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

fn transposed_any(data: &[u8], w: usize, h: usize, size: usize, flip: [bool; 2], out: &mut [u8]) {
    for (k, pixel) in data.chunks_exact(size).enumerate() {
        let (x, y) = (k % w, k / w);
        let row = (if flip[1] { w - 1 - x } else { x }) * h;
        let at = (row + if flip[0] { h - 1 - y } else { y }) * size;
        out[at..at + size].copy_from_slice(pixel);
    }
}

/// The pixels of a row in turned order.
fn reversed(row: &[u8], size: usize, out: &mut [u8]) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if size <= 8 && crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512 with VBMI.
        done = unsafe { x86::reversed(row, size, out) };
    }
    let left = row.len() - done;
    for (o, p) in out[done..].chunks_exact_mut(size).zip(row[..left].rchunks_exact(size)) {
        o.copy_from_slice(p);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// As many pixels at a time as 64 bytes hold; says how many bytes were written.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn reversed(row: &[u8], size: usize, out: &mut [u8]) -> usize {
        let count = 64 / size;
        let step = count * size;
        let mut order = [0u8; 64];
        for (k, o) in order[..step].iter_mut().enumerate() {
            *o = ((count - 1 - k / size) * size + k % size) as u8;
        }
        // SAFETY: the array holds 64 bytes.
        let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
        let mask = if step == 64 { !0u64 } else { (1 << step) - 1 };
        let mut done = 0;
        for (o, p) in out.chunks_exact_mut(step).zip(row.rchunks_exact(step)) {
            // SAFETY: both chunks hold `step` bytes, and no more are touched.
            unsafe {
                let v = _mm512_maskz_loadu_epi8(mask, p.as_ptr().cast());
                _mm512_mask_storeu_epi8(o.as_mut_ptr().cast(), mask, _mm512_permutexvar_epi8(order, v));
            }
            done += step;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_is_its_definition() {
        for size in [1usize, 2, 3, 4, 5, 6, 8, 12, 16, 20] {
            for (w, h) in [(1usize, 1usize), (7, 3), (70, 41), (33, 64)] {
                let data: Vec<u8> = (0..w * h * size).map(|k| (k * 31 + k / 97) as u8).collect();
                for k in 0..8 {
                    let (swap, flip) = (k & 1 == 1, [k & 2 == 2, k & 4 == 4]);
                    let mut out = vec![0; data.len()];
                    moved(&data, (w, h), size, swap, flip, &mut out).unwrap();
                    let (tw, th) = if swap { (h, w) } else { (w, h) };
                    for y in 0..th {
                        for x in 0..tw {
                            let (u, v) = (if flip[0] { tw - 1 - x } else { x }, if flip[1] { th - 1 - y } else { y });
                            let (sx, sy) = if swap { (v, u) } else { (u, v) };
                            let (a, b) = ((y * tw + x) * size, (sy * w + sx) * size);
                            assert_eq!(out[a..a + size], data[b..b + size], "{size} {w} {h} {k}");
                        }
                    }
                }
            }
        }
    }
}
