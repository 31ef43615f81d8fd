//! Separable resampling: crop, flip and antialiasing live in two tables of weights; everything between is float32.
//!
//! A strip of eight output rows is made at a time: first down the columns, where neighbors in memory are neighbors in
//! the picture, then along the rows on transposed data, so that both passes read contiguously. Channels stay
//! interleaved; the number of them does not matter.

use crate::error::{Result, invalid};
use crate::leveled;

/// Rows that are made at once.
pub const STRIP: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kernel {
    Bilinear,
    Bicubic,
    Area,
    Lanczos,
    /// Two taps whatever the scale.
    Linear,
    Nearest,
}

impl Kernel {
    pub fn parse(name: &str) -> Option<Kernel> {
        Some(match name {
            "pillow-bilinear" => Kernel::Bilinear,
            "pillow-bicubic" => Kernel::Bicubic,
            "area" => Kernel::Area,
            "lanczos" => Kernel::Lanczos,
            "opencv-linear" => Kernel::Linear,
            "nearest" => Kernel::Nearest,
            _ => return None,
        })
    }

    fn support(self) -> f64 {
        match self {
            Kernel::Bilinear | Kernel::Linear => 1.0,
            Kernel::Bicubic => 2.0,
            Kernel::Area | Kernel::Nearest => 0.5,
            Kernel::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let a = x.abs();
        match self {
            Kernel::Bilinear | Kernel::Linear => (1.0 - a).max(0.0),
            Kernel::Bicubic => {
                if a < 1.0 {
                    (1.5 * a - 2.5) * a * a + 1.0
                } else if a < 2.0 {
                    ((-0.5 * a + 2.5) * a - 4.0) * a + 2.0
                } else {
                    0.0
                }
            }
            Kernel::Area | Kernel::Nearest => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Kernel::Lanczos => {
                let sinc = |t: f64| {
                    if t == 0.0 {
                        1.0
                    } else {
                        (t * std::f64::consts::PI).sin() / (t * std::f64::consts::PI)
                    }
                };
                if a < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
            }
        }
    }
}

/// The weights of one axis: output `i` is the sum over `k < taps` of `weights[i * taps + k] * input[start[i] + k]`.
#[derive(Default, Clone, Debug)]
pub struct Axis {
    pub taps: usize,
    pub start: Vec<u32>,
    pub weights: Vec<f32>,
    /// The inputs that are used: `low..high`.
    pub low: usize,
    pub high: usize,
    made_for: Option<(Span, Outputs, Kernel, Option<usize>, usize, usize)>,
}

/// Which outputs of an axis are wanted, and in which order: `sign * i + offset` for `i` in `low..high`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outputs {
    pub low: usize,
    pub high: usize,
    pub sign: i64,
    pub offset: i64,
}

impl Outputs {
    fn len(&self) -> usize {
        self.high - self.low
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let (sign, offset) = (self.sign, self.offset);
        (self.low..self.high).map(move |i| (sign * i as i64 + offset) as usize)
    }
}

/// One axis of the wanted map: `from..to` of a line becomes `count` samples.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Span {
    /// The samples that may be used: `low..high`. Kernels end there, as if the line did.
    pub low: usize,
    pub high: usize,
    pub from: f64,
    pub to: f64,
    pub count: usize,
}

impl Span {
    /// A whole line of samples.
    pub fn whole(length: usize, count: usize) -> Span {
        Span { low: 0, high: length, from: 0.0, to: length as f64, count }
    }
}

impl Axis {
    /// Fills the tables for a window that starts at sample `origin` and holds `length` samples. Asked again for the same
    /// ones, as for pictures of one size, it does nothing.
    ///
    /// `halved` is the length of a line that has a sample for every two of the span's: the tables then read that line
    /// as if it had been widened first, as libjpeg widens chroma (a quarter of the way to the neighbor).
    pub fn fit(
        &mut self,
        span: Span,
        outputs: Outputs,
        kernel: Kernel,
        halved: Option<usize>,
        (origin, length): (usize, usize),
    ) -> Result<()> {
        let key = (span, outputs, kernel, halved, origin, length);
        if self.made_for == Some(key) {
            return Ok(());
        }
        self.made_for = None;
        self.set(span, outputs, kernel)?;
        if let Some(half) = halved {
            self.fold(half);
        }
        self.move_to_window(origin, length)?;
        self.made_for = Some(key);
        Ok(())
    }

    /// Fills the tables for some of the outputs, in the order given; their memory is used again.
    fn set(&mut self, span: Span, outputs: Outputs, kernel: Kernel) -> Result<()> {
        let Span { low, high, from, to, count } = span;
        let length = high.saturating_sub(low);
        if count == 0 || length == 0 || !(from >= low as f64 - 1.0 && to <= high as f64 + 1.0 && to > from) {
            return invalid(format!(
                "resize: box must lie inside the picture and not be empty; got {from} to {to}, as {count} samples."
            ));
        }
        let scale = (to - from) / count as f64;
        let stretch = if kernel == Kernel::Linear || kernel == Kernel::Nearest { 1.0 } else { scale.max(1.0) };
        let (support, inverse) = (kernel.support() * stretch, 1.0 / stretch);
        let most = (support.ceil() as usize) * 2 + 1;
        // Weights of zero at the ends are left out, so that there are as few taps as the longest output needs.
        let mut rows: Vec<(usize, usize)> = Vec::with_capacity(outputs.len());
        let mut values: Vec<f32> = Vec::with_capacity(outputs.len() * most.min(length));
        let mut taps = 1;
        let mut w = vec![0.0f64; most.max(2)];
        // Pillow sums its nearest positions up step by step, which decides ties.
        let mut positions = Vec::new();
        if kernel == Kernel::Nearest {
            let mut at = from - low as f64 + scale * 0.5;
            for _ in 0..count {
                positions.push(at);
                at += scale;
            }
        }
        for i in outputs.iter() {
            // Positions are counted from the first sample that may be used.
            let center = from + (i as f64 + 0.5) * scale - low as f64;
            let (first, n);
            if kernel == Kernel::Nearest {
                let at = positions.get(i).copied().unwrap_or(center);
                (first, n) = ((at.max(0.0) as usize).min(length - 1), 1);
                w[0] = 1.0;
            } else if kernel == Kernel::Linear {
                let at = (center - 0.5).clamp(0.0, (length - 1) as f64);
                first = (at as usize).min(length.saturating_sub(2));
                n = 2.min(length);
                w[0] = if n == 1 { 1.0 } else { 1.0 - (at - first as f64) };
                w[1] = at - first as f64;
            } else {
                // Pillow's definition: the samples whose middles lie within the support, to the nearest half.
                first = ((center - support + 0.5).max(0.0) as usize).min(length - 1);
                let end = ((center + support + 0.5).max(0.0) as usize).clamp(first + 1, length);
                n = (end - first).min(most);
                let mut sum = 0.0;
                let start = first as f64 - center + 0.5;
                if kernel == Kernel::Bilinear {
                    for (k, w) in w[..n].iter_mut().enumerate() {
                        *w = (1.0 - (start + k as f64).abs() * inverse).max(0.0);
                        sum += *w;
                    }
                } else {
                    for (k, w) in w[..n].iter_mut().enumerate() {
                        *w = kernel.weight((start + k as f64) * inverse);
                        sum += *w;
                    }
                }
                if sum == 0.0 {
                    (w[0], sum) = (1.0, 1.0);
                }
                let share = 1.0 / sum;
                for w in &mut w[..n] {
                    *w *= share;
                }
            }
            let lead = w[..n].iter().position(|&w| w as f32 != 0.0).unwrap_or(0);
            let end = w[..n].iter().rposition(|&w| w as f32 != 0.0).map_or(lead + 1, |k| k + 1);
            rows.push((first + lead, end - lead));
            values.extend(w[lead..end].iter().map(|&w| w as f32));
            taps = taps.max(end - lead);
        }
        self.taps = taps;
        self.start.clear();
        self.weights.clear();
        self.weights.resize(rows.len() * taps, 0.0);
        (self.low, self.high) = (high, low);
        let mut taken = 0;
        for ((first, n), line) in rows.into_iter().zip(self.weights.chunks_exact_mut(taps)) {
            let start = first.min(length - taps);
            line[first - start..first - start + n].copy_from_slice(&values[taken..taken + n]);
            taken += n;
            self.start.push((low + start) as u32);
            self.low = self.low.min(low + start);
            self.high = self.high.max(low + start + taps);
        }
        Ok(())
    }

    /// From tables over widened samples to tables over the `half` samples they are made of.
    fn fold(&mut self, half: usize) {
        let old = std::mem::take(&mut self.weights);
        // n widened samples are made of at most n / 2 + 2.
        let taps = (self.taps / 2 + 2).min(half);
        self.weights.resize(self.start.len() * taps, 0.0);
        (self.low, self.high) = (half, 0);
        let lines = self.weights.chunks_exact_mut(taps).zip(old.chunks_exact(self.taps));
        for (start, (line, old)) in self.start.iter_mut().zip(lines) {
            let from = *start as usize;
            let first = (from / 2).saturating_sub(usize::from(from % 2 == 0)).min(half - taps);
            for (k, &w) in old.iter().enumerate().filter(|&(_, &w)| w != 0.0) {
                let x = from + k;
                let near = (x / 2).min(half - 1);
                let far = if x % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(half - 1) };
                line[near - first] += 0.75 * w;
                line[far - first] += 0.25 * w;
            }
            *start = first as u32;
            self.low = self.low.min(first);
            self.high = self.high.max(first + taps);
        }
        self.taps = taps;
    }

    /// Tables for every output.
    pub fn new(span: Span, kernel: Kernel, flip: bool) -> Result<Axis> {
        let mut axis = Axis::default();
        let n = span.count;
        let (sign, offset) = if flip { (-1, n as i64 - 1) } else { (1, 0) };
        axis.set(span, Outputs { low: 0, high: n, sign, offset }, kernel)?;
        Ok(axis)
    }

    /// Moves the table into a window that starts at sample `origin` and holds `length` samples.
    fn move_to_window(&mut self, origin: usize, length: usize) -> Result<()> {
        if self.low < origin || self.high > origin + length {
            return invalid("resize: the decoded part does not hold the samples that are needed.");
        }
        for s in &mut self.start {
            *s -= origin as u32;
        }
        self.low -= origin;
        self.high -= origin;
        Ok(())
    }

    pub fn count(&self) -> usize {
        self.start.len()
    }
}

/// A kind of sample.
pub trait Sample: Copy + Send + Sync + Default + 'static {
    fn to_f32(self) -> f32;
    /// Rounded half up and clamped, as the type allows.
    fn from_f32(v: f32) -> Self;
    /// The value of white.
    const WHITE: f32;
    /// Whether these are whole numbers from black to white.
    const WHOLE: bool = true;
    /// The samples as bytes, where they are bytes.
    fn as_bytes(_data: &[Self]) -> Option<&[u8]> {
        None
    }
    /// `from_f32` for as many values as whole vectors hold; says how many. Both slices have one length.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn round_avx2(_from: &[f32], _to: &mut [Self]) -> usize {
        0
    }
}

impl Sample for u8 {
    const WHITE: f32 = 255.0;
    fn as_bytes(data: &[u8]) -> Option<&[u8]> {
        Some(data)
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn from_f32(v: f32) -> u8 {
        (clamp(v, 0.0, 255.0) + 0.5) as i32 as u8
    }
    #[cfg(target_arch = "x86_64")]
    unsafe fn round_avx2(from: &[f32], to: &mut [u8]) -> usize {
        // SAFETY: the caller vouches for AVX2.
        unsafe { x86::round_bytes(from, to) }
    }
}

impl Sample for u16 {
    const WHITE: f32 = 65535.0;
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn from_f32(v: f32) -> u16 {
        (clamp(v, 0.0, 65535.0) + 0.5) as i32 as u16
    }
    #[cfg(target_arch = "x86_64")]
    unsafe fn round_avx2(from: &[f32], to: &mut [u16]) -> usize {
        // SAFETY: the caller vouches for AVX2.
        unsafe { x86::round_words(from, to) }
    }
}

impl Sample for f32 {
    const WHITE: f32 = 1.0;
    const WHOLE: bool = false;
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline(always)]
    fn from_f32(v: f32) -> f32 {
        v
    }
}

/// Clamps with two plain selections: the same instructions at every level, and NaN becomes `low`.
#[inline(always)]
pub fn clamp(v: f32, low: f32, high: f32) -> f32 {
    let v = if v > low { v } else { low };
    if v < high { v } else { high }
}

/// A picture or a plane: rows of `width * channels` samples, `stride` samples apart.
#[derive(Clone, Copy)]
pub struct View<'a, T> {
    pub data: &'a [T],
    pub stride: usize,
    pub width: usize,
    pub height: usize,
    pub channels: usize,
}

impl<'a, T> View<'a, T> {
    #[inline(always)]
    pub fn row(&self, y: usize) -> &'a [T] {
        &self.data[y * self.stride..][..self.width * self.channels]
    }
}

/// Scratch of one thread.
#[derive(Default)]
pub struct Scratch {
    rows: Vec<f32>,
    turned: Vec<f32>,
}

/// Makes output rows `y0 .. y0 + STRIP` (as far as there are any) as float32; `out` has rows of `stride` values.
pub fn strip<T: Sample>(
    view: &View<'_, T>,
    down: &Axis,
    along: &Axis,
    y0: usize,
    out: &mut [f32],
    stride: usize,
    scratch: &mut Scratch,
) {
    let rows = columns(view, down, along, y0, STRIP, scratch);
    along_rows(&scratch.turned, along, view.channels, INTERLEAVED, rows, out, stride);
}

/// The same with every channel in a plane of its own, `most` rows at most.
#[allow(clippy::too_many_arguments)]
pub fn strip_planes<T: Sample>(
    view: &View<'_, T>,
    down: &Axis,
    along: &Axis,
    y0: usize,
    most: usize,
    out: &mut [&mut [f32]],
    stride: usize,
    scratch: &mut Scratch,
) {
    let rows = columns(view, down, along, y0, most, scratch);
    for (c, out) in out.iter_mut().enumerate().take(view.channels) {
        along_rows(&scratch.turned, along, view.channels, c, rows, out, stride);
    }
}

/// The pass down the columns for one strip, turned for the other pass; says how many rows there are.
fn columns<T: Sample>(view: &View<'_, T>, down: &Axis, along: &Axis, y0: usize, most: usize, scratch: &mut Scratch) -> usize {
    let c = view.channels;
    let n = (along.high - along.low) * c;
    let padded = n.next_multiple_of(STRIP);
    scratch.rows.resize(STRIP * padded, 0.0);
    scratch.turned.resize(STRIP * padded, 0.0);
    let rows = STRIP.min(most).min(down.count() - y0);
    for r in 0..rows {
        let y = y0 + r;
        let weights = &down.weights[y * down.taps..][..down.taps];
        let target = &mut scratch.rows[r * padded..][..n];
        column_sums(view, down.start[y] as usize, weights, along.low * c, target);
    }
    turn(&scratch.rows, padded, &mut scratch.turned);
    rows
}

/// `target[i]` = sum over `k` of `weights[k] * view[first + k][from + i]`.
fn column_sums<T: Sample>(view: &View<'_, T>, first: usize, weights: &[f32], from: usize, target: &mut [f32]) {
    let n = target.len();
    let row = |k: usize| &view.row(first + k)[from..from + n];
    // Weights of zero stand at the ends of the table only.
    let low = weights.iter().position(|&w| w != 0.0).unwrap_or(0);
    let high = weights.iter().rposition(|&w| w != 0.0).map_or(low + 1, |k| k + 1);
    let mut k = low;
    match high - low {
        1 => {
            first_one(row(k), weights[k], target);
            return;
        }
        2 => {
            first_two([row(k), row(k + 1)], [weights[k], weights[k + 1]], target);
            k += 2;
        }
        3 => {
            first_three(
                [row(k), row(k + 1), row(k + 2)],
                [weights[k], weights[k + 1], weights[k + 2]],
                target,
            );
            k += 3;
        }
        _ => {
            let four = [row(k), row(k + 1), row(k + 2), row(k + 3)];
            first_four(
                four,
                [weights[k], weights[k + 1], weights[k + 2], weights[k + 3]],
                target,
            );
            k += 4;
        }
    }
    while k + 2 <= high {
        add_two([row(k), row(k + 1)], [weights[k], weights[k + 1]], target);
        k += 2;
    }
    if k < high {
        add_one(row(k), weights[k], target);
    }
}

/// The same function for every kind of sample and every level. Sums run in the order of the taps.
macro_rules! sums {
    ($name:ident, $n:expr, |$r:ident, $w:ident, $i:ident, $o:ident| $value:expr) => {
        fn $name<T: Sample>($r: [&[T]; $n], $w: [f32; $n], target: &mut [f32]) {
            #[inline(always)]
            fn body<T: Sample>($r: [&[T]; $n], $w: [f32; $n], target: &mut [f32]) {
                let n = target.len();
                let $r = $r.map(|row| &row[..n]);
                for $i in 0..n {
                    let $o = target[$i];
                    target[$i] = $value;
                }
            }
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2<T: Sample>(r: [&[T]; $n], w: [f32; $n], target: &mut [f32]) {
                    body(r, w, target)
                }
                #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512<T: Sample>(r: [&[T]; $n], w: [f32; $n], target: &mut [f32]) {
                    body(r, w, target)
                }
                match crate::simd::current() {
                    // SAFETY: `current` returns a level only when the processor has its features.
                    crate::simd::Level::Avx512 => return unsafe { avx512($r, $w, target) },
                    // SAFETY: as above.
                    crate::simd::Level::Avx2 => return unsafe { avx2($r, $w, target) },
                    crate::simd::Level::Base => {}
                }
            }
            body($r, $w, target)
        }
    };
}

sums!(one, 1, |r, w, i, _o| r[0][i].to_f32() * w[0]);
sums!(first_two, 2, |r, w, i, _o| r[0][i].to_f32() * w[0]
    + r[1][i].to_f32() * w[1]);
sums!(first_three, 3, |r, w, i, _o| r[0][i].to_f32() * w[0]
    + r[1][i].to_f32() * w[1]
    + r[2][i].to_f32() * w[2]);
sums!(first_four, 4, |r, w, i, _o| r[0][i].to_f32() * w[0]
    + r[1][i].to_f32() * w[1]
    + r[2][i].to_f32() * w[2]
    + r[3][i].to_f32() * w[3]);
sums!(add_two, 2, |r, w, i, o| o
    + r[0][i].to_f32() * w[0]
    + r[1][i].to_f32() * w[1]);
sums!(more, 1, |r, w, i, o| o + r[0][i].to_f32() * w[0]);

fn first_one<T: Sample>(row: &[T], w: f32, target: &mut [f32]) {
    one([row], [w], target);
}

fn add_one<T: Sample>(row: &[T], w: f32, target: &mut [f32]) {
    more([row], [w], target);
}

/// Turns eight rows into groups of eight: value `x` of row `r` goes to `8 * x + r`.
#[inline(always)]
fn turn_block<const L: u8>(rows: [&[f32; STRIP]; STRIP], out: &mut [f32; STRIP * STRIP]) {
    #[cfg(target_arch = "x86_64")]
    if L >= 1 {
        // SAFETY: L >= 1 only where AVX2 was found; the arrays have the sizes that are read and written.
        unsafe { x86::turn_block(rows, out) };
        return;
    }
    for (r, row) in rows.iter().enumerate() {
        for (x, &v) in row.iter().enumerate() {
            out[x * STRIP + r] = v;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::STRIP;
    use std::arch::x86_64::*;

    /// clamp, + 0.5, truncate: what `from_f32` does.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn whole(v: __m256, white: f32) -> __m256i {
        // max(v, 0) gives its second operand for NaN: 0, as `clamp` does.
        let v = _mm256_min_ps(_mm256_max_ps(v, _mm256_setzero_ps()), _mm256_set1_ps(white));
        _mm256_cvttps_epi32(_mm256_add_ps(v, _mm256_set1_ps(0.5)))
    }

    #[target_feature(enable = "avx2")]
    pub fn round_bytes(from: &[f32], to: &mut [u8]) -> usize {
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        for (from, to) in from.chunks_exact(32).zip(to.chunks_exact_mut(32)) {
            // SAFETY: the chunk holds 32 values.
            let v = [0, 8, 16, 24].map(|k| whole(unsafe { _mm256_loadu_ps(from.as_ptr().add(k)) }, 255.0));
            let words = [_mm256_packus_epi32(v[0], v[1]), _mm256_packus_epi32(v[2], v[3])];
            let bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(words[0], words[1]), order);
            // SAFETY: the chunk holds 32 bytes.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes) };
        }
        from.len().min(to.len()) / 32 * 32
    }

    #[target_feature(enable = "avx2")]
    pub fn round_words(from: &[f32], to: &mut [u16]) -> usize {
        for (from, to) in from.chunks_exact(16).zip(to.chunks_exact_mut(16)) {
            // SAFETY: the chunk holds 16 values.
            let v = [0, 8].map(|k| whole(unsafe { _mm256_loadu_ps(from.as_ptr().add(k)) }, 65535.0));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(v[0], v[1]));
            // SAFETY: the chunk holds 16 words.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), words) };
        }
        from.len().min(to.len()) / 16 * 16
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn turn(r: [__m256; 8]) -> [__m256; 8] {
        let a = [
            _mm256_unpacklo_ps(r[0], r[1]),
            _mm256_unpackhi_ps(r[0], r[1]),
            _mm256_unpacklo_ps(r[2], r[3]),
            _mm256_unpackhi_ps(r[2], r[3]),
            _mm256_unpacklo_ps(r[4], r[5]),
            _mm256_unpackhi_ps(r[4], r[5]),
            _mm256_unpacklo_ps(r[6], r[7]),
            _mm256_unpackhi_ps(r[6], r[7]),
        ];
        const LOW: i32 = 0x44;
        const HIGH: i32 = 0xEE;
        let b = [
            _mm256_shuffle_ps::<LOW>(a[0], a[2]),
            _mm256_shuffle_ps::<HIGH>(a[0], a[2]),
            _mm256_shuffle_ps::<LOW>(a[1], a[3]),
            _mm256_shuffle_ps::<HIGH>(a[1], a[3]),
            _mm256_shuffle_ps::<LOW>(a[4], a[6]),
            _mm256_shuffle_ps::<HIGH>(a[4], a[6]),
            _mm256_shuffle_ps::<LOW>(a[5], a[7]),
            _mm256_shuffle_ps::<HIGH>(a[5], a[7]),
        ];
        [
            _mm256_permute2f128_ps::<0x20>(b[0], b[4]),
            _mm256_permute2f128_ps::<0x20>(b[1], b[5]),
            _mm256_permute2f128_ps::<0x20>(b[2], b[6]),
            _mm256_permute2f128_ps::<0x20>(b[3], b[7]),
            _mm256_permute2f128_ps::<0x31>(b[0], b[4]),
            _mm256_permute2f128_ps::<0x31>(b[1], b[5]),
            _mm256_permute2f128_ps::<0x31>(b[2], b[6]),
            _mm256_permute2f128_ps::<0x31>(b[3], b[7]),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn turn_block(rows: [&[f32; STRIP]; STRIP], out: &mut [f32; STRIP * STRIP]) {
        // SAFETY: every array holds the eight values that are read.
        let r = rows.map(|row| unsafe { _mm256_loadu_ps(row.as_ptr()) });
        for (v, out) in turn(r).into_iter().zip(out.chunks_exact_mut(STRIP)) {
            // SAFETY: a chunk holds eight values.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), v) };
        }
    }
}

leveled! {
    fn turn(rows: &[f32], padded: usize, turned: &mut [f32]) {
        for (x, out) in turned[..STRIP * padded].chunks_exact_mut(STRIP * STRIP).enumerate() {
            let mut block = [&[0.0; STRIP]; STRIP];
            for (r, b) in block.iter_mut().enumerate() {
                if let Ok(row) = rows[r * padded + STRIP * x..][..STRIP].try_into() {
                    *b = row;
                }
            }
            if let Ok(out) = out.try_into() {
                turn_block::<L>(block, out);
            }
        }
    }
}

/// All channels, interleaved as they came.
const INTERLEAVED: usize = usize::MAX;

leveled! {
    /// The pass along the rows; lanes are rows. Specialized by the number of taps, which changes no result.
    fn along_rows(turned: &[f32], axis: &Axis, channels: usize, only: usize, rows: usize, out: &mut [f32], stride: usize) {
        match (axis.taps, channels) {
            (1, _) => along::<L, 1>(turned, axis, channels, only, rows, out, stride),
            (2, 1) => along::<L, 2>(turned, axis, 1, only, rows, out, stride),
            (2, _) => along::<L, 2>(turned, axis, channels, only, rows, out, stride),
            (3, 1) => along::<L, 3>(turned, axis, 1, only, rows, out, stride),
            (3, _) => along::<L, 3>(turned, axis, channels, only, rows, out, stride),
            (4, 1) => along::<L, 4>(turned, axis, 1, only, rows, out, stride),
            (4, _) => along::<L, 4>(turned, axis, channels, only, rows, out, stride),
            (5, 1) => along::<L, 5>(turned, axis, 1, only, rows, out, stride),
            (5, _) => along::<L, 5>(turned, axis, channels, only, rows, out, stride),
            (7, _) => along::<L, 7>(turned, axis, channels, only, rows, out, stride),
            _ => along::<L, 0>(turned, axis, channels, only, rows, out, stride),
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn along<const L: u8, const TAPS: usize>(
    turned: &[f32],
    axis: &Axis,
    channels: usize,
    only: usize,
    rows: usize,
    out: &mut [f32],
    stride: usize,
) {
    if only != INTERLEAVED || channels == 1 {
        let only = if only == INTERLEAVED { 0 } else { only };
        let first = Columns::<TAPS> { turned, axis, step: channels, pick: 1, only };
        first.fill::<L>(axis.count(), rows, out, stride);
    } else {
        let all = Columns::<TAPS> { turned, axis, step: channels, pick: channels, only: 0 };
        all.fill::<L>(axis.count() * channels, rows, out, stride);
    }
}

/// The outputs of one strip: output `i` is column `i / pick` of channel `only + i % pick`.
struct Columns<'a, const TAPS: usize> {
    turned: &'a [f32],
    axis: &'a Axis,
    step: usize,
    pick: usize,
    only: usize,
}

impl<const TAPS: usize> Columns<'_, TAPS> {
    #[inline(always)]
    fn value(&self, i: usize) -> [f32; STRIP] {
        let (x, c) = if self.pick == 1 { (i, self.only) } else { (i / self.pick, i % self.pick) };
        value::<TAPS>(self.turned, self.axis, self.step, x, c)
    }

    /// Turns columns of eight rows back into rows.
    #[inline(always)]
    fn fill<const L: u8>(&self, total: usize, rows: usize, out: &mut [f32], stride: usize) {
        let mut i = 0;
        while i + STRIP <= total {
            let block: [[f32; STRIP]; STRIP] = [
                self.value(i),
                self.value(i + 1),
                self.value(i + 2),
                self.value(i + 3),
                self.value(i + 4),
                self.value(i + 5),
                self.value(i + 6),
                self.value(i + 7),
            ];
            let mut back = [0.0f32; STRIP * STRIP];
            turn_block::<L>(block.each_ref(), &mut back);
            for r in 0..rows {
                out[r * stride + i..][..STRIP].copy_from_slice(&back[r * STRIP..][..STRIP]);
            }
            i += STRIP;
        }
        while i < total {
            let sum = self.value(i);
            for r in 0..rows {
                out[r * stride + i] = sum[r];
            }
            i += 1;
        }
    }
}

/// Output `x` of channel `c` of a row, for eight rows at once.
#[inline(always)]
fn value<const TAPS: usize>(turned: &[f32], axis: &Axis, channels: usize, x: usize, c: usize) -> [f32; STRIP] {
    let taps = if TAPS == 0 { axis.taps } else { TAPS };
    let from = (axis.start[x] as usize - axis.low) * channels + c;
    let w = &axis.weights[x * taps..][..taps];
    let mut sum = [0.0; STRIP];
    let line = &turned[from * STRIP..][..((taps - 1) * channels + 1) * STRIP];
    for k in 0..taps {
        let t = &line[k * channels * STRIP..][..STRIP];
        if k == 0 {
            for l in 0..STRIP {
                sum[l] = t[l] * w[k];
            }
        } else {
            for l in 0..STRIP {
                sum[l] += t[l] * w[k];
            }
        }
    }
    sum
}

/// A whole resize: the box of the source becomes `width` x `height`, rounded to the same kind of sample.
pub struct Resize {
    pub width: usize,
    pub height: usize,
    pub kernel: Kernel,
    /// x0, y0, x1, y1 in the source's pixels.
    pub window: [f64; 4],
    pub flip: bool,
}

pub fn resize<T: Sample>(view: &View<'_, T>, request: &Resize, out: &mut [T]) -> Result<()> {
    let [x0, y0, x1, y1] = request.window;
    if !(x0 >= 0.0 && y0 >= 0.0 && x1 <= view.width as f64 && y1 <= view.height as f64) {
        return invalid("resize: box must lie inside the picture and not be empty.");
    }
    let (width, height) = (request.width, request.height);
    let down = Axis::new(Span { low: 0, high: view.height, from: y0, to: y1, count: height }, request.kernel, false)?;
    let across = Span { low: 0, high: view.width, from: x0, to: x1, count: width };
    let along = Axis::new(across, request.kernel, request.flip)?;
    let c = view.channels;
    let n = request.width * c;
    if out.len() != n * request.height {
        return invalid("resize: the output must have room for every sample.");
    }
    if request.kernel == Kernel::Nearest {
        for (y, out) in out.chunks_exact_mut(n).enumerate() {
            let row = view.row(nearest(&down, y));
            for (x, out) in out.chunks_exact_mut(c).enumerate() {
                out.copy_from_slice(&row[nearest(&along, x) * c..][..c]);
            }
        }
        return Ok(());
    }
    if let Some(bounds) = bounds(view, request.kernel) {
        lobes(view, &down, &along, [request.width, request.height], bounds, out);
        return Ok(());
    }
    let mut scratch = Scratch::default();
    let mut lines = vec![0.0f32; STRIP * n];
    for (s, out) in out.chunks_mut(STRIP * n).enumerate() {
        strip(view, &down, &along, s * STRIP, &mut lines, n, &mut scratch);
        round_to(&lines[..out.len()], out);
    }
    Ok(())
}

/// The same without rounding or clamping: values in the source's own scale.
pub fn resize_to_floats<T: Sample>(view: &View<'_, T>, request: &Resize, out: &mut [f32]) -> Result<()> {
    let n = request.width * view.channels;
    if out.len() != n * request.height {
        return invalid("resize: the output must have room for every sample.");
    }
    let [x0, y0, x1, y1] = request.window;
    let down = Span { low: 0, high: view.height, from: y0, to: y1, count: request.height };
    let along = Span { low: 0, high: view.width, from: x0, to: x1, count: request.width };
    let (down, along) = (Axis::new(down, request.kernel, false)?, Axis::new(along, request.kernel, request.flip)?);
    if let Some(bounds) = bounds(view, request.kernel) {
        lobes(view, &down, &along, [request.width, request.height], bounds, out);
        return Ok(());
    }
    let mut scratch = Scratch::default();
    for (s, out) in out.chunks_mut(STRIP * n).enumerate() {
        strip(view, &down, &along, s * STRIP, out, n, &mut scratch);
    }
    Ok(())
}

/// Kernels with negative lobes overshoot. What was inside black to white stays inside, after each axis; `None` for
/// kernels that cannot leave their samples' range.
fn bounds<T: Sample>(view: &View<'_, T>, kernel: Kernel) -> Option<(f32, f32)> {
    if !matches!(kernel, Kernel::Bicubic | Kernel::Lanczos) {
        return None;
    }
    let (mut low, mut high) = (0.0, T::WHITE);
    if !T::WHOLE {
        for y in 0..view.height {
            for v in view.row(y) {
                let v = v.to_f32();
                low = if v < low { v } else { low };
                high = if v > high { v } else { high };
            }
        }
    }
    Some((low, high))
}

fn lobes<T: Sample, O: Sample>(view: &View<'_, T>, down: &Axis, along: &Axis, size: [usize; 2], bounds: (f32, f32), out: &mut [O]) {
    // Pillow takes the columns first where that shrinks the picture much more.
    let (lost_x, lost_y) = (view.width as f64 - size[0] as f64, view.height as f64 - size[1] as f64);
    if lost_y > 0.0 && lost_y > 2.0 * lost_x {
        columns_first(view, down, along, bounds, out);
    } else {
        along_first(view, down, along, bounds, out);
    }
}

/// Kernels with negative lobes: along the rows first and clamped before the columns, as Pillow defines it.
fn along_first<T: Sample, O: Sample>(view: &View<'_, T>, down: &Axis, along: &Axis, (low, high): (f32, f32), out: &mut [O]) {
    let c = view.channels;
    let n = along.count() * c;
    let width = (along.high - along.low) * c;
    let padded = width.next_multiple_of(STRIP);
    let (mut rows, mut turned) = (vec![0.0f32; STRIP * padded], vec![0.0f32; STRIP * padded]);
    let height = down.high - down.low;
    let mut middle = vec![0.0f32; height * n];
    for (s, middle) in middle.chunks_mut(STRIP * n).enumerate() {
        let count = middle.len() / n;
        for (r, row) in rows.chunks_exact_mut(padded).take(count).enumerate() {
            let source = &view.row(down.low + s * STRIP + r)[along.low * c..];
            for (o, v) in row[..width].iter_mut().zip(source) {
                *o = v.to_f32();
            }
        }
        turn(&rows, padded, &mut turned);
        along_rows(&turned, along, c, INTERLEAVED, count, middle, n);
        for v in middle {
            *v = clamp(*v, low, high);
        }
    }
    let middle = View {
        data: &middle,
        stride: n,
        width: along.count(),
        height,
        channels: c,
    };
    let mut line = vec![0.0f32; n];
    for (y, out) in out.chunks_exact_mut(n).enumerate() {
        let weights = &down.weights[y * down.taps..][..down.taps];
        column_sums(&middle, down.start[y] as usize - down.low, weights, 0, &mut line);
        for v in &mut line {
            *v = clamp(*v, low, high);
        }
        round_to(&line, out);
    }
}

/// The same with the columns first.
fn columns_first<T: Sample, O: Sample>(view: &View<'_, T>, down: &Axis, along: &Axis, (low, high): (f32, f32), out: &mut [O]) {
    let c = view.channels;
    let n = along.count() * c;
    let width = (along.high - along.low) * c;
    let padded = width.next_multiple_of(STRIP);
    let (mut rows, mut turned) = (vec![0.0f32; STRIP * padded], vec![0.0f32; STRIP * padded]);
    let mut lines = vec![0.0f32; STRIP * n];
    for (s, out) in out.chunks_mut(STRIP * n).enumerate() {
        let count = out.len() / n;
        for (r, row) in rows.chunks_exact_mut(padded).take(count).enumerate() {
            let y = s * STRIP + r;
            let weights = &down.weights[y * down.taps..][..down.taps];
            column_sums(view, down.start[y] as usize, weights, along.low * c, &mut row[..width]);
            for v in &mut row[..width] {
                *v = clamp(*v, low, high);
            }
        }
        turn(&rows, padded, &mut turned);
        along_rows(&turned, along, c, INTERLEAVED, count, &mut lines, n);
        let n = out.len();
        for v in &mut lines[..n] {
            *v = clamp(*v, low, high);
        }
        round_to(&lines[..n], out);
    }
}

/// The one sample with a weight.
fn nearest(axis: &Axis, i: usize) -> usize {
    let w = &axis.weights[i * axis.taps..][..axis.taps];
    axis.start[i] as usize + w.iter().position(|&w| w != 0.0).unwrap_or(0)
}

/// Rounds and clamps to the sample's kind.
pub fn round_to<T: Sample>(from: &[f32], to: &mut [T]) {
    let n = from.len().min(to.len());
    let (from, to) = (&from[..n], &mut to[..n]);
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx2 {
        // SAFETY: AVX2 was found.
        done = unsafe { T::round_avx2(from, to) };
    }
    for (o, &v) in to[done..].iter_mut().zip(&from[done..]) {
        *o = T::from_f32(v);
    }
}
