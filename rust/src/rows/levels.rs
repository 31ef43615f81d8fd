//! Color steps on levels that need arithmetic: worked out in float32 in the scale of levels, and rounded half up once.

use super::chain::PER_LEVEL;
use crate::leveled;

/// How a saturation weighs a pixel: what each channel keeps of itself, and what it gets of red, green and blue.
#[derive(Clone, Copy)]
struct Mixture {
    own: f32,
    gray: [f32; 3],
}

fn mixture(factor: f64) -> Mixture {
    let gray = [0.299, 0.587, 0.114].map(|w| (w * (1.0 - factor)) as f32);
    Mixture { own: factor as f32, gray }
}

/// Every channel is `factor` of itself and the rest of BT.601's gray; interleaved pixels, or three planes.
pub fn saturate(pixels: &[u8], out: &mut [u8], factor: f64) {
    let m = mixture(factor);
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512 with VBMI.
        done = unsafe { x86::saturate(pixels, out, &m) };
    }
    saturate_pixels(&pixels[done..], &mut out[done..], &m);
}

/// The same on three planes, in place.
pub fn saturate_planes([r, g, b]: [&mut [u8]; 3], factor: f64) {
    let m = mixture(factor);
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: as above.
        done = unsafe { x86::saturate_planes(r, g, b, &m) };
    }
    saturate_lines(&mut r[done..], &mut g[done..], &mut b[done..], &m);
}

#[inline(always)]
fn mixed(p: [u8; 3], m: &Mixture) -> [u8; 3] {
    let [r, g, b] = [f32::from(p[0]), f32::from(p[1]), f32::from(p[2])];
    let gray = r * m.gray[0] + g * m.gray[1] + b * m.gray[2] + 0.5;
    [level(r * m.own + gray), level(g * m.own + gray), level(b * m.own + gray)]
}

#[inline(always)]
fn level(v: f32) -> u8 {
    let v = if v > 0.0 { v } else { 0.0 };
    (if v < 255.0 { v } else { 255.0 }) as i32 as u8
}

leveled! {
    fn saturate_pixels(pixels: &[u8], out: &mut [u8], m: &Mixture) {
        for (p, o) in pixels.chunks_exact(3).zip(out.chunks_exact_mut(3)) {
            o.copy_from_slice(&mixed([p[0], p[1], p[2]], m));
        }
    }
}

leveled! {
    fn saturate_lines(r: &mut [u8], g: &mut [u8], b: &mut [u8], m: &Mixture) {
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            [*r, *g, *b] = mixed([*r, *g, *b], m);
        }
    }
}

/// Levels to fractions of white less `mean`, times `gain`. `stream` goes around the caches where the processor can:
/// for outputs that are larger than they are.
pub fn normalize(line: &[u8], mean: f32, gain: f32, out: &mut [f32], stream: bool) {
    #[cfg(target_arch = "x86_64")]
    if stream && crate::simd::current() >= crate::simd::Level::Avx512 {
        let head = aligned(out, 0).min(line.len());
        normalize_line(&line[..head], mean, gain, &mut out[..head]);
        // SAFETY: the level says that the processor has AVX-512.
        let done = head + unsafe { x86::normalize(&line[head..], mean, gain, &mut out[head..]) };
        normalize_line(&line[done..], mean, gain, &mut out[done..]);
        return;
    }
    normalize_line(line, mean, gain, out);
}

/// Waits until what went around the caches can be seen by others.
pub fn arrive() {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: every processor with AVX-512 has SSE.
        unsafe { std::arch::x86_64::_mm_sfence() };
    }
}

/// The first place from `at` on where a line of the cache begins.
pub fn aligned(out: &[f32], at: usize) -> usize {
    at + out[at..].as_ptr().align_offset(64)
}

leveled! {
    fn normalize_line(line: &[u8], mean: f32, gain: f32, out: &mut [f32]) {
        for (&v, out) in line.iter().zip(out) {
            let v = f32::from(v);
            *out = (v * PER_LEVEL[0] + v * PER_LEVEL[1] - mean) * gain;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Mixture;
    use std::arch::x86_64::*;

    /// Sixteen pixels of whole numbers in float32, mixed and rounded; what lies beyond a level is left to the packing.
    macro_rules! mix {
        ($r:expr, $g:expr, $b:expr, $own:expr, $gray:expr) => {{
            let (r, g, b) = (_mm512_cvtepi32_ps($r), _mm512_cvtepi32_ps($g), _mm512_cvtepi32_ps($b));
            let gray = _mm512_add_ps(_mm512_mul_ps(r, $gray[0]), _mm512_mul_ps(g, $gray[1]));
            let gray = _mm512_add_ps(gray, _mm512_mul_ps(b, $gray[2]));
            let gray = _mm512_add_ps(gray, _mm512_set1_ps(0.5));
            [
                _mm512_cvttps_epi32(_mm512_add_ps(_mm512_mul_ps(r, $own), gray)),
                _mm512_cvttps_epi32(_mm512_add_ps(_mm512_mul_ps(g, $own), gray)),
                _mm512_cvttps_epi32(_mm512_add_ps(_mm512_mul_ps(b, $own), gray)),
            ]
        }};
    }

    /// Whole vectors of 64 pixels; says how many pixels.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn saturate_planes(r: &mut [u8], g: &mut [u8], b: &mut [u8], m: &Mixture) -> usize {
        let own = _mm512_set1_ps(m.own);
        let gray = [_mm512_set1_ps(m.gray[0]), _mm512_set1_ps(m.gray[1]), _mm512_set1_ps(m.gray[2])];
        // Packing works within quarters of a vector: this puts their parts in order again.
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        let n = r.len().min(g.len()).min(b.len()) / 64 * 64;
        for at in (0..n).step_by(64) {
            let (pr, pg, pb) = (r[at..][..64].as_mut_ptr(), g[at..][..64].as_mut_ptr(), b[at..][..64].as_mut_ptr());
            macro_rules! load {
                ($p:expr, $k:expr) => {
                    // SAFETY: 64 bytes lie behind the pointer.
                    _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128($p.add($k).cast()) })
                };
            }
            macro_rules! sixteen {
                ($k:expr) => {
                    mix!(load!(pr, $k), load!(pg, $k), load!(pb, $k), own, gray)
                };
            }
            let (s, t, u, v) = (sixteen!(0), sixteen!(16), sixteen!(32), sixteen!(48));
            macro_rules! store {
                ($p:expr, $c:expr) => {
                    let packed =
                        _mm512_packus_epi16(_mm512_packs_epi32(s[$c], t[$c]), _mm512_packs_epi32(u[$c], v[$c]));
                    // SAFETY: 64 bytes lie behind the pointer.
                    unsafe { _mm512_storeu_si512($p.cast(), _mm512_permutexvar_epi32(order, packed)) };
                };
            }
            store!(pr, 0);
            store!(pg, 1);
            store!(pb, 2);
        }
        n
    }

    /// Whole vectors of 16 interleaved pixels; says how many bytes.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn saturate(pixels: &[u8], out: &mut [u8], m: &Mixture) -> usize {
        let own = _mm512_set1_ps(m.own);
        let gray = [_mm512_set1_ps(m.gray[0]), _mm512_set1_ps(m.gray[1]), _mm512_set1_ps(m.gray[2])];
        const WIDE: __mmask64 = 0x1111_1111_1111_1111;
        const BYTES: __mmask64 = (1 << 48) - 1;
        // Channel c of pixel k is byte 3 k + c: it becomes the lowest of four bytes.
        let spread = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45);
        let one = _mm512_set1_epi32(1);
        let spread = [spread, _mm512_add_epi32(spread, one), _mm512_add_epi32(spread, _mm512_set1_epi32(2))];
        // After packing, each quarter holds four bytes of red, of green, and of blue.
        let mut order = [0u8; 64];
        for (k, o) in order.iter_mut().enumerate().take(48) {
            let (pixel, c) = (k / 3, k % 3);
            *o = (pixel / 4 * 16 + c * 4 + pixel % 4) as u8;
        }
        // SAFETY: the array holds 64 bytes.
        let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
        let n = pixels.len().min(out.len()) / 48 * 48;
        for at in (0..n).step_by(48) {
            let (from, to) = (pixels[at..][..48].as_ptr(), out[at..][..48].as_mut_ptr());
            // SAFETY: 48 bytes lie behind the pointers, and the mask keeps to them.
            let p = unsafe { _mm512_maskz_loadu_epi8(BYTES, from.cast()) };
            let [r, g, b] = mix!(
                _mm512_maskz_permutexvar_epi8(WIDE, spread[0], p),
                _mm512_maskz_permutexvar_epi8(WIDE, spread[1], p),
                _mm512_maskz_permutexvar_epi8(WIDE, spread[2], p),
                own,
                gray
            );
            let packed = _mm512_packus_epi16(_mm512_packs_epi32(r, g), _mm512_packs_epi32(b, b));
            // SAFETY: as above.
            unsafe { _mm512_mask_storeu_epi8(to.cast(), BYTES, _mm512_permutexvar_epi8(order, packed)) };
        }
        n
    }

    /// Whole vectors of 16 to memory; says how many values. The output must begin with a line of the cache.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn normalize(line: &[u8], mean: f32, gain: f32, out: &mut [f32]) -> usize {
        if out.as_ptr().align_offset(64) != 0 {
            return 0;
        }
        let (m, g) = (_mm512_set1_ps(mean), _mm512_set1_ps(gain));
        let (k0, k1) = (_mm512_set1_ps(super::PER_LEVEL[0]), _mm512_set1_ps(super::PER_LEVEL[1]));
        let n = line.len().min(out.len()) / 16 * 16;
        for (line, out) in line[..n].chunks_exact(16).zip(out[..n].chunks_exact_mut(16)) {
            // SAFETY: the chunk holds 16 bytes.
            let v = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(line.as_ptr().cast()) }));
            let v = _mm512_add_ps(_mm512_mul_ps(v, k0), _mm512_mul_ps(v, k1));
            // SAFETY: the chunk holds 16 floats and begins with a line of the cache.
            unsafe { _mm512_stream_ps(out.as_mut_ptr(), _mm512_mul_ps(_mm512_sub_ps(v, m), g)) };
        }
        n
    }
}
