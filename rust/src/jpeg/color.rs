//! Planes to RGB, equal to libjpeg-turbo: triangle ("fancy") chroma upsampling and the 16-bit fixed-point matrix.

use super::header::Header;
use super::planes::{Plane, Region, Request};
use super::{Decoder, planes};
use crate::error::Result;
use crate::leveled;

#[derive(Default)]
pub struct RowBuffers {
    cb: Vec<u8>,
    cr: Vec<u8>,
    sums: Vec<u16>,
}

/// Where the wanted region lies in the scaled picture.
pub fn scaled_region(header: &Header, denom: usize, region: Option<Region>) -> Region {
    let r = region.unwrap_or(Region { x: 0, y: 0, w: header.width, h: header.height });
    let (x, y) = (r.x / denom, r.y / denom);
    Region { x, y, w: (r.x + r.w).div_ceil(denom) - x, h: (r.y + r.h).div_ceil(denom) - y }
}

impl Decoder {
    /// Decodes to interleaved RGB (or gray) rows; `out` holds the scaled region. True when nothing was stepped over.
    pub fn decode_pixels(
        &mut self,
        data: &[u8],
        header: &Header,
        denom: usize,
        region: Option<Region>,
        out: &mut [u8],
    ) -> Result<bool> {
        let target = scaled_region(header, denom, region);
        // Upsampling looks one chroma sample beyond the region.
        let around = region.map(|r| {
            let margin = 2 * denom;
            let (x, y) = (r.x.saturating_sub(margin), r.y.saturating_sub(margin));
            let (right, bottom) = ((r.x + r.w + margin).min(header.width), (r.y + r.h + margin).min(header.height));
            Region { x, y, w: right.saturating_sub(x), h: bottom.saturating_sub(y) }
        });
        let whole = self.decode_planes(data, header, &Request { denom, region: around, fast: false })?;
        let channels = header.components.len();
        let luma = &self.planes[0];
        let left = target.x - luma.x0;
        for (k, out) in out.chunks_exact_mut(target.w * channels).take(target.h).enumerate() {
            let y = target.y + k;
            let gray = &luma.row(y - luma.y0)[left..left + target.w];
            if channels == 1 {
                out.copy_from_slice(gray);
                continue;
            }
            let buffers = &mut self.rows;
            upsample(&self.planes[1], luma, y, denom < 8, &mut buffers.sums, &mut buffers.cb);
            upsample(&self.planes[2], luma, y, denom < 8, &mut buffers.sums, &mut buffers.cr);
            // A plane sample index equals a luma one after upsampling; both windows start at one MCU.
            let (cb, cr) = (&buffers.cb[left..left + target.w], &buffers.cr[left..left + target.w]);
            to_rgb(gray, cb, cr, out);
        }
        Ok(whole)
    }
}

/// Chroma for luma row `y` of the whole picture, as wide as the luma window (rounded up to whole samples).
fn upsample(plane: &Plane, luma: &Plane, y: usize, fancy: bool, sums: &mut Vec<u16>, out: &mut Vec<u8>) {
    let double_x = plane.sx < luma.sx;
    let double_y = plane.sy < luma.sy;
    let row = |at: usize| plane.row(at.clamp(plane.y0, plane.y0 + plane.h - 1) - plane.y0);
    let fancy_x = fancy && plane.full_w > 2;
    let near = row(if double_y { y / 2 } else { y });
    // The far row is the nearest one beyond, or the same at the picture's edge.
    let far = row(if y % 2 == 1 { y / 2 + 1 } else { (y / 2).saturating_sub(1) });
    let width = near.len();
    match (double_x, double_y) {
        (false, false) => {
            out.clear();
            out.extend_from_slice(near);
        }
        (true, _) if !fancy_x => {
            out.resize(2 * width, 0);
            twice(near, out);
        }
        (false, true) if !fancy => {
            out.clear();
            out.extend_from_slice(near);
        }
        (false, true) => {
            out.resize(width, 0);
            let bias = if y % 2 == 1 { 2 } else { 1 };
            vertical(near, far, bias, out);
        }
        (true, false) => {
            let padded = width.next_multiple_of(WHOLE);
            out.resize(2 * padded, 0);
            sums.resize(padded + 2, 0);
            widen(near, &mut sums[1..=width]);
            replicate_edges(&mut sums[..width + 2]);
            horizontal(sums, 1, 2, 2, out);
        }
        (true, true) => {
            let padded = width.next_multiple_of(WHOLE);
            out.resize(2 * padded, 0);
            sums.resize(padded + 2, 0);
            column_sums(near, far, &mut sums[1..=width]);
            replicate_edges(&mut sums[..width + 2]);
            horizontal(sums, 8, 7, 4, out);
        }
    }
}

/// Rows are widened in whole vectors; what stands behind their end is not used.
const WHOLE: usize = 64;

fn replicate_edges(sums: &mut [u16]) {
    let n = sums.len();
    sums[0] = sums[1];
    sums[n - 1] = sums[n - 2];
}

leveled! {
    fn twice(near: &[u8], out: &mut [u8]) {
        for (pair, &v) in out.chunks_exact_mut(2).zip(near) {
            pair.copy_from_slice(&(u16::from(v) * 257).to_le_bytes());
        }
    }
}

leveled! {
    fn widen(near: &[u8], out: &mut [u16]) {
        for (o, &v) in out.iter_mut().zip(near) {
            *o = u16::from(v);
        }
    }
}

leveled! {
    fn vertical(near: &[u8], far: &[u8], bias: u16, out: &mut [u8]) {
        for ((o, &a), &b) in out.iter_mut().zip(near).zip(far) {
            *o = ((3 * u16::from(a) + u16::from(b) + bias) >> 2) as u8;
        }
    }
}

leveled! {
    fn column_sums(near: &[u8], far: &[u8], out: &mut [u16]) {
        for ((o, &a), &b) in out.iter_mut().zip(near).zip(far) {
            *o = 3 * u16::from(a) + u16::from(b);
        }
    }
}

leveled! {
    /// Every sample becomes two, each a quarter of the way to its neighbor. `sums` has one more on either side.
    fn horizontal(sums: &[u16], left_bias: u16, right_bias: u16, shift: u16, out: &mut [u8]) {
        let n = out.len() / 2;
        let (before, here, after) = (&sums[..n], &sums[1..n + 1], &sums[2..n + 2]);
        for (i, pair) in out.chunks_exact_mut(2).enumerate() {
            // Behind the row's end stands anything: it must only not overflow.
            let three = here[i].wrapping_mul(3);
            let left = (three.wrapping_add(before[i]).wrapping_add(left_bias)) >> shift;
            let right = three.wrapping_add(after[i]).wrapping_add(right_bias) >> shift;
            // Both fit a byte: written as one word, which vectors can do.
            pair.copy_from_slice(&(left & 255 | right << 8).to_le_bytes());
        }
    }
}

#[inline(always)]
fn pixel(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let r = y + ((91881 * cr + 32768) >> 16);
    let g = y + ((-22554 * cb - 46802 * cr + 32768) >> 16);
    let b = y + ((116130 * cb + 32768) >> 16);
    [r, g, b].map(|v| v.clamp(0, 255) as u8)
}

leveled! {
    /// One row of pixels; all slices hold the same number of them.
    pub fn to_rgb(y: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
        #[allow(unused_mut)]
        let mut done = 0;
        #[cfg(target_arch = "x86_64")]
        if L >= 1 {
            let n = y.len().min(cb.len()).min(cr.len()).min(out.len() / 3);
            while done + 32 <= n {
                // SAFETY: AVX2 was found (L >= 1); 32 samples and 96 bytes lie inside the slices.
                unsafe {
                    x86::to_rgb32(y[done..].as_ptr(), cb[done..].as_ptr(), cr[done..].as_ptr(), out[3 * done..].as_mut_ptr());
                }
                done += 32;
            }
        }
        for (((o, &y), &cb), &cr) in out[3 * done..].chunks_exact_mut(3).zip(&y[done..]).zip(&cb[done..]).zip(&cr[done..]) {
            o.copy_from_slice(&pixel(y, cb, cr));
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{apart, apart64};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Interleaved pixels to three planes, sixteen at a time; says how many pixels.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[target_feature(enable = "avx2")]
    pub fn apart(row: &[u8], r: &mut [u8], g: &mut [u8], b: &mut [u8]) -> usize {
        const N: i8 = -1;
        let pick = [
            [
                _mm_setr_epi8(0, 3, 6, 9, 12, 15, N, N, N, N, N, N, N, N, N, N),
                _mm_setr_epi8(N, N, N, N, N, N, 2, 5, 8, 11, 14, N, N, N, N, N),
                _mm_setr_epi8(N, N, N, N, N, N, N, N, N, N, N, 1, 4, 7, 10, 13),
            ],
            [
                _mm_setr_epi8(1, 4, 7, 10, 13, N, N, N, N, N, N, N, N, N, N, N),
                _mm_setr_epi8(N, N, N, N, N, 0, 3, 6, 9, 12, 15, N, N, N, N, N),
                _mm_setr_epi8(N, N, N, N, N, N, N, N, N, N, N, 2, 5, 8, 11, 14),
            ],
            [
                _mm_setr_epi8(2, 5, 8, 11, 14, N, N, N, N, N, N, N, N, N, N, N),
                _mm_setr_epi8(N, N, N, N, N, 1, 4, 7, 10, 13, N, N, N, N, N, N),
                _mm_setr_epi8(N, N, N, N, N, N, N, N, N, N, 0, 3, 6, 9, 12, 15),
            ],
        ];
        let mut done = 0;
        let planes = r.chunks_exact_mut(16).zip(g.chunks_exact_mut(16)).zip(b.chunks_exact_mut(16));
        for (p, ((r, g), b)) in row.chunks_exact(48).zip(planes) {
            // SAFETY: the chunk holds 48 bytes.
            let v = unsafe {
                [
                    _mm_loadu_si128(p.as_ptr().cast()),
                    _mm_loadu_si128(p.as_ptr().add(16).cast()),
                    _mm_loadu_si128(p.as_ptr().add(32).cast()),
                ]
            };
            for (out, m) in [r, g, b].into_iter().zip(pick) {
                let parts = [_mm_shuffle_epi8(v[0], m[0]), _mm_shuffle_epi8(v[1], m[1]), _mm_shuffle_epi8(v[2], m[2])];
                // SAFETY: each plane's chunk holds 16 bytes.
                unsafe {
                    _mm_storeu_si128(out.as_mut_ptr().cast(), _mm_or_si128(_mm_or_si128(parts[0], parts[1]), parts[2]))
                };
            }
            done += 16;
        }
        done
    }

    /// The same, sixty-four at a time.
    ///
    /// # Safety
    /// The processor must have AVX-512 with VBMI.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn apart64(row: &[u8], r: &mut [u8], g: &mut [u8], b: &mut [u8]) -> usize {
        // Sample k of a channel is byte 3 k + c: in the first 128 bytes, or in the last 64.
        let mut order = [[0u8; 64]; 3];
        for (c, order) in order.iter_mut().enumerate() {
            for (k, o) in order.iter_mut().enumerate() {
                *o = ((3 * k + c) & 127) as u8;
            }
        }
        // SAFETY: the arrays hold 64 bytes.
        let order = order.each_ref().map(|o| unsafe { _mm512_loadu_si512(o.as_ptr().cast()) });
        let behind = [0, 1, 2].map(|c: usize| (0..64).filter(|k| 3 * k + c >= 128).fold(0u64, |m, k| m | 1 << k));
        let mut done = 0;
        let planes = r.chunks_exact_mut(64).zip(g.chunks_exact_mut(64)).zip(b.chunks_exact_mut(64));
        for (p, ((r, g), b)) in row.chunks_exact(192).zip(planes) {
            // SAFETY: the chunk holds 192 bytes.
            let v = unsafe {
                [
                    _mm512_loadu_si512(p.as_ptr().cast()),
                    _mm512_loadu_si512(p.as_ptr().add(64).cast()),
                    _mm512_loadu_si512(p.as_ptr().add(128).cast()),
                ]
            };
            for (c, out) in [r, g, b].into_iter().enumerate() {
                let near = _mm512_permutex2var_epi8(v[0], order[c], v[1]);
                let all = _mm512_mask_permutexvar_epi8(near, behind[c], order[c], v[2]);
                // SAFETY: each plane's chunk holds 64 bytes.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), all) };
            }
            done += 64;
        }
        done
    }

    /// (r, g, b) of 16 pixels, as 16-bit lanes before clamping.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn matrix(y: __m256i, cb: __m256i, cr: __m256i) -> [__m256i; 3] {
        let one = _mm256_set1_epi16(1);
        let round = _mm256_set1_epi32(32768);
        // (k * x + half) >> 16 for |k| < 32768: the high half of 2 k x, plus one, halved.
        let scaled = |x: __m256i, k: i16| {
            let high = _mm256_mulhi_epi16(_mm256_add_epi16(x, x), _mm256_set1_epi16(k));
            _mm256_srai_epi16::<1>(_mm256_add_epi16(high, one))
        };
        let r = _mm256_add_epi16(_mm256_add_epi16(y, cr), scaled(cr, 26345));
        let b = _mm256_add_epi16(_mm256_add_epi16(y, _mm256_add_epi16(cb, cb)), scaled(cb, -14942));
        let k = _mm256_set1_epi32((18734 << 16) | (-22554 & 0xFFFF));
        let lo = _mm256_madd_epi16(_mm256_unpacklo_epi16(cb, cr), k);
        let hi = _mm256_madd_epi16(_mm256_unpackhi_epi16(cb, cr), k);
        let mixed = _mm256_packs_epi32(
            _mm256_srai_epi32::<16>(_mm256_add_epi32(lo, round)),
            _mm256_srai_epi32::<16>(_mm256_add_epi32(hi, round)),
        );
        let g = _mm256_add_epi16(_mm256_sub_epi16(y, cr), mixed);
        [r, g, b]
    }

    /// # Safety
    /// 32 bytes are read from each source, 96 written.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub unsafe fn to_rgb32(y: *const u8, cb: *const u8, cr: *const u8, out: *mut u8) {
        // SAFETY: the caller vouches for 32 readable bytes.
        let half = |p: *const u8, k: usize| unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(p.add(16 * k).cast())) };
        let middle = _mm256_set1_epi16(128);
        for k in 0..2 {
            let [r, g, b] =
                matrix(half(y, k), _mm256_sub_epi16(half(cb, k), middle), _mm256_sub_epi16(half(cr, k), middle));
            let pack = |v: __m256i| {
                let p = _mm256_packus_epi16(v, v);
                _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b10_00>(p))
            };
            let (r, g, b) = (pack(r), pack(g), pack(b));
            // SAFETY: the caller vouches for 96 writable bytes; 48 are written at 48 * k.
            unsafe { store_rgb16(r, g, b, out.add(48 * k)) };
        }
    }

    /// # Safety
    /// 48 bytes are written.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub unsafe fn store_rgb16(r: __m128i, g: __m128i, b: __m128i, out: *mut u8) {
        const N: i8 = -1;
        let pick = |v: __m128i, m: __m128i| _mm_shuffle_epi8(v, m);
        let or3 = |a, b, c| _mm_or_si128(_mm_or_si128(a, b), c);
        let x = or3(
            pick(r, _mm_setr_epi8(0, N, N, 1, N, N, 2, N, N, 3, N, N, 4, N, N, 5)),
            pick(g, _mm_setr_epi8(N, 0, N, N, 1, N, N, 2, N, N, 3, N, N, 4, N, N)),
            pick(b, _mm_setr_epi8(N, N, 0, N, N, 1, N, N, 2, N, N, 3, N, N, 4, N)),
        );
        let y = or3(
            pick(r, _mm_setr_epi8(N, N, 6, N, N, 7, N, N, 8, N, N, 9, N, N, 10, N)),
            pick(g, _mm_setr_epi8(5, N, N, 6, N, N, 7, N, N, 8, N, N, 9, N, N, 10)),
            pick(b, _mm_setr_epi8(N, 5, N, N, 6, N, N, 7, N, N, 8, N, N, 9, N, N)),
        );
        let z = or3(
            pick(r, _mm_setr_epi8(N, 11, N, N, 12, N, N, 13, N, N, 14, N, N, 15, N, N)),
            pick(g, _mm_setr_epi8(N, N, 11, N, N, 12, N, N, 13, N, N, 14, N, N, 15, N)),
            pick(b, _mm_setr_epi8(10, N, N, 11, N, N, 12, N, N, 13, N, N, 14, N, N, 15)),
        );
        // SAFETY: the caller vouches for 48 bytes.
        unsafe {
            _mm_storeu_si128(out.cast(), x);
            _mm_storeu_si128(out.add(16).cast(), y);
            _mm_storeu_si128(out.add(32).cast(), z);
        }
    }
}

/// Samples behind a row that vector code may read.
pub const PAD: usize = planes::ROW_PAD;

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn pixels_come_apart_alike() {
        let row: Vec<u8> = (0..3 * 1000u32).map(|k| (k * 7 + k / 251) as u8).collect();
        let mut planes = [vec![0u8; 1000], vec![0; 1000], vec![0; 1000]];
        let check = |planes: &[Vec<u8>; 3], done: usize| {
            assert!(done > 900);
            for k in 0..done {
                assert_eq!([planes[0][k], planes[1][k], planes[2][k]], row[3 * k..3 * k + 3]);
            }
        };
        if crate::simd::best() >= crate::simd::Level::Avx2 {
            let [r, g, b] = &mut planes;
            // SAFETY: the processor was asked.
            let done = unsafe { super::apart(&row, r, g, b) };
            check(&planes, done);
        }
        if crate::simd::best() >= crate::simd::Level::Avx512 {
            let [r, g, b] = &mut planes;
            r.fill(0);
            // SAFETY: the processor was asked.
            let done = unsafe { super::apart64(&row, r, g, b) };
            check(&planes, done);
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_color_is_the_same_at_every_level() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        for cb in 0..=255u8 {
            let y: Vec<u8> = (0..=255).collect();
            for cr in 0..=255u8 {
                let (u, v) = (vec![cb; 256], vec![cr; 256]);
                let mut out = vec![0; 768];
                super::to_rgb(&y, &u, &v, &mut out);
                for k in 0..256 {
                    assert_eq!(out[3 * k..3 * k + 3], super::pixel(k as u8, cb, cr));
                }
            }
        }
    }
}
