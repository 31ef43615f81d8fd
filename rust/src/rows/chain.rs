//! Float steps one after another while the pixels stay in registers: read once, written once.

use super::Row;
use super::lanes::{Eight, Lanes};

/// Where a chain reads.
#[derive(Clone, Copy)]
pub enum From<'a> {
    /// Where it writes, and what it writes.
    Here,
    Floats([&'a [f32]; 3]),
    /// 0 to 255, taken as fractions of white.
    Bytes([&'a [u8]; 3]),
}

/// Where a chain writes.
pub enum To<'a> {
    Floats([&'a mut [f32]; 3]),
    /// Fractions of white become levels, rounded.
    Bytes([&'a mut [u8]; 3]),
}

impl<'a> To<'a> {
    /// One line by itself.
    pub fn line(line: &'a mut [f32]) -> To<'a> {
        To::Floats([line, &mut [], &mut []])
    }
}

/// Whether a chain knows a step.
pub fn knows(row: &Row) -> bool {
    matches!(
        row,
        Row::FromYcbcr
            | Row::FromLevels
            | Row::Clamp
            | Row::Scale(_)
            | Row::Mix { .. }
            | Row::Saturate(_)
            | Row::Hue { .. }
            | Row::Matrix(_)
            | Row::Invert
            | Row::Solarize(_)
            | Row::Posterize(_)
            | Row::Shift(_)
            | Row::Gray
            | Row::Normalize { .. }
    )
}

/// Runs steps (which `knows` must know) on `n` pixels of one or three channels.
pub fn run(rows: &[Row], channels: usize, n: usize, from: From<'_>, to: To<'_>) {
    let c = channels.min(3);
    let (source, bytes_in) = match &from {
        From::Here => (None, false),
        From::Floats(planes) => {
            assert!(planes.iter().take(c).all(|p| p.len() >= n));
            (Some(planes.map(|p| p.as_ptr().cast::<u8>())), false)
        }
        From::Bytes(planes) => {
            assert!(planes.iter().take(c).all(|p| p.len() >= n));
            (Some(planes.map(<[u8]>::as_ptr)), true)
        }
    };
    let (target, bytes_out) = match to {
        To::Floats(planes) => {
            assert!(planes.iter().take(c).all(|p| p.len() >= n));
            (planes.map(|p| p.as_mut_ptr().cast::<u8>()), false)
        }
        To::Bytes(planes) => {
            assert!(planes.iter().take(c).all(|p| p.len() >= n));
            (planes.map(<[u8]>::as_mut_ptr), true)
        }
    };
    let bytes_in = if source.is_none() { bytes_out } else { bytes_in };
    let source = source.unwrap_or(target.map(<*mut u8>::cast_const));
    // SAFETY: the pointers were made of slices of at least `n` values each; the level says what the processor has.
    unsafe {
        match (c, bytes_in, bytes_out) {
            (1, false, false) => leveled::<1, false, false>(rows, n, source, target),
            (1, true, false) => leveled::<1, true, false>(rows, n, source, target),
            (1, false, true) => leveled::<1, false, true>(rows, n, source, target),
            (1, true, true) => leveled::<1, true, true>(rows, n, source, target),
            (3, false, false) => leveled::<3, false, false>(rows, n, source, target),
            (3, true, false) => leveled::<3, true, false>(rows, n, source, target),
            (3, false, true) => leveled::<3, false, true>(rows, n, source, target),
            (3, true, true) => leveled::<3, true, true>(rows, n, source, target),
            _ => debug_assert!(false, "one channel or three"),
        }
    }
}

type Source = [*const u8; 3];
type Target = [*mut u8; 3];

/// # Safety
/// The pointers must be good for `n` values of C planes.
unsafe fn leveled<const C: usize, const I: bool, const O: bool>(rows: &[Row], n: usize, from: Source, to: Target) {
    #[cfg(target_arch = "x86_64")]
    {
        use super::lanes::{Avx2, Avx512};
        use crate::simd::Level;

        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        unsafe fn avx2<const C: usize, const I: bool, const O: bool>(rows: &[Row], n: usize, from: Source, to: Target) {
            // SAFETY: the caller vouches for the pointers.
            unsafe { tiles::<Avx2, C, I, O>(rows, n, from, to) }
        }
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl")]
        unsafe fn avx512<const C: usize, const I: bool, const O: bool>(
            rows: &[Row],
            n: usize,
            from: Source,
            to: Target,
        ) {
            // SAFETY: the caller vouches for the pointers.
            unsafe { tiles::<Avx512, C, I, O>(rows, n, from, to) }
        }
        match crate::simd::current() {
            // SAFETY: the level is only given where the processor has its features.
            Level::Avx512 => return unsafe { avx512::<C, I, O>(rows, n, from, to) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { avx2::<C, I, O>(rows, n, from, to) },
            Level::Base => {}
        }
    }
    // SAFETY: the caller vouches for the pointers.
    unsafe { tiles::<Eight, C, I, O>(rows, n, from, to) }
}

/// Vectors per plane that are worked on at once.
const U: usize = 2;
/// The most values that they hold.
const MOST: usize = 32;

/// # Safety
/// As `leveled`, and the processor must have what V needs.
#[inline(always)]
unsafe fn tiles<V: Lanes, const C: usize, const I: bool, const O: bool>(
    rows: &[Row],
    n: usize,
    from: Source,
    to: Target,
) {
    let step = U * V::N;
    let mut at = 0;
    // Where a picture ends there is fill, and fill looks alike: what was just worked out need not be worked out again.
    let costly = !I && !O && rows.iter().any(|row| matches!(row, Row::Hue { .. } | Row::Saturate(_) | Row::Matrix(_)));
    // The last pixel of the tile before, and what became of it.
    let mut known = [[f32::NAN; C]; 2];
    while at + step <= n {
        // SAFETY: `step` values from `at` on lie inside the planes.
        unsafe {
            if costly {
                if !again::<V, C>(from, to, at, &known) {
                    known[0] = pixel(from, at + step - 1);
                    tile::<V, C, I, O>(rows, from, to, at);
                    known[1] = pixel(to.map(<*mut u8>::cast_const), at + step - 1);
                }
            } else {
                tile::<V, C, I, O>(rows, from, to, at);
            }
        }
        at += step;
    }
    let left = n - at;
    if left > 0 {
        // The rest on padded copies; four bytes a value hold both kinds.
        let (mut held, mut out) = ([[0f32; MOST]; 3], [[0f32; MOST]; 3]);
        let (size_in, size_out) = (if I { 1 } else { 4 }, if O { 1 } else { 4 });
        for c in 0..C {
            // SAFETY: `left` values lie behind `at`, and fewer than MOST fit the copy.
            unsafe {
                std::ptr::copy_nonoverlapping(from[c].add(at * size_in), held[c].as_mut_ptr().cast(), left * size_in)
            };
        }
        let (source, target) =
            (held.each_ref().map(|p| p.as_ptr().cast()), out.each_mut().map(|p| p.as_mut_ptr().cast()));
        // SAFETY: both copies hold MOST values.
        unsafe { tile::<V, C, I, O>(rows, source, target, 0) };
        for c in 0..C {
            // SAFETY: as above.
            unsafe {
                std::ptr::copy_nonoverlapping(out[c].as_ptr().cast::<u8>(), to[c].add(at * size_out), left * size_out)
            };
        }
    }
}

/// # Safety
/// As `tiles`, for U vectors from `at` on.
#[inline(always)]
unsafe fn tile<V: Lanes, const C: usize, const I: bool, const O: bool>(
    rows: &[Row],
    from: Source,
    to: Target,
    at: usize,
) {
    let kept =
        O && matches!(rows.last(), Some(Row::Saturate(_) | Row::Scale(_) | Row::Mix { .. } | Row::Clamp)) && C == 3;
    // SAFETY: the caller vouches for everything.
    unsafe {
        let mut v = [[V::splat(0.0); C]; U];
        for (u, v) in v.iter_mut().enumerate() {
            for (v, from) in v.iter_mut().zip(from) {
                let place = at + u * V::N;
                *v = if I { fraction(V::load_bytes(from.add(place))) } else { V::load(from.cast::<f32>().add(place)) };
            }
        }
        for row in rows {
            step(&mut v, row);
        }
        for (u, v) in v.iter().enumerate() {
            for (v, to) in v.iter().zip(to) {
                let place = at + u * V::N;
                if O {
                    // Most steps end between black and white; what does not is brought there.
                    let white = V::splat(255.0);
                    let v = if kept { v.mul(white) } else { v.mul(white).most(V::splat(0.0)).least(white) };
                    v.store_bytes(to.add(place));
                } else {
                    v.store(to.cast::<f32>().add(place));
                }
            }
        }
    }
}

/// # Safety
/// The planes must hold a value at `at`.
#[inline(always)]
unsafe fn pixel<const C: usize>(from: Source, at: usize) -> [f32; C] {
    // SAFETY: the caller vouches for the value.
    std::array::from_fn(|c| unsafe { from[c].cast::<f32>().add(at).read_unaligned() })
}

/// Writes a tile all of whose pixels are the known one; says whether it was such a tile.
///
/// # Safety
/// As `tile`.
#[inline(always)]
unsafe fn again<V: Lanes, const C: usize>(from: Source, to: Target, at: usize, known: &[[f32; C]; 2]) -> bool {
    // SAFETY: the caller vouches for everything.
    unsafe {
        if pixel::<C>(from, at).map(f32::to_bits) != known[0].map(f32::to_bits) {
            return false;
        }
        for (from, known) in from.into_iter().zip(known[0]) {
            for u in 0..U {
                if !V::load(from.cast::<f32>().add(at + u * V::N)).same(V::splat(known)) {
                    return false;
                }
            }
        }
        for (to, known) in to.into_iter().zip(known[1]) {
            for u in 0..U {
                V::splat(known).store(to.cast::<f32>().add(at + u * V::N));
            }
        }
        true
    }
}

/// 1/255 in two parts: a byte times the first is exact, so that the sum is v / 255 rounded once, as a division is.
pub const PER_LEVEL: [f32; 2] = [f32::from_bits(0x3B80_8000), f32::from_bits(0x3380_8081)];

#[inline(always)]
unsafe fn fraction<V: Lanes>(v: V) -> V {
    // SAFETY: the caller vouches for the processor, here and below.
    unsafe { v.mul(V::splat(PER_LEVEL[0])).add(v.mul(V::splat(PER_LEVEL[1]))) }
}

/// Kept between black and white.
#[inline(always)]
unsafe fn unit<V: Lanes>(v: V) -> V {
    // SAFETY: as above.
    unsafe { v.most(V::splat(0.0)).least(V::splat(1.0)) }
}

/// BT.601 brightness.
#[inline(always)]
unsafe fn luma<V: Lanes>([r, g, b]: [V; 3]) -> V {
    // SAFETY: as above.
    unsafe { r.mul(V::splat(0.299)).add(g.mul(V::splat(0.587))).add(b.mul(V::splat(0.114))) }
}

#[inline(always)]
unsafe fn step<V: Lanes, const C: usize>(tile: &mut [[V; C]; U], row: &Row) {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        macro_rules! each {
            ($v:ident => $e:expr) => {
                for pixel in tile.iter_mut() {
                    for v in pixel.iter_mut() {
                        let $v = *v;
                        *v = $e;
                    }
                }
            };
        }
        macro_rules! planes {
            ($v:ident, $k:ident => $e:expr) => {
                for pixel in tile.iter_mut() {
                    for ($k, v) in pixel.iter_mut().enumerate() {
                        let $v = *v;
                        *v = $e;
                    }
                }
            };
        }
        // Steps across three channels; with one they have nothing to do.
        macro_rules! colors {
            ($p:ident => $e:expr) => {
                for pixel in tile.iter_mut() {
                    if let &[r, g, b] = &pixel[..] {
                        let $p = [r, g, b];
                        let out: [V; 3] = $e;
                        for (v, out) in pixel.iter_mut().zip(out) {
                            *v = out;
                        }
                    }
                }
            };
        }
        match row {
            Row::FromYcbcr => colors!(p => from_ycbcr(p)),
            Row::FromLevels => each!(v => unit(v.mul(V::splat(1.0 / 255.0)))),
            Row::Clamp => each!(v => unit(v)),
            Row::Scale(f) => {
                let f = V::splat(*f);
                each!(v => unit(v.mul(f)));
            }
            Row::Mix { factor, add } => {
                let (f, a) = (V::splat(*factor), V::splat(*add));
                each!(v => unit(v.mul(f).add(a)));
            }
            Row::Saturate(f) => {
                let (rest, f) = (V::splat((1.0 - f) as f32), V::splat(*f as f32));
                colors!(p => {
                    let gray = luma(p).mul(rest);
                    [unit(p[0].mul(f).add(gray)), unit(p[1].mul(f).add(gray)), unit(p[2].mul(f).add(gray))]
                });
            }
            Row::Hue { whole, part } => {
                let part = V::splat(*part);
                colors!(p => turned(p, *whole, part));
            }
            Row::Matrix(m) => colors!(p => {
                let line = |k: usize| {
                    let sum = p[0].mul(V::splat(m[k])).add(p[1].mul(V::splat(m[k + 1])));
                    unit(sum.add(p[2].mul(V::splat(m[k + 2]))).add(V::splat(m[k + 3])))
                };
                [line(0), line(4), line(8)]
            }),
            Row::Invert => each!(v => V::splat(1.0).sub(v)),
            Row::Solarize(t) => {
                let t = V::splat(*t);
                each!(v => v.if_at_least(t, V::splat(1.0).sub(v), v));
            }
            Row::Posterize(steps) => {
                let unit = V::splat(((256.0 / f64::from(*steps)).floor() / 255.0) as f32);
                let (count, last) = (V::splat(*steps), V::splat(*steps - 1.0));
                each!(v => v.mul(count).floor().least(last).mul(unit));
            }
            Row::Shift(s) => planes!(v, k => unit(v.add(V::splat(s[k])))),
            Row::Gray => colors!(p => [luma(p); 3]),
            Row::Normalize { mean, gain } => planes!(v, k => v.sub(V::splat(mean[k])).mul(V::splat(gain[k]))),
            _ => debug_assert!(false, "a step that no chain knows"),
        }
    }
}

/// Y, Cb, Cr in 0..255 to R, G, B with 1.0 = white.
#[inline(always)]
unsafe fn from_ycbcr<V: Lanes>([y, cb, cr]: [V; 3]) -> [V; 3] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let (middle, level) = (V::splat(128.0), V::splat(1.0 / 255.0));
        let (u, v) = (cb.sub(middle), cr.sub(middle));
        let r = y.add(v.mul(V::splat(1.402)));
        let g = y.sub(u.mul(V::splat(0.344_136_3)).add(v.mul(V::splat(0.714_136_3))));
        let b = y.add(u.mul(V::splat(1.772)));
        [unit(r.mul(level)), unit(g.mul(level)), unit(b.mul(level))]
    }
}

/// Turns hues; value and saturation stay. Whole sixths of the circle exchange the channels, mirrored where they are odd;
/// for the rest each channel moves by as much as the other two, held together, allow.
#[inline(always)]
unsafe fn turned<V: Lanes>([r, g, b]: [V; 3], whole: u8, part: V) -> [V; 3] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let top = r.most(g).most(b);
        let least = r.least(g).least(b);
        let chroma = top.sub(least);
        let [r, g, b] = if whole.is_multiple_of(2) {
            [r, g, b]
        } else {
            let ends = top.add(least);
            [ends.sub(r), ends.sub(g), ends.sub(b)]
        };
        let [r, g, b] = match whole % 3 {
            0 => [r, g, b],
            1 => [g, b, r],
            _ => [b, r, g],
        };
        let free = chroma.sub(part.mul(chroma));
        let below = V::splat(0.0).sub(free);
        let moved = |v: V, up: V, down: V| {
            let apart = up.sub(down);
            v.add(apart.most(below).least(free).sub(apart)).most(least).least(top)
        };
        [moved(r, g, b), moved(g, b, r), moved(b, r, g)]
    }
}
