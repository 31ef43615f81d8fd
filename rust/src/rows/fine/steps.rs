//! The arithmetic of the steps on fine levels.

use super::{Factor, STEPS, Step, U, WHITE};
use crate::rows::words::Words;

/// Kept between black and white.
#[inline(always)]
unsafe fn unit<V: Words>(v: V) -> V {
    // SAFETY: the caller vouches for the processor, here and below.
    unsafe { v.most(V::splat(0)).least(V::splat(WHITE)) }
}

#[inline(always)]
unsafe fn times<V: Words>(v: V, f: Factor) -> V {
    // SAFETY: as above.
    unsafe {
        let mut v = v.part(V::splat(f.part));
        for _ in 0..f.doubled {
            v = v.add_held(v);
        }
        v
    }
}

/// BT.601 brightness.
#[inline(always)]
unsafe fn luma<V: Words>([r, g, b]: [V; 3]) -> V {
    // SAFETY: as above.
    unsafe { r.part(V::splat(9798)).add(g.part(V::splat(19235))).add(b.part(V::splat(3735))) }
}

/// One step on a tile.
///
/// # Safety
/// The processor must have what V needs.
#[inline(always)]
pub unsafe fn run_step<V: Words, const C: usize>(tile: &mut [[V; C]; U], step: &Step) {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        macro_rules! planes {
            ($v:ident, $k:ident => $e:expr) => {
                for pixel in tile.iter_mut() {
                    for ($k, v) in pixel.iter_mut().enumerate() {
                        let ($v, _) = (*v, $k);
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
        match step {
            Step::Ycbcr => colors!(p => from_ycbcr(p)),
            Step::Clamp => planes!(v, _k => unit(v)),
            // Neither factor nor word is negative.
            Step::Scale(f) => planes!(v, _k => times(v, *f).least(V::splat(WHITE))),
            Step::Mix(f, add) => {
                let add = V::splat(*add);
                planes!(v, _k => unit(times(v, *f).add_held(add)));
            }
            Step::Saturate(f) => colors!(p => {
                let gray = luma(p);
                [
                    unit(times(p[0].sub(gray), *f).add_held(gray)),
                    unit(times(p[1].sub(gray), *f).add_held(gray)),
                    unit(times(p[2].sub(gray), *f).add_held(gray)),
                ]
            }),
            Step::Hue(whole, part) => {
                let part = V::splat(*part);
                colors!(p => turned(p, *whole, part));
            }
            Step::Invert => planes!(v, _k => V::splat(WHITE).sub(v)),
            Step::Shift(s) => planes!(v, k => unit(v.add_held(V::splat(s[k])))),
            Step::Gray => colors!(p => [luma(p).least(V::splat(WHITE)); 3]),
        }
    }
}

/// Y, Cb, Cr to R, G, B.
#[inline(always)]
unsafe fn from_ycbcr<V: Words>([y, cb, cr]: [V; 3]) -> [V; 3] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let middle = V::splat(128 * STEPS);
        let (u, v) = (cb.sub(middle), cr.sub(middle));
        // 1.402, 0.344136, 0.714136 and 1.772, less the whole ones, in 15 bits.
        let r = y.add_held(v.add(v.part(V::splat(13173))));
        let g = y.sub(u.part(V::splat(11277))).sub(v.part(V::splat(23401)));
        let b = y.add_held(u.add(u.part(V::splat(25297))));
        [unit(r), unit(g), unit(b)]
    }
}

/// Turns hues as the chain of floats does.
#[inline(always)]
unsafe fn turned<V: Words>([r, g, b]: [V; 3], whole: u8, part: V) -> [V; 3] {
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
        let free = chroma.sub(chroma.part(part));
        let below = V::splat(0).sub(free);
        macro_rules! moved {
            ($v:ident, $up:ident, $down:ident) => {{
                let apart = $up.sub($down);
                $v.add(apart.most(below).least(free).sub(apart)).most(least).least(top)
            }};
        }
        [moved!(r, g, b), moved!(g, b, r), moved!(b, r, g)]
    }
}
