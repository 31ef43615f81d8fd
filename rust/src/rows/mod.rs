//! The row program: color steps one after another on rows that stay in the nearest cache.
//!
//! Two forms of a row: bytes (levels of an 8-bit picture, rounded after every step) and floats (1.0 = white, clamped
//! after every step). Whatever maps bytes one by one is a table, and neighboring tables become one. All float steps
//! follow the order of operations of the NumPy reference, so that they give the same bits.

mod buffer;
mod bytes;
mod chain;
pub mod fine;
mod half;
mod lanes;
mod levels;
mod power;
mod words;

use crate::chance;
use crate::error::{Result, invalid};
use crate::program::Tint;
pub use buffer::{Elsewhere, Form as RowForm, RowBuffer, Sums, contrast};
pub use bytes::{gray_of_pixels, look_up};
pub use chain::{From, PER_LEVEL, To, run};
pub use half::to_half;
pub use levels::{arrive, saturate};
pub use words::part;

pub type Table = [[u8; 256]; 3];

/// One step on rows.
#[derive(Clone, Debug)]
pub enum Row {
    Table(Box<Table>),
    GrayBytes,
    SaturateBytes(f64),
    /// Y, Cb, Cr in 0..255 to fractions of white.
    FromYcbcr,
    /// 0..255 to fractions of white, kept between black and white.
    FromLevels,
    Clamp,
    /// Bytes to floats.
    Widen,
    /// Floats to bytes.
    Round,
    Scale(f32),
    /// Stretch about the mean brightness, which a pass over the whole picture finds first.
    Contrast(f64),
    Mix {
        factor: f32,
        add: f32,
    },
    Saturate(f64),
    /// Whole sixths of the circle, and what is left of the turn.
    Hue {
        whole: u8,
        part: f32,
    },
    Matrix([f32; 12]),
    Power(f32),
    Exposure(f32),
    Invert,
    Solarize(f32),
    Posterize(f32),
    Shift([f32; 3]),
    Gray,
    Normalize {
        mean: [f32; 3],
        gain: [f32; 3],
    },
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
    levels_of(std::array::from_fn(|k| f(k as f64 / 255.0)))
}

/// What the levels 0 to 255 become, as fractions of white, as a table of levels.
fn levels_of(values: [f64; 256]) -> Row {
    let mut line = [0u8; 256];
    for (out, v) in line.iter_mut().zip(values) {
        *out = (v.max(0.0).min(1.0) * 255.0 + 0.5) as u8;
    }
    Row::Table(Box::new([line; 3]))
}

fn to_linear(v: f64) -> f64 {
    if v <= 0.04045 { v / 12.92 } else { chance::power((v + 0.055) / 1.055, 2.4) }
}

fn from_linear(v: f64) -> f64 {
    if v <= 0.0031308 { v * 12.92 } else { 1.055 * chance::power(v, 1.0 / 2.4) - 0.055 }
}

fn posterized(bits: f64) -> impl Fn(f64) -> f64 {
    let steps = 2f64.powi(bits as i32);
    let step = (256.0 / steps).floor() / 255.0;
    // Whole numbers this small are exact: cutting off is rounding down.
    move |v| f64::from((v * steps) as i32).min(steps - 1.0) * step
}

/// The same steps as rows: `levels` says that the source is 8 bit, `settled` that it is still rounded.
pub fn compile(tints: &[Tint], channels: usize, levels: bool, settled: bool, form: Form) -> Result<Compiled> {
    let mut c = Compiler { rows: Vec::new(), bytes: settled, channels, form };
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
        if matches!(tint, Tint::Matrix(_) | Tint::Shift(_)) && c.channels != 3 {
            return invalid("program: colors are mixed in pictures of three channels only.");
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

/// Whether the steps will be run, or only what comes out is asked for: then no table is worked out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Working,
    Outline,
}

struct Compiler {
    rows: Vec<Row>,
    bytes: bool,
    channels: usize,
    form: Form,
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
    fn table(&mut self, f: impl Fn(f64) -> f64) {
        if self.form == Form::Working {
            self.add(table(f));
        }
    }

    fn add(&mut self, row: Row) {
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
                Tint::Brightness(f) => self.table(|v| v * f),
                Tint::Gamma(g) if self.form == Form::Working => self.add(levels_of(chance::powers(*g))),
                Tint::Gamma(_) => {}
                Tint::Exposure(0.0) => {}
                Tint::Exposure(s) => self.table(|v| from_linear((to_linear(v) * s.exp2()).min(1.0))),
                Tint::Invert => self.table(|v| 1.0 - v),
                Tint::Solarize(t) => self.table(|v| if v >= *t { 1.0 - v } else { v }),
                Tint::Posterize(bits) => self.table(posterized(*bits)),
                Tint::Shift(s) if color => {
                    let lines = s.map(|s| table(|v| v + s));
                    let mut joined = Box::new([[0u8; 256]; 3]);
                    for (k, line) in lines.iter().enumerate() {
                        if let Row::Table(t) = line {
                            joined[k] = t[k];
                        }
                    }
                    self.add(Row::Table(joined));
                }
                Tint::Contrast(f) => self.rows.push(Row::Contrast(*f)),
                Tint::Saturation(f) if color && *f != 1.0 => self.rows.push(Row::SaturateBytes(*f)),
                Tint::Gray if color => self.rows.push(Row::GrayBytes),
                Tint::ToGray if color => {
                    self.rows.push(Row::GrayBytes);
                    self.channels = 1;
                }
                Tint::Jitter(steps) => {
                    let mut inner =
                        Compiler { rows: Vec::new(), bytes: false, channels: self.channels, form: self.form };
                    steps.iter().for_each(|s| inner.float_step(s));
                    if !inner.rows.is_empty() {
                        self.floats();
                        self.rows.append(&mut inner.rows);
                        self.levels();
                    }
                }
                _ => {
                    let mut inner =
                        Compiler { rows: Vec::new(), bytes: false, channels: self.channels, form: self.form };
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
            Tint::Hue(h) if color && *h != h.round() => {
                let sixths = 6.0 * (h - h.floor());
                let whole = sixths.floor().min(5.0);
                Row::Hue { whole: whole as u8, part: (sixths - whole) as f32 }
            }
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
