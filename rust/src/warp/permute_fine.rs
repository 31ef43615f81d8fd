//! Fine levels without gathers: as `permute` picks the taps, mixed as 16-bit words in registers (AVX-512 VBMI).

use super::fine::Line;
use super::permute::{GROUP, REACH, ROWS, pick};
use super::points::{NEAR, Points};
use crate::resample::View;
use std::arch::x86_64::*;

/// Samples of bytes with one or two channels as fine levels, group after group; says up to where it got: it stops
/// before points whose taps lie too far apart.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
pub fn picked(view: &View<'_, u8>, points: &Points, lines: &[Line; 2], count: usize, out: &mut [&mut [i16]]) -> usize {
    let mut done = 0;
    let mut size = GROUP;
    while done < count {
        let end = (done + size).min(count);
        let fits = match (view.channels, &mut *out) {
            (1, [line]) => group::<1>(view, points, lines, done, end, [line]),
            (2, [a, b]) => group::<2>(view, points, lines, done, end, [a, b]),
            _ => false,
        };
        if fits {
            done = end;
        } else if size > 32 && end - done > 32 {
            size = 32;
        } else {
            break;
        }
    }
    done
}

/// Byte 2 of each of 32 doubled words: the low byte of the whole pixel; for the first eight bytes of every sixteen.
const WHOLE: [u8; 64] = {
    let mut index = [0; 64];
    let mut j = 0;
    while j < 64 {
        index[j] = (4 * (8 * (j / 16) + j % 8) + 2) as u8;
        j += 1;
    }
    index
};

/// The low halves of 32 doubled words.
const PARTS: [u16; 32] = {
    let mut index = [0; 32];
    let mut j = 0;
    while j < 32 {
        index[j] = 2 * j as u16;
        j += 1;
    }
    index
};

/// A pixel in fixed numbers.
const ONE: f32 = 65536.0;

/// One axis of a group: the low bytes of the whole pixels (in the order in which `unpack` puts points 0 to 31 into its
/// lower and 32 to 63 into its higher half), and the weights in 15 bits.
macro_rules! fixed {
    ($near:expr, $line:expr, $clamp:expr) => {{
        let mut v = [_mm512_setzero_si512(); 4];
        for (near, v) in $near.chunks_exact(16).zip(&mut v) {
            // SAFETY: the chunk holds as many values as are read.
            let near = unsafe { _mm512_loadu_ps(near.as_ptr()) };
            // A power of two does not change how a product or a sum is rounded: it may as well come first.
            let (scale, part) = (_mm512_set1_ps($line.scale * ONE), _mm512_set1_ps($line.part * ONE));
            let mut at = _mm512_add_ps(_mm512_mul_ps(near, scale), part);
            if $clamp {
                // max and min give their second operand for NaN.
                let (low, high) = (_mm512_set1_ps($line.low * ONE), _mm512_set1_ps($line.high * ONE));
                at = _mm512_min_ps(_mm512_max_ps(at, low), high);
            }
            *v = _mm512_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(at);
        }
        v
    }};
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn wholes(v: &[__m512i; 4]) -> __m512i {
    // SAFETY: the table holds 64 bytes.
    let index = unsafe { _mm512_loadu_si512(WHOLE.as_ptr().cast()) };
    let low = _mm512_permutex2var_epi8(v[0], index, v[1]);
    let high = _mm512_permutex2var_epi8(v[2], index, v[3]);
    _mm512_mask_mov_epi8(low, 0xFF00_FF00_FF00_FF00, high)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn weights(v: &[__m512i; 4]) -> [__m512i; 2] {
    // SAFETY: the table holds 64 bytes.
    let index = unsafe { _mm512_loadu_si512(PARTS.as_ptr().cast()) };
    let low = _mm512_permutex2var_epi16(v[0], index, v[1]);
    let high = _mm512_permutex2var_epi16(v[2], index, v[3]);
    [_mm512_srli_epi16::<1>(low), _mm512_srli_epi16::<1>(high)]
}

/// Where the points from one end to the other lie inside, the whole pixels of the ends, and how far apart these can be
/// at most wherever such a group lies.
#[inline(always)]
fn reach(points: &Points, near: &[f32; NEAR], line: &Line, from: usize, to: usize) -> Option<(i32, i32, i32)> {
    let inside = |v: f32| v >= line.low && v < line.high && v >= 0.0;
    let (a, b) = (near[from] * line.scale + line.part, near[to - 1] * line.scale + line.part);
    if !(points.in_order() && inside(a) && inside(b)) {
        return None;
    }
    let most = (a - b).abs() as i32 + 1;
    // Positive, so that cutting a fraction off is the floor.
    let (a, b) = (a as i32, b as i32);
    Some((a.min(b), a.max(b), most))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn group<const C: usize>(
    view: &View<'_, u8>,
    points: &Points,
    lines: &[Line; 2],
    from: usize,
    to: usize,
    out: [&mut [i16]; C],
) -> bool {
    let count = to - from;
    let (near_x, near_y) = (&points.near_x, &points.near_y);
    let (reach_x, reach_y) = (reach(points, near_x, &lines[0], from, to), reach(points, near_y, &lines[1], from, to));
    // What stands behind the last point is worked on too, and not used.
    let (Some(near_x), Some(near_y)) = (near_x[from..].first_chunk::<GROUP>(), near_y[from..].first_chunk::<GROUP>())
    else {
        return false;
    };
    let (clamp_x, clamp_y) = (reach_x.is_none(), reach_y.is_none());
    let (x, y) = (fixed!(near_x, lines[0], clamp_x), fixed!(near_y, lines[1], clamp_y));
    let (left, right) = match reach_x {
        Some((left, right, _)) => (left, right),
        None => ends(&x, count),
    };
    let (top, bottom, most) = match reach_y {
        Some(reach) => reach,
        None => {
            let (top, bottom) = ends(&y, count);
            (top, bottom, 0)
        }
    };
    let (across, rows) = (i64::from(right) - i64::from(left), bottom.wrapping_sub(top));
    if (across + 2) * C as i64 > REACH as i64 || !(0..=ROWS).contains(&rows) {
        return false;
    }
    let (x0, y0) = (i64::from(left) + lines[0].whole, i64::from(top) + lines[1].whole);
    let inside =
        x0 >= 0 && y0 >= 0 && x0 + across + 1 < view.width as i64 && y0 + i64::from(rows) + 1 < view.height as i64;
    if !inside {
        return false;
    }
    let (mut column, row) = (
        _mm512_sub_epi8(wholes(&x), _mm512_set1_epi8(left as i8)),
        _mm512_sub_epi8(wholes(&y), _mm512_set1_epi8(top as i8)),
    );
    let valid = VALID[count];
    // Points in perspective may, by a rounding, lie beyond their ends.
    let beyond = _mm512_mask_cmpgt_epu8_mask(valid, column, _mm512_set1_epi8(across as i8))
        | _mm512_mask_cmpgt_epu8_mask(valid, row, _mm512_set1_epi8(rows as i8));
    if beyond != 0 {
        return false;
    }
    if C == 2 {
        column = _mm512_add_epi8(column, column);
    }
    let mut index = [[_mm512_setzero_si512(); 2]; C];
    for (c, index) in index.iter_mut().enumerate() {
        *index = [
            _mm512_add_epi8(column, _mm512_set1_epi8(c as i8)),
            _mm512_add_epi8(column, _mm512_set1_epi8((c + C) as i8)),
        ];
    }
    // As many rows as any such group could need: a loop whose length is guessed right costs less than a row does.
    let (rows, stride) = (most.max(rows) as usize + 2, view.stride);
    let base = y0 as usize * stride + x0 as usize * C;
    let near = (across + 2) * C as i64 <= 64;
    let taps = match near {
        true => pick::<C, 2, false>(view.data, base, stride, rows, &index, row),
        false => pick::<C, 2, true>(view.data, base, stride, rows, &index, row),
    };
    let (fx, fy) = (weights(&x), weights(&y));
    // Two neighbors in two bytes: the left one, and what the right one is more.
    let (take, differ) = (_mm512_set1_epi16(0x0040), _mm512_set1_epi16(0x40C0));
    for (line, [[a, b], [d, e]]) in out.into_iter().zip(taps) {
        macro_rules! half {
            ($unpack:ident, $k:literal) => {{
                let (above, under) = ($unpack(a, b), $unpack(d, e));
                let above = _mm512_add_epi16(
                    _mm512_maddubs_epi16(above, take),
                    _mm512_mulhrs_epi16(_mm512_maddubs_epi16(above, differ), fx[$k]),
                );
                let under = _mm512_add_epi16(
                    _mm512_maddubs_epi16(under, take),
                    _mm512_mulhrs_epi16(_mm512_maddubs_epi16(under, differ), fx[$k]),
                );
                _mm512_add_epi16(above, _mm512_mulhrs_epi16(_mm512_sub_epi16(under, above), fy[$k]))
            }};
        }
        let place = &mut line[from..to];
        let (low, high) = (half!(_mm512_unpacklo_epi8, 0), half!(_mm512_unpackhi_epi8, 1));
        // SAFETY: only words inside the slice are written.
        unsafe {
            let to = place.as_mut_ptr();
            if count == GROUP {
                _mm512_storeu_si512(to.cast(), low);
                _mm512_storeu_si512(to.add(32).cast(), high);
            } else {
                let mask = (1u64 << count) - 1;
                _mm512_mask_storeu_epi16(to, mask as u32, low);
                if count > 32 {
                    _mm512_mask_storeu_epi16(to.add(32), (mask >> 32) as u32, high);
                }
            }
        }
    }
    true
}

/// The bytes of the first so many points in the order of `wholes`.
const VALID: [u64; GROUP + 1] = {
    let mut masks = [0; GROUP + 1];
    let mut j = 0;
    while j < GROUP {
        let point = 8 * (j / 16) + j % 8 + if j % 16 < 8 { 0 } else { 32 };
        let mut count = point + 1;
        while count <= GROUP {
            masks[count] |= 1 << j;
            count += 1;
        }
        j += 1;
    }
    masks
};

/// The least and the greatest whole pixel of the first points.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn ends(v: &[__m512i; 4], count: usize) -> (i32, i32) {
    let valid = if count == GROUP { !0u64 } else { (1 << count) - 1 };
    let (mut least, mut most) = (v[0], v[0]);
    for (k, &v) in v.iter().enumerate() {
        let mask = (valid >> (16 * k)) as u16;
        // Behind the last point the first one is repeated, which stands in the first vector.
        least = _mm512_mask_min_epi32(least, mask, least, v);
        most = _mm512_mask_max_epi32(most, mask, most, v);
    }
    let first = valid as u16;
    let least = _mm512_mask_reduce_min_epi32(first, least);
    let most = _mm512_mask_reduce_max_epi32(first, most);
    (least >> 16, most >> 16)
}
