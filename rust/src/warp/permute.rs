//! Sampling without gathers: where the taps of neighboring points lie close together, whole stretches of the picture's
//! rows are loaded and the taps are picked out of them in registers (AVX-512 VBMI).

use super::clamped::Line;
use super::points::{CHUNK, NEAR, Points};
use crate::resample::View;
use std::arch::x86_64::*;

/// Points that are worked on at once.
pub const GROUP: usize = 64;
/// Bytes of a row that the taps of one group may stretch over.
pub(super) const REACH: usize = 128;
/// Bytes that stay in a cache of their own accord; lines of larger pictures are asked for ahead.
const NEAREST: usize = 1 << 20;
/// Rows a group may reach over; beyond, gathering is quicker.
pub(super) const ROWS: i32 = 32;

/// The points `from..to` (64 at most, `from` a multiple of 16) of bytes with one to three channels; false where their
/// taps lie too far apart.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
pub fn picked(
    view: &View<'_, u8>,
    points: &Points,
    lines: &[Line; 2],
    from: usize,
    to: usize,
    out: &mut [f32],
) -> bool {
    let small = view.width < 2 || view.height < 2;
    if small
        || to <= from
        || to - from > GROUP
        || !from.is_multiple_of(16)
        || to > CHUNK
        || out.len() < view.channels * CHUNK
    {
        return false;
    }
    match (view.channels, to - from <= GROUP / 2) {
        (1, false) => group::<1, 4>(view, points, lines, from, to, out),
        (2, false) => group::<2, 4>(view, points, lines, from, to, out),
        (3, false) => group::<3, 4>(view, points, lines, from, to, out),
        (1, true) => group::<1, 2>(view, points, lines, from, to, out),
        (2, true) => group::<2, 2>(view, points, lines, from, to, out),
        (3, true) => group::<3, 2>(view, points, lines, from, to, out),
        _ => false,
    }
}

/// How the coordinates of a group are brought into the picture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// They lie inside, and between those of the first and the last point.
    Inside,
    /// The same, and they are the points' own.
    Same,
    /// Some lie beyond the edge.
    Clamped,
}

/// How a group's coordinates lie, and, where that is known from its ends, the least and the greatest of its first taps
/// and how far apart these can be at most wherever such a group lies.
#[inline(always)]
fn reach(points: &Points, near: &[f32; NEAR], line: &Line, from: usize, to: usize) -> (Reach, i32, i32, i32) {
    let (a, b) = (near[from] * line.scale + line.part, near[to - 1] * line.scale + line.part);
    let inside = |v: f32| v >= line.low && v >= 0.0 && v < line.high;
    if !(points.in_order() && inside(a) && inside(b)) {
        return (Reach::Clamped, 0, 0, 0);
    }
    let same = line.scale == 1.0 && line.part == 0.0;
    let most = (a - b).abs() as i32 + 1;
    let (a, b) = (a as i32, b as i32);
    (if same { Reach::Same } else { Reach::Inside }, a.min(b), a.max(b), most)
}

/// First taps (counted from the line's whole pixel) and weights of `P` times 16 points, which begin at `from`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn split<const P: usize>(near: &[f32; NEAR], from: usize, line: &Line, reach: Reach) -> ([__m512i; P], [__m512; P]) {
    let (mut whole, mut part) = ([_mm512_setzero_si512(); P], [_mm512_setzero_ps(); P]);
    let near = &near[from..from + 16 * P];
    for ((near, whole), part) in near.chunks_exact(16).zip(&mut whole).zip(&mut part) {
        // SAFETY: the chunk holds as many values as are read.
        let mut v = unsafe { _mm512_loadu_ps(near.as_ptr()) };
        if reach != Reach::Same {
            v = _mm512_add_ps(_mm512_mul_ps(v, _mm512_set1_ps(line.scale)), _mm512_set1_ps(line.part));
        }
        if reach == Reach::Clamped {
            // max and min give their second operand for NaN.
            v = _mm512_min_ps(_mm512_max_ps(v, _mm512_set1_ps(line.low)), _mm512_set1_ps(line.high));
        }
        let mut first = _mm512_cvttps_epi32(v);
        if reach == Reach::Clamped {
            first = _mm512_min_epi32(first, _mm512_set1_epi32(line.last));
        }
        (*whole, *part) = (first, _mm512_sub_ps(v, _mm512_cvtepi32_ps(first)));
    }
    (whole, part)
}

/// The least and the greatest of the taps.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn ends<const P: usize>(v: &[__m512i; P]) -> (i32, i32) {
    let (mut least, mut most) = (v[0], v[0]);
    for &v in &v[1..] {
        (least, most) = (_mm512_min_epi32(least, v), _mm512_max_epi32(most, v));
    }
    (_mm512_reduce_min_epi32(least), _mm512_reduce_max_epi32(most))
}

// Written out where they stand, so that vectors never travel through memory: a call between functions of this
// instruction set is only inlined when the compiler finds it small.
macro_rules! lerp {
    ($a:expr, $b:expr, $f:expr) => {{
        let a = $a;
        _mm512_add_ps(a, _mm512_mul_ps(_mm512_sub_ps($b, a), $f))
    }};
}

/// Sixteen bytes from `$at` on as floats.
macro_rules! tap {
    ($kept:expr, $at:expr) => {{
        let part = &$kept[$at..][..16];
        // SAFETY: the slice holds 16 bytes.
        let v = unsafe { _mm_loadu_si128(part.as_ptr().cast()) };
        _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(v))
    }};
}

/// Sixteen floats to `$at` on.
macro_rules! put {
    ($out:expr, $at:expr, $v:expr) => {{
        let place = &mut $out[$at..][..16];
        // SAFETY: the slice holds as many values as are written.
        unsafe { _mm512_storeu_ps(place.as_mut_ptr(), $v) };
    }};
}

/// `P` times sixteen small numbers, less `by` and times `step`, as 64 bytes; where they are half as many, twice.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn bytes<const P: usize>(v: &[__m512i; P], by: i32, step: usize) -> __m512i {
    let by = _mm512_set1_epi32(by);
    macro_rules! part {
        ($k:literal) => {{
            let v = _mm512_sub_epi32(v[$k % P], by);
            _mm512_cvtepi32_epi8(match step {
                1 => v,
                2 => _mm512_add_epi32(v, v),
                _ => _mm512_add_epi32(v, _mm512_add_epi32(v, v)),
            })
        }};
    }
    let low = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(part!(0)), part!(1));
    if P <= 2 {
        return _mm512_shuffle_i64x2::<0b01_00_01_00>(low, low);
    }
    _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(low, part!(2)), part!(3))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn group<const C: usize, const P: usize>(
    view: &View<'_, u8>,
    points: &Points,
    lines: &[Line; 2],
    from: usize,
    to: usize,
    out: &mut [f32],
) -> bool {
    let count = to - from;
    let parts = count.div_ceil(16);
    let zero = _mm512_setzero_si512();
    let (near_x, near_y) = (&points.near_x, &points.near_y);
    let (reach_x, mut left, mut right, _) = reach(points, near_x, &lines[0], from, to);
    let (reach_y, mut top, mut bottom, mut most) = reach(points, near_y, &lines[1], from, to);
    // What stands behind the last point is worked on too, and not used.
    let (mut x, fx) = split::<P>(near_x, from, &lines[0], reach_x);
    let (mut y, fy) = split::<P>(near_y, from, &lines[1], reach_y);
    if count < 16 * P {
        // Lanes behind the last point repeat the first one.
        let valid = (1u64 << count) - 1;
        let first_x = _mm512_broadcastd_epi32(_mm512_castsi512_si128(x[0]));
        let first_y = _mm512_broadcastd_epi32(_mm512_castsi512_si128(y[0]));
        for j in 0..P {
            let mask = (valid >> (16 * j)) as u16;
            x[j] = _mm512_mask_mov_epi32(first_x, mask, x[j]);
            y[j] = _mm512_mask_mov_epi32(first_y, mask, y[j]);
        }
    }
    if reach_x == Reach::Clamped {
        (left, right) = ends(&x);
    }
    if reach_y == Reach::Clamped {
        (top, bottom) = ends(&y);
        most = bottom.wrapping_sub(top);
    }
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
    // As many rows as any such group could need: a loop whose length is guessed right costs less than a row does.
    let (rows, stride) = (most.max(rows) as usize + 2, view.stride);
    let base = y0 as usize * stride + x0 as usize * C;
    let (column, row) = (bytes(&x, left, C), bytes(&y, top, 1));
    let near = (across + 2) * C as i64 <= 64;
    if view.data.len() > NEAREST {
        fetch_next(view, points, lines, (from, to), base, rows);
    }
    if P == 2 {
        // Left taps in the lower half and right taps in the upper one: half the vectors.
        let side = |c: usize| _mm512_inserti64x4::<1>(_mm512_set1_epi8(c as i8), _mm256_set1_epi8((c + C) as i8));
        let mut index = [[zero; 1]; C];
        for (c, index) in index.iter_mut().enumerate() {
            *index = [_mm512_add_epi8(column, side(c))];
        }
        let taps = match near {
            true => pick::<C, 1, false>(view.data, base, stride, rows, &index, row),
            false => pick::<C, 1, true>(view.data, base, stride, rows, &index, row),
        };
        for (c, [[top], [bottom]]) in taps.into_iter().enumerate() {
            let (top, bottom) = (stored(top), stored(bottom));
            for j in 0..parts {
                let (left, right) = (16 * j, 32 + 16 * j);
                let top = lerp!(tap!(top, left), tap!(top, right), fx[j]);
                let bottom = lerp!(tap!(bottom, left), tap!(bottom, right), fx[j]);
                put!(out, c * CHUNK + from + 16 * j, lerp!(top, bottom, fy[j]));
            }
        }
        return true;
    }
    // For each channel where its left and its right tap stand.
    let mut index = [[zero; 2]; C];
    for (c, index) in index.iter_mut().enumerate() {
        *index = [
            _mm512_add_epi8(column, _mm512_set1_epi8(c as i8)),
            _mm512_add_epi8(column, _mm512_set1_epi8((c + C) as i8)),
        ];
    }
    let taps = match near {
        true => pick::<C, 2, false>(view.data, base, stride, rows, &index, row),
        false => pick::<C, 2, true>(view.data, base, stride, rows, &index, row),
    };
    for (c, [top, bottom]) in taps.into_iter().enumerate() {
        let (top, bottom) = (top.map(|v| stored(v)), bottom.map(|v| stored(v)));
        for j in 0..P {
            if j == parts {
                break;
            }
            let at = 16 * j;
            let top = lerp!(tap!(top[0], at), tap!(top[1], at), fx[j]);
            let bottom = lerp!(tap!(bottom[0], at), tap!(bottom[1], at), fx[j]);
            put!(out, c * CHUNK + from + 16 * j, lerp!(top, bottom, fy[j]));
        }
    }
    true
}

/// Asks for the lines that the next group will most likely need: rows lie too far apart for the processor to guess.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn fetch_next(
    view: &View<'_, u8>,
    points: &Points,
    lines: &[Line; 2],
    (from, to): (usize, usize),
    base: usize,
    rows: usize,
) {
    let gone = |near: &[f32; NEAR], line: &Line| ((near[to - 1] - near[from]) * line.scale) as isize;
    let (dx, dy) = (gone(&points.near_x, &lines[0]), gone(&points.near_y, &lines[1]));
    let mut at =
        view.data.as_ptr().wrapping_add(base).wrapping_offset(dx * view.channels as isize + dy * view.stride as isize);
    for _ in 0..rows {
        // Hints may name any address.
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
        _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(64).cast());
        at = at.wrapping_add(view.stride);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn stored(v: __m512i) -> [u8; GROUP] {
    let mut out = [0u8; GROUP];
    // SAFETY: 64 bytes are written to an array of 64.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), v) };
    out
}

/// Picks the taps of every point: for each channel those of the upper and those of the lower row, in as many vectors as
/// `index` has. They lie within 64 bytes of a row, or within 128.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
pub(super) fn pick<const C: usize, const N: usize, const WIDE: bool>(
    data: &[u8],
    base: usize,
    stride: usize,
    rows: usize,
    index: &[[__m512i; N]; C],
    row: __m512i,
) -> [[[__m512i; N]; 2]; C] {
    let zero = _mm512_setzero_si512();
    let mut taps = [[[zero; N]; 2]; C];
    let reach = if WIDE { REACH } else { 64 };
    let step = _mm512_set1_epi8(1);
    // Where the last row's stretch lies in the data, all do.
    let whole = base + (rows - 1) * stride + reach <= data.len();
    macro_rules! stretch {
        ($r:expr) => {{
            // What stands behind the data is not read, and not needed either.
            let data = &data[(base + $r * stride).min(data.len())..];
            if whole || data.len() >= reach {
                debug_assert!(data.len() >= reach);
                // SAFETY: the slice holds as many bytes as are read.
                unsafe {
                    let low = _mm512_loadu_si512(data.as_ptr().cast());
                    (low, if WIDE { _mm512_loadu_si512(data.as_ptr().add(64).cast()) } else { low })
                }
            } else {
                let mask = |n: usize| if n >= 64 { !0u64 } else { (1 << n) - 1 };
                let rest = data.get(64..).unwrap_or_default();
                // SAFETY: only bytes inside the slices are read.
                unsafe {
                    (
                        _mm512_maskz_loadu_epi8(mask(data.len()), data.as_ptr().cast()),
                        _mm512_maskz_loadu_epi8(mask(rest.len()), rest.as_ptr().cast()),
                    )
                }
            }
        }};
    }
    macro_rules! look {
        ($low:expr, $high:expr, $index:expr) => {
            match WIDE {
                true => _mm512_permutex2var_epi8($low, $index, $high),
                false => _mm512_permutexvar_epi8($index, $low),
            }
        };
    }
    // The first two rows fill everything; what belongs to later ones is overwritten.
    let (low, high) = stretch!(0);
    for (taps, index) in taps.iter_mut().zip(index) {
        for k in 0..N {
            taps[0][k] = look!(low, high, index[k]);
        }
    }
    let mut at_row = step;
    let mut above = _mm512_cmpeq_epi8_mask(row, at_row);
    let (low, high) = stretch!(1);
    for (taps, index) in taps.iter_mut().zip(index) {
        for k in 0..N {
            taps[1][k] = look!(low, high, index[k]);
            taps[0][k] = _mm512_mask_mov_epi8(taps[0][k], above, taps[1][k]);
        }
    }
    for r in 2..rows {
        at_row = _mm512_add_epi8(at_row, step);
        let here = _mm512_cmpeq_epi8_mask(row, at_row);
        let (low, high) = stretch!(r);
        for (taps, index) in taps.iter_mut().zip(index) {
            for k in 0..N {
                let v = look!(low, high, index[k]);
                taps[0][k] = _mm512_mask_mov_epi8(taps[0][k], here, v);
                taps[1][k] = _mm512_mask_mov_epi8(taps[1][k], above, v);
            }
        }
        above = here;
    }
    taps
}
