//! Color steps on fine levels: 16-bit words that count 64 steps to a level, twice as many in a register as floats.
//!
//! Only pictures of 8 bits that are read `fast` go this way. Every step rounds once or a few times to a 64th of a level,
//! where step by step each would round to a whole level. The steps are written once over `Words`, and are integer
//! arithmetic, so that every instruction set gives the same bits.

mod steps;

use super::words::{Eight, Words};
use super::{Row, chain::To};
use steps::run_step;

/// White.
pub const WHITE: i16 = 255 * STEPS;
/// Steps to a level.
pub const STEPS: i16 = 64;

/// The most steps that one pass takes.
const MOST_STEPS: usize = 12;

/// Where the words come from.
#[derive(Clone, Copy)]
pub enum From<'a> {
    Words([&'a [i16]; 3]),
    /// Floats that a whole number of words makes one of.
    Floats([&'a [f32]; 3], f32),
}

/// A factor as a 16-bit fraction and how often the product is doubled.
#[derive(Clone, Copy)]
struct Factor {
    part: i16,
    doubled: u8,
}

impl Factor {
    /// The greatest factor: beyond it the product's error would pass a tenth of a level.
    const MOST: f64 = 8.0;

    fn new(f: f64) -> Option<Factor> {
        if !(0.0..Factor::MOST).contains(&f) {
            return None;
        }
        let doubled = if f < 1.0 { 0 } else { f.log2().floor() as u8 + 1 };
        Some(Factor { part: fraction(f / f64::from(1u32 << doubled)), doubled })
    }
}

/// 0 to 1 in 15 bits.
pub fn fraction(f: f64) -> i16 {
    (f * 32768.0).round().min(32767.0) as i16
}

#[derive(Clone, Copy)]
enum Step {
    Ycbcr,
    Clamp,
    Scale(Factor),
    Mix(Factor, i16),
    Saturate(Factor),
    Hue(u8, i16),
    Invert,
    Shift([i16; 3]),
    Gray,
}

/// Steps ready to run, and what makes fractions of white (or normalized numbers) of the words at the end.
pub struct Program {
    steps: [Step; MOST_STEPS],
    count: usize,
    pub rows: usize,
    gain: [f32; 3],
    add: [f32; 3],
    adds: bool,
}

impl Program {
    /// The rows as far as they are known here; `rows` says how many they are.
    pub fn new(rows: &[Row]) -> Program {
        let per_word = 1.0 / f32::from(WHITE);
        let (gain, add) = ([per_word; 3], [0.0; 3]);
        let mut out = Program { steps: [Step::Clamp; MOST_STEPS], count: 0, rows: 0, gain, add, adds: false };
        for row in rows {
            if let Row::Normalize { mean, gain } = row {
                for k in 0..3 {
                    out.gain[k] = (f64::from(gain[k]) / f64::from(WHITE)) as f32;
                    out.add[k] = (-f64::from(mean[k]) * f64::from(gain[k])) as f32;
                }
                out.adds = true;
                out.rows += 1;
                break;
            }
            let (Some(step), true) = (Step::new(row), out.count < MOST_STEPS) else { break };
            out.steps[out.count] = step;
            out.count += 1;
            out.rows += 1;
        }
        out
    }

    fn steps(&self) -> &[Step] {
        &self.steps[..self.count]
    }
}

impl Step {
    fn new(row: &Row) -> Option<Step> {
        let words = |v: f64| (v * f64::from(WHITE)).round();
        let small = |v: f64| (-2.0..=2.0).contains(&v).then(|| words(v) as i16);
        Some(match row {
            Row::FromYcbcr => Step::Ycbcr,
            Row::FromLevels | Row::Clamp => Step::Clamp,
            Row::Scale(f) => Step::Scale(Factor::new(f64::from(*f))?),
            // Twice white is the most that a word holds, and what is added afterwards may be negative.
            Row::Mix { factor, add } if *factor <= 2.0 => {
                Step::Mix(Factor::new(f64::from(*factor))?, small(f64::from(*add))?)
            }
            Row::Saturate(f) => Step::Saturate(Factor::new(*f)?),
            Row::Hue { whole, part } => Step::Hue(*whole, fraction(f64::from(*part))),
            Row::Invert => Step::Invert,
            Row::Shift(s) => {
                let [r, g, b] = s.map(|v| small(f64::from(v)));
                Step::Shift([r?, g?, b?])
            }
            Row::Gray => Step::Gray,
            _ => return None,
        })
    }
}

/// Where the words go.
enum Target {
    Words([*mut i16; 3]),
    /// Also whether they go around the caches.
    Floats([*mut f32; 3], bool),
    Bytes([*mut u8; 3]),
}

enum Origin {
    Words([*const i16; 3]),
    Floats([*const f32; 3], f32),
}

/// Runs steps on `n` pixels of one or three channels and leaves words.
pub fn run(program: &Program, channels: usize, n: usize, from: From<'_>, mut to: [&mut [i16]; 3]) {
    assert!(to.iter().take(channels).all(|p| p.len() >= n));
    let target = to.each_mut().map(|p| p.as_mut_ptr());
    // SAFETY: every pointer was made of a slice of at least `n` values.
    unsafe { any_channels(program, channels, n, &origin(channels, n, from), &Target::Words(target)) }
}

/// Runs steps and leaves floats or bytes; floats go around the caches if `streams` says so.
pub fn finish(program: &Program, channels: usize, n: usize, from: From<'_>, to: To<'_>, streams: bool) {
    let target = match to {
        To::Floats(planes) => {
            assert!(planes.iter().take(channels).all(|p| p.len() >= n));
            Target::Floats(planes.map(|p| p.as_mut_ptr()), streams)
        }
        To::Bytes(planes) => {
            assert!(planes.iter().take(channels).all(|p| p.len() >= n));
            Target::Bytes(planes.map(|p| p.as_mut_ptr()))
        }
    };
    // SAFETY: every pointer was made of a slice of at least `n` values.
    unsafe { any_channels(program, channels, n, &origin(channels, n, from), &target) }
}

fn origin(channels: usize, n: usize, from: From<'_>) -> Origin {
    match from {
        From::Words(planes) => {
            assert!(planes.iter().take(channels).all(|p| p.len() >= n));
            Origin::Words(planes.map(<[i16]>::as_ptr))
        }
        From::Floats(planes, scale) => {
            assert!(planes.iter().take(channels).all(|p| p.len() >= n));
            Origin::Floats(planes.map(<[f32]>::as_ptr), scale)
        }
    }
}

/// # Safety
/// The pointers must be good for `n` values of each channel.
unsafe fn any_channels(program: &Program, channels: usize, n: usize, from: &Origin, to: &Target) {
    // SAFETY: the caller vouches for the pointers.
    unsafe {
        match channels {
            1 => leveled::<1>(program, n, from, to),
            3 => leveled::<3>(program, n, from, to),
            _ => debug_assert!(false, "one channel or three"),
        }
    }
}

/// # Safety
/// The pointers must be good for `n` values of C planes.
unsafe fn leveled<const C: usize>(program: &Program, n: usize, from: &Origin, to: &Target) {
    #[cfg(target_arch = "x86_64")]
    {
        use crate::rows::words::{Avx2, Avx512};
        use crate::simd::Level;

        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        unsafe fn avx2<const C: usize>(program: &Program, n: usize, from: &Origin, to: &Target) {
            // SAFETY: the caller vouches for the pointers.
            unsafe { tiles::<Avx2, C>(program, n, from, to) }
        }
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl")]
        unsafe fn avx512<const C: usize>(program: &Program, n: usize, from: &Origin, to: &Target) {
            // SAFETY: the caller vouches for the pointers.
            unsafe { tiles::<Avx512, C>(program, n, from, to) }
        }
        match crate::simd::current() {
            // SAFETY: the level is only given where the processor has its features.
            Level::Avx512 => return unsafe { avx512::<C>(program, n, from, to) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { avx2::<C>(program, n, from, to) },
            Level::Base => {}
        }
    }
    // SAFETY: the caller vouches for the pointers.
    unsafe { tiles::<Eight, C>(program, n, from, to) }
}

/// Vectors per plane that are worked on at once.
const U: usize = 2;
/// The most values that they hold.
const MOST: usize = 64;

/// # Safety
/// As `leveled`, and the processor must have what V needs.
#[inline(always)]
unsafe fn tiles<V: Words, const C: usize>(program: &Program, n: usize, from: &Origin, to: &Target) {
    let step = U * V::N;
    let mut at = 0;
    // Where a picture ends there is fill, and fill looks alike: what was just worked out need not be worked out again.
    let mut known = None;
    while at + step <= n {
        // SAFETY: `step` values from `at` on lie inside the planes.
        unsafe {
            let mut tile = load::<V, C>(from, at);
            let first = firsts(&tile[0]);
            let flat = program.count > 1 && alike(&tile, &first);
            match known {
                Some((of, is)) if flat && of == first => tile = [splats::<V, C>(is); U],
                _ => {
                    for row in program.steps() {
                        run_step(&mut tile, row);
                    }
                    known = if flat { Some((first, firsts(&tile[0]))) } else { None };
                }
            }
            store(program, &tile, to, at);
        }
        at += step;
    }
    let left = n - at;
    if left == 0 {
        return;
    }
    // The rest on padded copies.
    // SAFETY: `left` values lie behind `at`, fewer than MOST, which every copy holds.
    unsafe {
        let mut words = [[0i16; MOST]; 3];
        let mut floats = [[0f32; MOST]; 3];
        let mut bytes = [[0u8; MOST]; 3];
        let held = match from {
            Origin::Words(planes) => {
                for c in 0..C {
                    std::ptr::copy_nonoverlapping(planes[c].add(at), words[c].as_mut_ptr(), left);
                }
                Origin::Words(words.each_ref().map(|p| p.as_ptr()))
            }
            Origin::Floats(planes, scale) => {
                for c in 0..C {
                    std::ptr::copy_nonoverlapping(planes[c].add(at), floats[c].as_mut_ptr(), left);
                }
                Origin::Floats(floats.each_ref().map(|p| p.as_ptr()), *scale)
            }
        };
        let mut tile = load::<V, C>(&held, 0);
        for row in program.steps() {
            run_step(&mut tile, row);
        }
        match to {
            Target::Words(planes) => {
                store(program, &tile, &Target::Words(words.each_mut().map(|p| p.as_mut_ptr())), 0);
                for c in 0..C {
                    std::ptr::copy_nonoverlapping(words[c].as_ptr(), planes[c].add(at), left);
                }
            }
            Target::Floats(planes, _) => {
                store(program, &tile, &Target::Floats(floats.each_mut().map(|p| p.as_mut_ptr()), false), 0);
                for c in 0..C {
                    std::ptr::copy_nonoverlapping(floats[c].as_ptr(), planes[c].add(at), left);
                }
            }
            Target::Bytes(planes) => {
                store(program, &tile, &Target::Bytes(bytes.each_mut().map(|p| p.as_mut_ptr())), 0);
                for c in 0..C {
                    std::ptr::copy_nonoverlapping(bytes[c].as_ptr(), planes[c].add(at), left);
                }
            }
        }
    }
}

/// # Safety
/// The processor must have what V needs.
#[inline(always)]
unsafe fn splats<V: Words, const C: usize>(values: [i16; C]) -> [V; C] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let mut out = [V::splat(0); C];
        for (v, value) in out.iter_mut().zip(values) {
            *v = V::splat(value);
        }
        out
    }
}

/// # Safety
/// The processor must have what V needs.
#[inline(always)]
unsafe fn firsts<V: Words, const C: usize>(pixels: &[V; C]) -> [i16; C] {
    let mut out = [0; C];
    for (out, v) in out.iter_mut().zip(pixels) {
        // SAFETY: the caller vouches for the processor.
        *out = unsafe { v.first() };
    }
    out
}

/// Whether all pixels are this one.
///
/// # Safety
/// The processor must have what V needs.
#[inline(always)]
unsafe fn alike<V: Words, const C: usize>(tile: &[[V; C]; U], pixel: &[i16; C]) -> bool {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        for c in 0..C {
            for pixels in tile {
                if !pixels[c].same(V::splat(pixel[c])) {
                    return false;
                }
            }
        }
    }
    true
}

/// # Safety
/// As `tiles`, for U vectors from `at` on.
#[inline(always)]
unsafe fn load<V: Words, const C: usize>(from: &Origin, at: usize) -> [[V; C]; U] {
    // SAFETY: the caller vouches for everything.
    unsafe {
        let mut tile = [[V::splat(0); C]; U];
        for (u, pixels) in tile.iter_mut().enumerate() {
            let at = at + u * V::N;
            for (c, v) in pixels.iter_mut().enumerate() {
                *v = match from {
                    Origin::Words(planes) => V::load(planes[c].add(at)),
                    Origin::Floats(planes, scale) => V::load_floats(planes[c].add(at), *scale),
                };
            }
        }
        tile
    }
}

/// # Safety
/// As `load`.
#[inline(always)]
unsafe fn store<V: Words, const C: usize>(program: &Program, tile: &[[V; C]; U], to: &Target, at: usize) {
    // SAFETY: the caller vouches for everything.
    unsafe {
        for (u, pixels) in tile.iter().enumerate() {
            let at = at + u * V::N;
            for (c, v) in pixels.iter().enumerate() {
                match to {
                    Target::Words(planes) => v.store(planes[c].add(at)),
                    Target::Floats(planes, streams) => {
                        let (to, gain, add) = (planes[c].add(at), program.gain[c], program.add[c]);
                        match (streams, program.adds) {
                            (false, false) => v.store_floats::<false, false>(to, gain, add),
                            (false, true) => v.store_floats::<false, true>(to, gain, add),
                            (true, false) => v.store_floats::<true, false>(to, gain, add),
                            (true, true) => v.store_floats::<true, true>(to, gain, add),
                        }
                    }
                    Target::Bytes(planes) => v.store_levels(planes[c].add(at)),
                }
            }
        }
    }
}
