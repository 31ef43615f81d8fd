//! Samples of bytes by gathers of four bytes, eight or sixteen points at a time (AVX2, AVX-512).

use super::clamped::Line;
use super::fine::{RUN, Taps};
use super::permute::{GROUP, picked};
use super::points::{CHUNK, NEAR, Points};
use crate::resample::View;
use std::arch::x86_64::*;

/// Group after group: picked out of registers where the taps lie together, gathered where they do not. Says up to
/// where it got.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
pub fn clamped(view: &View<'_, u8>, points: &Points, lines: &[Line; 2], count: usize, out: &mut [f32]) -> usize {
    let mut done = 0;
    let mut size = GROUP;
    while done < count {
        let end = (done + size).min(count);
        if picked(view, points, lines, done, end, out) {
            done = end;
        } else if size > 32 && end - done > 32 {
            size = 32;
        } else {
            done = clamped_16(view, points, lines, done, end, out);
            if done < end {
                break;
            }
        }
    }
    done
}

/// The same kernel for eight and for sixteen points at a time: bytes with one to three channels. Says up to where it
/// got; it stops before offsets whose bytes do not all lie in the data.
macro_rules! clamped {
    (
        $name:ident, $features:literal, $lanes:literal, $f:ty, $i:ty, $load:ident, $store:ident, $set1:ident, $seti:ident,
        $add:ident, $sub:ident, $mul:ident, $max:ident, $min:ident, $whole:ident, $float:ident, $addi:ident,
        $muli:ident, $mini:ident, $and:ident, $shift:ident, |$at:ident, $limit:ident| $bad:expr,
        |$data:ident, $o:ident| $gather:expr
    ) => {
        #[target_feature(enable = $features)]
        pub fn $name(
            view: &View<'_, u8>,
            points: &Points,
            lines: &[Line; 2],
            from: usize,
            count: usize,
            out: &mut [f32],
        ) -> usize {
            let (data, stride, channels) = (view.data, view.stride, view.channels);
            let small = view.width < 2 || view.height < 2 || data.len() > i32::MAX as usize;
            if small || !(1..=3).contains(&channels) || out.len() < channels * CHUNK || count > CHUNK {
                return from;
            }
            // The last byte that a gather of four touches behind an offset in the second row and column.
            let Some(limit) = data.len().checked_sub(stride + channels + 4) else { return from };
            // Where the lines begin; offsets are counted from there.
            let base = lines[1].whole * stride as i64 + lines[0].whole * channels as i64;
            let Ok(base) = i32::try_from(base) else { return from };
            let (base, limit, st) = ($seti(base), $seti(limit as i32), $seti(stride as i32));
            let split = |near: &[f32; NEAR], k: usize, line: &Line| -> ($i, $f) {
                let near = &near[k..k + $lanes];
                // SAFETY: the slice holds as many values as are read.
                let v = unsafe { $load(near.as_ptr()) };
                let v = $add($mul(v, $set1(line.scale)), $set1(line.part));
                // max and min give their second operand for NaN.
                let v = $min($max(v, $set1(line.low)), $set1(line.high));
                let first = $mini($whole(v), $seti(line.last));
                (first, $sub(v, $float(first)))
            };
            let lerp = |a: $f, b: $f, f: $f| $add(a, $mul($sub(b, a), f));
            let low = |g: $i| $float($and(g, $seti(255)));
            let mut k = from;
            while k < count {
                let (x, fx) = split(&points.near_x, k, &lines[0]);
                let (y, fy) = split(&points.near_y, k, &lines[1]);
                let double = $addi(x, x);
                let step = match channels {
                    1 => x,
                    2 => double,
                    _ => $addi(x, double),
                };
                let $at = $addi($addi($muli(y, st), step), base);
                let $limit = limit;
                // An offset below 0 or beyond the limit: the careful loop takes the rest.
                if $bad {
                    return k;
                }
                let gather = |$o: $i| {
                    let $data = data.as_ptr();
                    // SAFETY: every offset is at least 0 and, with what is read behind it, at most data.len().
                    unsafe { $gather }
                };
                let mut put = |c: usize, a: $i, b: $i, d: $i, e: $i| {
                    let v = lerp(lerp(low(a), low(b), fx), lerp(low(d), low(e), fx), fy);
                    let place = &mut out[c * CHUNK + k..][..$lanes];
                    // SAFETY: the slice holds as many values as are written.
                    unsafe { $store(place.as_mut_ptr(), v) }
                };
                let (g, h) = (gather($at), gather($addi($at, st)));
                match channels {
                    1 => put(0, g, $shift::<8>(g), h, $shift::<8>(h)),
                    2 => {
                        put(0, g, $shift::<16>(g), h, $shift::<16>(h));
                        put(1, $shift::<8>(g), $shift::<24>(g), $shift::<8>(h), $shift::<24>(h));
                    }
                    _ => {
                        let right = $addi($at, $seti(3));
                        let (i, j) = (gather(right), gather($addi(right, st)));
                        put(0, g, i, h, j);
                        put(1, $shift::<8>(g), $shift::<8>(i), $shift::<8>(h), $shift::<8>(j));
                        put(2, $shift::<16>(g), $shift::<16>(i), $shift::<16>(h), $shift::<16>(j));
                    }
                }
                k += $lanes;
            }
            count
        }
    };
}

clamped!(
    clamped_8,
    "avx2",
    8,
    __m256,
    __m256i,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_set1_epi32,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_max_ps,
    _mm256_min_ps,
    _mm256_cvttps_epi32,
    _mm256_cvtepi32_ps,
    _mm256_add_epi32,
    _mm256_mullo_epi32,
    _mm256_min_epi32,
    _mm256_and_si256,
    _mm256_srli_epi32,
    |at, limit| {
        let out = _mm256_or_si256(_mm256_cmpgt_epi32(at, limit), _mm256_cmpgt_epi32(_mm256_setzero_si256(), at));
        _mm256_movemask_epi8(out) != 0
    },
    |data, o| _mm256_i32gather_epi32::<1>(data.cast(), o)
);

clamped!(
    clamped_16,
    "avx512f,avx512bw,avx512dq,avx512vl",
    16,
    __m512,
    __m512i,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_set1_epi32,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_max_ps,
    _mm512_min_ps,
    _mm512_cvttps_epi32,
    _mm512_cvtepi32_ps,
    _mm512_add_epi32,
    _mm512_mullo_epi32,
    _mm512_min_epi32,
    _mm512_and_si512,
    _mm512_srli_epi32,
    // As unsigned numbers, those below 0 are beyond the limit too.
    |at, limit| _mm512_cmpgt_epu32_mask(at, limit) != 0,
    |data, o| _mm512_i32gather_epi32::<1>(o, data.cast())
);

/// Fine levels of one or two channels, sixteen points at a time: `count` points whose taps were found. Says up to where it
/// got; it stops before offsets whose bytes do not all lie in the data.
#[target_feature(enable = "avx2")]
pub fn fine_16<const C: usize>(
    view: &View<'_, u8>,
    taps: &Taps,
    from: usize,
    count: usize,
    out: &mut [&mut [i16]],
) -> usize {
    let Some(limit) = view.data.len().checked_sub(view.stride + 4).and_then(|n| i32::try_from(n).ok()) else {
        return 0;
    };
    if !(1..=2).contains(&C) || out.len() < C || count > RUN {
        return 0;
    }
    let (limit, stride) = (_mm256_set1_epi32(limit), _mm256_set1_epi32(view.stride as i32));
    let byte = _mm256_set1_epi32(255);
    // SAFETY: every slice that is read or written holds as many values as that takes.
    macro_rules! load {
        ($of:expr, $at:expr, $n:literal) => {{
            let part = &$of[$at..$at + $n];
            unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
        }};
    }
    let mut k = 0;
    while k + 16 <= count {
        let mut rows = [[_mm256_setzero_si256(); 2]; 2];
        for half in 0..2 {
            let (x, y) = (load!(taps.x, k + 8 * half, 8), load!(taps.y, k + 8 * half, 8));
            let x = if C == 2 { _mm256_add_epi32(x, x) } else { x };
            let at = _mm256_add_epi32(_mm256_mullo_epi32(y, stride), x);
            let bad = _mm256_or_si256(_mm256_cmpgt_epi32(at, limit), _mm256_cmpgt_epi32(_mm256_setzero_si256(), at));
            if _mm256_movemask_epi8(bad) != 0 {
                return k;
            }
            // SAFETY: every offset is at least 0 and, with a row and the bytes that are read, at most data.len().
            unsafe {
                rows[0][half] = _mm256_i32gather_epi32::<1>(view.data.as_ptr().cast(), at);
                let below = _mm256_add_epi32(at, stride);
                rows[1][half] = _mm256_i32gather_epi32::<1>(view.data.as_ptr().cast(), below);
            }
        }
        // Packing mixes the two halves by fours; so do the weights, and the result is put in order again.
        let fx = _mm256_permute4x64_epi64::<0b11_01_10_00>(load!(taps.fx, k, 16));
        let fy = _mm256_permute4x64_epi64::<0b11_01_10_00>(load!(taps.fy, k, 16));
        macro_rules! tap {
            ($row:expr, $shift:literal) => {{
                let low = _mm256_and_si256(_mm256_srli_epi32::<$shift>($row[0]), byte);
                let high = _mm256_and_si256(_mm256_srli_epi32::<$shift>($row[1]), byte);
                _mm256_slli_epi16::<6>(_mm256_packus_epi32(low, high))
            }};
        }
        macro_rules! lerp {
            ($a:expr, $b:expr, $f:expr) => {{
                let a = $a;
                _mm256_add_epi16(a, _mm256_mulhrs_epi16(_mm256_sub_epi16($b, a), $f))
            }};
        }
        macro_rules! put {
            ($c:literal, $left:literal, $right:literal) => {{
                let above = lerp!(tap!(rows[0], $left), tap!(rows[0], $right), fx);
                let under = lerp!(tap!(rows[1], $left), tap!(rows[1], $right), fx);
                let v = _mm256_permute4x64_epi64::<0b11_01_10_00>(lerp!(above, under, fy));
                let place = &mut out[$c][from + k..from + k + 16];
                // SAFETY: the slice holds as many words as are written.
                unsafe { _mm256_storeu_si256(place.as_mut_ptr().cast(), v) };
            }};
        }
        if C == 1 {
            put!(0, 0, 8);
        } else {
            put!(0, 0, 16);
            put!(1, 8, 24);
        }
        k += 16;
    }
    k
}
