//! The row program: color steps one after another on rows that stay in the nearest cache.
//!
//! Two forms of a row: bytes (levels of an 8-bit picture, rounded after every step) and floats (1.0 = white, clamped
//! after every step). Whatever maps bytes one by one is a table, and neighboring tables become one. All float steps
//! follow the order of operations of the NumPy reference, so that they give the same bits.

use crate::chance;
use crate::error::{Result, invalid};
use crate::leveled;
use crate::program::Tint;
use crate::resample::{clamp, round_to};

pub type Table = [[u8; 256]; 3];

/// One step on rows.
#[derive(Clone, Debug)]
pub enum Row {
    Table(Box<Table>),
    GrayBytes,
    /// Bytes to floats.
    Widen,
    /// Floats to bytes.
    Round,
    Scale(f32),
    /// Stretch about the mean brightness, which a pass over the whole picture finds first.
    Contrast(f64),
    Mix { factor: f32, add: f32 },
    Saturate(f64),
    Hue(f32),
    Matrix([f32; 12]),
    Power(f32),
    Exposure(f32),
    Invert,
    Solarize(f32),
    Posterize(f32),
    Shift([f32; 3]),
    Gray,
    Normalize { mean: [f32; 3], gain: [f32; 3] },
}

/// What the rows are at the end, and which steps lead there.
pub struct Compiled {
    pub rows: Vec<Row>,
    /// Channels before and after.
    pub from: usize,
    pub to: usize,
    /// The rows end as bytes.
    pub bytes: bool,
    /// The picture counts as rounded: geometry that moves whole pixels keeps it so.
    pub settled: bool,
    /// Channels first.
    pub planar: bool,
    pub half: bool,
    /// The numbers are no picture in 0..1 any more.
    pub final_: bool,
}

fn table(f: impl Fn(f64) -> f64) -> Row {
    let mut line = [0u8; 256];
    for (k, out) in line.iter_mut().enumerate() {
        let v = f(k as f64 / 255.0).max(0.0).min(1.0);
        *out = (v * 255.0 + 0.5) as u8;
    }
    Row::Table(Box::new([line; 3]))
}

fn to_linear(v: f64) -> f64 {
    if v <= 0.04045 { v / 12.92 } else { chance::power((v + 0.055) / 1.055, 2.4) }
}

fn from_linear(v: f64) -> f64 {
    if v <= 0.0031308 { v * 12.92 } else { 1.055 * chance::power(v, 1.0 / 2.4) - 0.055 }
}

fn posterized(v: f64, bits: f64) -> f64 {
    let steps = 2f64.powi(bits as i32);
    (v * steps).floor().min(steps - 1.0) * ((256.0 / steps).floor() / 255.0)
}

/// The same steps as rows: `levels` says that the source is 8 bit, `settled` that it is still rounded.
pub fn compile(tints: &[Tint], channels: usize, levels: bool, settled: bool) -> Result<Compiled> {
    let mut c = Compiler { rows: Vec::new(), bytes: settled, channels };
    let mut out = Compiled {
        rows: Vec::new(),
        from: channels,
        to: channels,
        bytes: settled,
        settled,
        planar: false,
        half: false,
        final_: false,
    };
    for tint in tints {
        if out.planar || (out.final_ && !matches!(tint, Tint::ToTensor(_))) {
            return invalid("program: nothing but to_tensor may follow normalize, and nothing to_tensor.");
        }
        match tint {
            Tint::Normalize { mean, std } => {
                c.floats();
                let pick = |list: &[f64], k: usize| list[if list.len() == 1 { 0 } else { k }];
                if ![1, c.channels].contains(&mean.len()) || ![1, c.channels].contains(&std.len()) {
                    return invalid(format!(
                        "normalize: mean and std must be one number, or {0} for {0} channels; got {1} and {2}.",
                        c.channels,
                        mean.len(),
                        std.len()
                    ));
                }
                let three = |f: &dyn Fn(usize) -> f64| [0, 1, 2].map(|k| f(k.min(c.channels - 1)) as f32);
                let mean = three(&|k| pick(mean, k));
                let gain = three(&|k| 1.0 / pick(std, k));
                c.rows.push(Row::Normalize { mean, gain });
                out.final_ = true;
            }
            Tint::ToTensor(half) => {
                c.floats();
                (out.planar, out.half, out.final_) = (true, *half, true);
            }
            _ => c.step(tint, levels, &mut out.settled),
        }
    }
    // A picture that was carried as floats goes back to levels at the end.
    if !out.final_ && levels && !c.bytes {
        c.rows.push(Row::Round);
        c.bytes = true;
    }
    (out.rows, out.to, out.bytes) = (c.rows, c.channels, c.bytes);
    Ok(out)
}

struct Compiler {
    rows: Vec<Row>,
    bytes: bool,
    channels: usize,
}

impl Compiler {
    fn floats(&mut self) {
        if self.bytes {
            self.rows.push(Row::Widen);
            self.bytes = false;
        }
    }

    fn levels(&mut self) {
        if !self.bytes {
            self.rows.push(Row::Round);
            self.bytes = true;
        }
    }

    /// Adds a table, joined with the one before.
    fn table(&mut self, row: Row) {
        if let (Some(Row::Table(before)), Row::Table(after)) = (self.rows.last_mut(), &row) {
            for (line, after) in before.iter_mut().zip(after.iter()) {
                for v in line.iter_mut() {
                    *v = after[usize::from(*v)];
                }
            }
        } else {
            self.rows.push(row);
        }
    }

    fn step(&mut self, tint: &Tint, levels: bool, settled: &mut bool) {
        if levels && matches!(tint, Tint::Solarize(_) | Tint::Posterize(_)) {
            // A step whose meaning depends on levels: the picture is rounded first and after.
            self.levels();
            *settled = true;
        }
        let color = self.channels == 3;
        if *settled {
            match tint {
                Tint::Brightness(f) => self.table(table(|v| v * f)),
                Tint::Gamma(g) => self.table(table(|v| chance::power(v, *g))),
                Tint::Exposure(0.0) => {}
                Tint::Exposure(s) => self.table(table(|v| from_linear((to_linear(v) * s.exp2()).min(1.0)))),
                Tint::Invert => self.table(table(|v| 1.0 - v)),
                Tint::Solarize(t) => self.table(table(|v| if v >= *t { 1.0 - v } else { v })),
                Tint::Posterize(bits) => self.table(table(|v| posterized(v, *bits))),
                Tint::Shift(s) if color => {
                    let lines = s.map(|s| table(|v| v + s));
                    let mut joined = Box::new([[0u8; 256]; 3]);
                    for (k, line) in lines.iter().enumerate() {
                        if let Row::Table(t) = line {
                            joined[k] = t[k];
                        }
                    }
                    self.table(Row::Table(joined));
                }
                Tint::Contrast(f) => self.rows.push(Row::Contrast(*f)),
                Tint::Gray if color => self.rows.push(Row::GrayBytes),
                Tint::ToGray if color => {
                    self.rows.push(Row::GrayBytes);
                    self.channels = 1;
                }
                Tint::Jitter(steps) => {
                    let mut inner = Compiler { rows: Vec::new(), bytes: false, channels: self.channels };
                    steps.iter().for_each(|s| inner.float_step(s));
                    if !inner.rows.is_empty() {
                        self.floats();
                        self.rows.append(&mut inner.rows);
                        self.levels();
                    }
                }
                _ => {
                    let mut inner = Compiler { rows: Vec::new(), bytes: false, channels: self.channels };
                    inner.float_step(tint);
                    self.channels = inner.channels;
                    if !inner.rows.is_empty() {
                        self.floats();
                        self.rows.append(&mut inner.rows);
                        self.levels();
                    }
                }
            }
        } else {
            self.floats();
            self.float_step(tint);
        }
    }

    fn float_step(&mut self, tint: &Tint) {
        let color = self.channels == 3;
        let row = match tint {
            Tint::Brightness(f) => Row::Scale(*f as f32),
            Tint::Contrast(f) => Row::Contrast(*f),
            Tint::Gamma(g) => Row::Power(*g as f32),
            Tint::Exposure(0.0) => return,
            Tint::Exposure(s) => Row::Exposure(s.exp2() as f32),
            Tint::Invert => Row::Invert,
            Tint::Solarize(t) => Row::Solarize(*t as f32),
            Tint::Posterize(bits) => Row::Posterize(2f64.powi(*bits as i32) as f32),
            Tint::Saturation(f) if color && *f != 1.0 => Row::Saturate(*f),
            Tint::Hue(h) if color && *h != h.round() => Row::Hue((6.0 * (h - h.floor())) as f32),
            Tint::Jitter(steps) => {
                steps.iter().for_each(|s| self.float_step(s));
                return;
            }
            Tint::Matrix(m) if color => Row::Matrix(m.map(|v| v as f32)),
            Tint::Shift(s) if color => Row::Shift(s.map(|v| v as f32)),
            Tint::Gray if color => Row::Gray,
            Tint::ToGray if color => {
                self.channels = 1;
                Row::Gray
            }
            Tint::ToRgb => {
                self.channels = 3;
                return;
            }
            _ => return,
        };
        self.rows.push(row);
    }
}

/// One row of a picture: planes of bytes or of floats.
#[derive(Default)]
pub struct RowBuffer {
    pub floats: [Vec<f32>; 3],
    pub bytes: [Vec<u8>; 3],
    /// Channels that are there; a gray row that becomes color is copied.
    pub channels: usize,
    pub n: usize,
}

impl RowBuffer {
    pub fn resize(&mut self, n: usize, channels: usize) {
        for k in 0..3 {
            self.floats[k].resize(n, 0.0);
            self.bytes[k].resize(n, 0);
        }
        (self.n, self.channels) = (n, channels);
    }

    /// Makes a gray row a color row.
    pub fn spread(&mut self, channels: usize, bytes: bool) {
        if self.channels == 1 && channels == 3 {
            for k in 1..3 {
                if bytes {
                    let (first, rest) = self.bytes.split_at_mut(1);
                    rest[k - 1].copy_from_slice(&first[0]);
                } else {
                    let (first, rest) = self.floats.split_at_mut(1);
                    rest[k - 1].copy_from_slice(&first[0]);
                }
            }
        }
        self.channels = channels;
    }

    pub fn run(&mut self, rows: &[Row]) {
        for row in rows {
            self.step(row);
        }
    }

    fn step(&mut self, row: &Row) {
        let c = self.channels;
        let [r, g, b] = &mut self.floats;
        let planes = [&mut r[..], &mut g[..], &mut b[..]];
        match row {
            Row::Table(t) => {
                for (line, t) in self.bytes.iter_mut().zip(t.iter()).take(c) {
                    look_up(line, t);
                }
            }
            Row::GrayBytes => {
                let [r, g, b] = &mut self.bytes;
                gray_bytes(r, g, b);
            }
            Row::Widen => {
                for (f, b) in self.floats.iter_mut().zip(&self.bytes).take(c) {
                    widen(b, f);
                }
            }
            Row::Round => {
                for (f, b) in self.floats.iter_mut().zip(&mut self.bytes).take(c) {
                    times_255(f);
                    round_to(f, b);
                }
            }
            Row::Scale(f) => planes.into_iter().take(c).for_each(|p| scale(p, *f)),
            Row::Contrast(_) => debug_assert!(false, "contrast needs the mean first"),
            Row::Mix { factor, add } => planes.into_iter().take(c).for_each(|p| mix(p, *factor, *add)),
            Row::Saturate(f) => saturate(r, g, b, *f as f32, (1.0 - f) as f32),
            Row::Hue(turn) => hue(r, g, b, *turn),
            Row::Matrix(m) => matrix(r, g, b, m),
            Row::Power(g) => planes.into_iter().take(c).for_each(|p| power(p, *g)),
            Row::Exposure(f) => planes.into_iter().take(c).for_each(|p| exposure(p, *f)),
            Row::Invert => planes.into_iter().take(c).for_each(|p| p.iter_mut().for_each(|v| *v = 1.0 - *v)),
            Row::Solarize(t) => planes.into_iter().take(c).for_each(|p| solarize(p, *t)),
            Row::Posterize(s) => planes.into_iter().take(c).for_each(|p| posterize(p, *s)),
            Row::Shift(s) => planes.into_iter().zip(s).for_each(|(p, s)| mix(p, 1.0, *s)),
            Row::Gray => gray(r, g, b),
            Row::Normalize { mean, gain } => {
                for (k, p) in planes.into_iter().take(c).enumerate() {
                    normalize(p, mean[k], gain[k]);
                }
            }
        }
    }
}

/// Sums of the channels, for the mean brightness.
#[derive(Default, Clone, Copy)]
pub struct Sums {
    pub channels: [f64; 3],
}

impl Sums {
    pub fn add_floats(&mut self, rows: &RowBuffer) {
        for k in 0..rows.channels {
            self.channels[k] += sum(&rows.floats[k]);
        }
    }

    pub fn add_bytes(&mut self, rows: &RowBuffer) {
        for k in 0..rows.channels {
            self.channels[k] += sum_bytes(&rows.bytes[k]) as f64;
        }
    }

    /// Mean brightness in the scale that was summed: BT.601 of three channels, else the channel itself.
    pub fn mean(&self, channels: usize, pixels: usize) -> f64 {
        let weights = if channels == 3 { [0.299, 0.587, 0.114] } else { [1.0, 0.0, 0.0] };
        let mut total = 0.0;
        for (w, s) in weights.into_iter().zip(self.channels).take(channels) {
            total += w * s;
        }
        total / pixels as f64
    }
}

/// The contrast step once the mean is known: on bytes a table, on floats a line.
pub fn contrast(factor: f64, mean: f64, bytes: bool) -> Row {
    if bytes {
        let middle = mean / 255.0;
        table(|v| middle + factor * (v - middle))
    } else {
        Row::Mix { factor: factor as f32, add: (mean * (1.0 - factor)) as f32 }
    }
}

fn look_up(line: &mut [u8], table: &[u8; 256]) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx512 {
        // SAFETY: the level says that the processor has AVX-512 with VBMI.
        done = unsafe { x86::look_up(line, table) };
    }
    for v in &mut line[done..] {
        *v = table[usize::from(*v)];
    }
}

#[cfg(target_arch = "x86_64")]
pub mod x86 {
    use std::arch::x86_64::*;

    /// Whole vectors of 64 bytes through a table; says how many bytes.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn look_up(line: &mut [u8], table: &[u8; 256]) -> usize {
        // SAFETY: the table holds 4 x 64 bytes.
        let t = [0, 64, 128, 192].map(|k| unsafe { _mm512_loadu_si512(table.as_ptr().add(k).cast()) });
        for chunk in line.chunks_exact_mut(64) {
            // SAFETY: the chunk holds 64 bytes.
            let x = unsafe { _mm512_loadu_si512(chunk.as_ptr().cast()) };
            let low = _mm512_permutex2var_epi8(t[0], x, t[1]);
            let high = _mm512_permutex2var_epi8(t[2], x, t[3]);
            let out = _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high);
            // SAFETY: the chunk holds 64 bytes.
            unsafe { _mm512_storeu_si512(chunk.as_mut_ptr().cast(), out) };
        }
        line.len() / 64 * 64
    }
}

leveled! {
    fn gray_bytes(r: &mut [u8], g: &mut [u8], b: &mut [u8]) {
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let v = (19595 * u32::from(*r) + 38470 * u32::from(*g) + 7471 * u32::from(*b) + 32768) >> 16;
            (*r, *g, *b) = (v as u8, v as u8, v as u8);
        }
    }
}

/// 1/255 in two parts: a byte times the first is exact, so that the sum is v / 255 rounded once, as a division is.
const PER_LEVEL: [f32; 2] = [f32::from_bits(0x3B80_8000), f32::from_bits(0x3380_8081)];

#[inline(always)]
fn unit(v: u8) -> f32 {
    f32::from(v) * PER_LEVEL[0] + f32::from(v) * PER_LEVEL[1]
}

leveled! {
    fn widen(from: &[u8], to: &mut [f32]) {
        for (o, &v) in to.iter_mut().zip(from) {
            *o = unit(v);
        }
    }
}

leveled! {
    /// The last steps in one: to floats, and normalized.
    pub fn widen_normalize(from: &[u8], to: &mut [f32], mean: f32, gain: f32) {
        for (o, &v) in to.iter_mut().zip(from) {
            *o = (unit(v) - mean) * gain;
        }
    }
}

leveled! {
    pub fn normalize_into(from: &[f32], to: &mut [f32], mean: f32, gain: f32) {
        for (o, &v) in to.iter_mut().zip(from) {
            *o = (v - mean) * gain;
        }
    }
}

leveled! {
    fn times_255(line: &mut [f32]) {
        for v in line {
            *v *= 255.0;
        }
    }
}

leveled! {
    fn scale(line: &mut [f32], f: f32) {
        for v in line {
            *v = clamp(*v * f, 0.0, 1.0);
        }
    }
}

leveled! {
    fn mix(line: &mut [f32], f: f32, add: f32) {
        for v in line {
            *v = clamp(*v * f + add, 0.0, 1.0);
        }
    }
}

leveled! {
    fn saturate(r: &mut [f32], g: &mut [f32], b: &mut [f32], f: f32, rest: f32) {
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let gray = ((*r * 0.299 + *g * 0.587) + *b * 0.114) * rest;
            *r = clamp(*r * f + gray, 0.0, 1.0);
            *g = clamp(*g * f + gray, 0.0, 1.0);
            *b = clamp(*b * f + gray, 0.0, 1.0);
        }
    }
}

#[inline(always)]
fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn min(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

leveled! {
    fn hue(r: &mut [f32], g: &mut [f32], b: &mut [f32], turn: f32) {
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let (red, green, blue) = (*r, *g, *b);
            let top = max(max(red, green), blue);
            let chroma = top - min(min(red, green), blue);
            let safe = if chroma > 0.0 { chroma } else { 1.0 };
            // one division: the numerator and what is added are selected first
            let (up, plus) = if top == red {
                (green - blue, 0.0)
            } else if top == green {
                (blue - red, 2.0)
            } else {
                (red - green, 4.0)
            };
            let sixths = up / safe + plus;
            let sixths = if sixths < 0.0 { sixths + 6.0 } else { sixths };
            let sixths = sixths + turn;
            let part = |place: f32| {
                let k = sixths + place;
                let k = if k >= 12.0 { k - 6.0 } else { k };
                let k = if k >= 6.0 { k - 6.0 } else { k };
                top - chroma * clamp(min(k, 4.0 - k), 0.0, 1.0)
            };
            (*r, *g, *b) = (part(5.0), part(3.0), part(1.0));
        }
    }
}

leveled! {
    fn matrix(r: &mut [f32], g: &mut [f32], b: &mut [f32], m: &[f32; 12]) {
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let (x, y, z) = (*r, *g, *b);
            let row = |k: usize| clamp(((x * m[k] + y * m[k + 1]) + z * m[k + 2]) + m[k + 3], 0.0, 1.0);
            (*r, *g, *b) = (row(0), row(4), row(8));
        }
    }
}

leveled! {
    fn gray(r: &mut [f32], g: &mut [f32], b: &mut [f32]) {
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let v = (*r * 0.299 + *g * 0.587) + *b * 0.114;
            (*r, *g, *b) = (v, v, v);
        }
    }
}

leveled! {
    fn solarize(line: &mut [f32], threshold: f32) {
        for v in line {
            *v = if *v >= threshold { 1.0 - *v } else { *v };
        }
    }
}

leveled! {
    fn posterize(line: &mut [f32], steps: f32) {
        let unit = ((256.0 / f64::from(steps)).floor() / 255.0) as f32;
        for v in line {
            *v = min((*v * steps).floor(), steps - 1.0) * unit;
        }
    }
}

leveled! {
    fn normalize(line: &mut [f32], mean: f32, gain: f32) {
        for v in line {
            *v = (*v - mean) * gain;
        }
    }
}

/// log2 of a positive number, to about 1e-7; branch-free, so that it runs on vectors.
#[inline(always)]
fn log2(x: f32) -> f32 {
    let bits = x.to_bits() as i32;
    // m in [sqrt 1/2, sqrt 2)
    let k = (bits - 0x3F35_04F3) >> 23;
    let m = f32::from_bits((bits - (k << 23)) as u32);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = ((((z * (1.0 / 9.0) + 1.0 / 7.0) * z) + 1.0 / 5.0) * z + 1.0 / 3.0) * z;
    k as f32 + (s + s * series) * (2.0 * std::f32::consts::LOG2_E)
}

/// 2^x, to about 1e-7.
#[inline(always)]
fn exp2(x: f32) -> f32 {
    let x = clamp(x, -126.0, 126.0);
    // round to the nearest whole number by the size of the mantissa
    let whole = (x + 12_582_912.0) - 12_582_912.0;
    let t = (x - whole) * std::f32::consts::LN_2;
    let series = 1.0
        + t * (1.0 + t * (1.0 / 2.0 + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t * (1.0 / 720.0))))));
    let power = f32::from_bits((((x + 12_582_912.0).to_bits() as i32 - 0x4B40_0000 + 127) << 23) as u32);
    series * power
}

#[inline(always)]
fn pow(x: f32, y: f32) -> f32 {
    let v = exp2(y * log2(if x > 1e-30 { x } else { 1e-30 }));
    if x > 0.0 { v } else { 0.0 }
}

leveled! {
    fn power(line: &mut [f32], y: f32) {
        for v in line {
            *v = clamp(pow(*v, y), 0.0, 1.0);
        }
    }
}

leveled! {
    fn exposure(line: &mut [f32], factor: f32) {
        for v in line {
            let x = *v;
            let light = if x <= 0.04045 { x / 12.92 } else { pow((x + 0.055) / 1.055, 2.4) };
            let light = min(light * factor, 1.0);
            let out = if light <= 0.0031308 { light * 12.92 } else { 1.055 * pow(light, 1.0 / 2.4) - 0.055 };
            *v = clamp(out, 0.0, 1.0);
        }
    }
}

leveled! {
    fn sum(line: &[f32]) -> f64 {
        // Eight running sums whose order is part of the definition.
        let mut sums = [0.0f64; 8];
        let chunks = line.chunks_exact(8);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (s, &v) in sums.iter_mut().zip(chunk) {
                *s += f64::from(v);
            }
        }
        for (s, &v) in sums.iter_mut().zip(rest) {
            *s += f64::from(v);
        }
        ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    }
}

leveled! {
    fn sum_bytes(line: &[u8]) -> u64 {
        line.iter().map(|&v| u64::from(v)).sum()
    }
}

/// float32 to float16, to the nearest, ties to even.
pub fn half(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let size = bits & 0x7FFF_FFFF;
    if size > 0x7F80_0000 {
        return sign | 0x7E00 | (size >> 13) as u16 & 0x3FF;
    }
    if size >= 0x477F_F000 {
        return sign | 0x7C00;
    }
    if size < 0x3880_0000 {
        // below the least normal number: units of 2^-24, rounded by the addition itself
        let sum = f32::from_bits(size) + 0.5;
        return sign | (sum.to_bits() - 0.5f32.to_bits()) as u16;
    }
    let odd = size >> 13 & 1;
    sign | ((size - 0x3800_0000 + 0xFFF + odd) >> 13) as u16
}

pub fn to_half(from: &[f32], to: &mut [u16]) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx2 {
        // SAFETY: the level says that the processor has AVX2 and F16C.
        done = unsafe { half_avx2(from, to) };
    }
    for (o, &v) in to[done..].iter_mut().zip(&from[done..]) {
        *o = half(v);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn half_avx2(from: &[f32], to: &mut [u16]) -> usize {
    use std::arch::x86_64::*;
    for (from, to) in from.chunks_exact(8).zip(to.chunks_exact_mut(8)) {
        // SAFETY: both chunks hold eight values.
        unsafe {
            let v = _mm256_loadu_ps(from.as_ptr());
            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v));
        }
    }
    from.len().min(to.len()) / 8 * 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_to_the_nearest() {
        assert_eq!([1.0, -2.0, 65504.0, 65520.0, 1e-8, 6e-8].map(half), [0x3C00, 0xC000, 0x7BFF, 0x7C00, 0, 1]);
        let values: Vec<f32> = (0..200_000u32).map(|k| f32::from_bits(k.wrapping_mul(21_475))).collect();
        let finite: Vec<f32> = values.into_iter().filter(|v| v.is_finite()).collect();
        let mut out = vec![0; finite.len()];
        to_half(&finite, &mut out);
        for (v, &h) in finite.iter().zip(&out) {
            assert_eq!(half(*v), h, "{v}");
        }
    }

    #[test]
    fn a_byte_over_255_is_rounded_once() {
        for v in 0..=255u8 {
            assert_eq!(unit(v).to_bits(), (f32::from(v) / 255.0).to_bits());
        }
    }

    #[test]
    fn powers_are_near() {
        for k in 0..=1000 {
            let x = k as f32 / 1000.0;
            for g in [0.2f32, 0.5, 1.0, 1.7, 2.4, 8.0] {
                let want = f64::from(x).powf(f64::from(g));
                assert!((f64::from(pow(x, g)) - want).abs() < 2e-6, "{x} {g}");
            }
        }
    }
}
