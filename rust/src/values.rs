//! The numbers of whole pictures: sums of channels, fractions of white less a mean and by a deviation, planes.

use crate::error::{Result, invalid};
use crate::leveled;
use crate::rows::PER_LEVEL;

/// A number of lanes that one, two, three and four channels fill evenly.
const LANES: usize = 48;

/// The sum of every channel of bytes, pixel after pixel.
pub fn sums(data: &[u8], channels: usize) -> Result<Vec<u64>> {
    if channels == 0 || !data.len().is_multiple_of(channels) {
        return invalid("sums: the values must be whole pixels.");
    }
    let mut out = vec![0; channels];
    if !LANES.is_multiple_of(channels) {
        for pixel in data.chunks_exact(channels) {
            for (o, &v) in out.iter_mut().zip(pixel) {
                *o += u64::from(v);
            }
        }
        return Ok(out);
    }
    // 257 bytes fit 16 bits.
    for part in data.chunks(LANES * 257) {
        for (k, v) in lanes(part).into_iter().enumerate() {
            out[k % channels] += u64::from(v);
        }
    }
    Ok(out)
}

leveled! {
    fn lanes(part: &[u8]) -> [u16; LANES] {
        let mut sums = [0u16; LANES];
        let chunks = part.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for k in 0..LANES {
                sums[k] += u16::from(chunk[k]);
            }
        }
        for (s, &v) in sums.iter_mut().zip(rest) {
            *s += u16::from(v);
        }
        sums
    }
}

/// Least and greatest value; both are NaN where one is.
pub fn span(data: &[f32]) -> (f32, f32) {
    let (mut low, mut high, mut bad) = (f32::INFINITY, f32::NEG_INFINITY, false);
    for part in data.chunks(1 << 12) {
        let (a, b, nan) = ends(part);
        (low, high, bad) = (low.min(a), high.max(b), bad || nan);
    }
    if bad { (f32::NAN, f32::NAN) } else { (low, high) }
}

leveled! {
    fn ends(part: &[f32]) -> (f32, f32, bool) {
        let (mut low, mut high, mut bad) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES], [0u32; LANES]);
        let chunks = part.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for k in 0..LANES {
                let v = chunk[k];
                low[k] = if v < low[k] { v } else { low[k] };
                high[k] = if v > high[k] { v } else { high[k] };
                bad[k] |= u32::from(v.is_nan());
            }
        }
        for (k, &v) in rest.iter().enumerate() {
            low[k] = if v < low[k] { v } else { low[k] };
            high[k] = if v > high[k] { v } else { high[k] };
            bad[k] |= u32::from(v.is_nan());
        }
        (
            low.into_iter().fold(f32::INFINITY, f32::min),
            high.into_iter().fold(f32::NEG_INFINITY, f32::max),
            bad.into_iter().any(|v| v != 0),
        )
    }
}

/// Bytes as fractions of white, less a mean and times a gain, of which there is one for each channel.
pub fn normalized(data: &[u8], middle: &[f32], gain: &[f32], out: &mut [f32]) -> Result<()> {
    let channels = middle.len();
    if channels == 0 || gain.len() != channels || data.len() != out.len() || !data.len().is_multiple_of(channels) {
        return invalid("normalized: there must be a mean and a gain for each channel, and room for every value.");
    }
    if LANES.is_multiple_of(channels) {
        let spread = |figures: &[f32]| std::array::from_fn(|k| figures[k % channels]);
        affine(data, &spread(middle), &spread(gain), out);
        return Ok(());
    }
    for (out, data) in out.chunks_exact_mut(channels).zip(data.chunks_exact(channels)) {
        for k in 0..channels {
            out[k] = (unit(data[k]) - middle[k]) * gain[k];
        }
    }
    Ok(())
}

/// A byte over 255, rounded once.
#[inline(always)]
fn unit(v: u8) -> f32 {
    f32::from(v) * PER_LEVEL[0] + f32::from(v) * PER_LEVEL[1]
}

leveled! {
    fn affine(data: &[u8], middle: &[f32; LANES], gain: &[f32; LANES], out: &mut [f32]) {
        let (data, rest) = data.as_chunks::<LANES>();
        let (out, last) = out.as_chunks_mut::<LANES>();
        for (out, data) in out.iter_mut().zip(data) {
            for k in 0..LANES {
                out[k] = (unit(data[k]) - middle[k]) * gain[k];
            }
        }
        for (k, (out, &v)) in last.iter_mut().zip(rest).enumerate() {
            *out = (unit(v) - middle[k]) * gain[k];
        }
    }
}

/// Channels to the front: pixel after pixel becomes plane after plane.
pub fn planes(data: &[f32], channels: usize, out: &mut [f32]) -> Result<()> {
    if channels == 0 || data.is_empty() || data.len() != out.len() || !data.len().is_multiple_of(channels) {
        return invalid("planes: the values must be whole pixels, with room for every one.");
    }
    let n = data.len() / channels;
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if channels == 3 && crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512.
        done = unsafe { x86::three(data, n, out) };
    }
    for (x, pixel) in data.chunks_exact(channels).enumerate().skip(done) {
        for (c, &v) in pixel.iter().enumerate() {
            out[c * n + x] = v;
        }
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Pixels from which on planes are written past the caches.
    const PAST: usize = 1 << 20;

    /// Sixteen pixels at a time; says how many were moved.
    #[target_feature(enable = "avx512f")]
    pub fn three(data: &[f32], n: usize, out: &mut [f32]) -> usize {
        if data.len() < 3 * n || out.len() < 3 * n || n == 0 {
            return 0;
        }
        // Of every plane: what stands in the first two vectors, and then that and what stands in the third.
        let (mut near, mut far) = ([[0i32; 16]; 3], [[0i32; 16]; 3]);
        for c in 0..3 {
            for k in 0..16 {
                let at = 3 * k + c;
                (near[c][k], far[c][k]) = if at < 32 { (at as i32, k as i32) } else { (0, at as i32 - 16) };
            }
        }
        macro_rules! index {
            ($v:expr) => {
                // SAFETY: the array holds sixteen values.
                unsafe { _mm512_loadu_si512($v.as_ptr().cast()) }
            };
        }
        let near = [index!(near[0]), index!(near[1]), index!(near[2])];
        let far = [index!(far[0]), index!(far[1]), index!(far[2])];
        let (red, rest) = out.split_at_mut(n);
        let (green, blue) = rest.split_at_mut(n);
        // Planes larger than the second cache go past it: fetching what is only written over costs as much as writing it.
        let past = n >= PAST && [&*red, &*green, &*blue].iter().all(|p| p.as_ptr().align_offset(64) == 0);
        macro_rules! put {
            ($to:expr, $v:expr) => {
                // SAFETY: the chunk holds sixteen values, and where `past` is set it begins at a cache line.
                unsafe {
                    if past { _mm512_stream_ps($to.as_mut_ptr(), $v) } else { _mm512_storeu_ps($to.as_mut_ptr(), $v) }
                }
            };
        }
        let lines = red.chunks_exact_mut(16).zip(green.chunks_exact_mut(16)).zip(blue.chunks_exact_mut(16));
        for (((red, green), blue), from) in lines.zip(data.chunks_exact(48)) {
            // SAFETY: the chunk holds 48 values.
            let (a, b, c) = unsafe {
                (
                    _mm512_loadu_ps(from.as_ptr()),
                    _mm512_loadu_ps(from.as_ptr().add(16)),
                    _mm512_loadu_ps(from.as_ptr().add(32)),
                )
            };
            put!(red, _mm512_permutex2var_ps(_mm512_permutex2var_ps(a, near[0], b), far[0], c));
            put!(green, _mm512_permutex2var_ps(_mm512_permutex2var_ps(a, near[1], b), far[1], c));
            put!(blue, _mm512_permutex2var_ps(_mm512_permutex2var_ps(a, near[2], b), far[2], c));
        }
        if past {
            _mm_sfence();
        }
        n / 16 * 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_planes_and_fractions_are_their_definitions() {
        for channels in [1usize, 2, 3, 4, 5] {
            let n = 30011;
            let data: Vec<u8> = (0..n * channels).map(|k| (k * 97 + k / 31) as u8).collect();
            let mut sum = vec![0u64; channels];
            data.iter().enumerate().for_each(|(k, &v)| sum[k % channels] += u64::from(v));
            assert_eq!(sums(&data, channels).unwrap(), sum);
            let figures: Vec<f32> = (0..channels).map(|c| 0.3 + c as f32 * 0.1).collect();
            let mut out = vec![0.0; data.len()];
            normalized(&data, &figures, &figures, &mut out).unwrap();
            for (k, (&v, &o)) in data.iter().zip(&out).enumerate() {
                let f = figures[k % channels];
                assert_eq!(o.to_bits(), ((f32::from(v) / 255.0 - f) * f).to_bits());
            }
            let mut turned = vec![0.0; out.len()];
            planes(&out, channels, &mut turned).unwrap();
            for (k, &v) in out.iter().enumerate() {
                assert_eq!(turned[k % channels * n + k / channels], v);
            }
            let least = out.iter().copied().fold(f32::INFINITY, f32::min);
            assert_eq!(span(&out), (least, out.iter().copied().fold(f32::NEG_INFINITY, f32::max)));
            out[n / 2] = f32::NAN;
            assert!(span(&out).0.is_nan());
        }
    }
}
