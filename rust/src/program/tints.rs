//! The steps that change colors.

use super::fields::Fields;
use super::node::Maker;
use crate::chance::{self, Law};
use crate::error::{Result, invalid};
use serde_json::Value;

/// A color technique with plain numbers. Ranges of `Jitter` stand still until they are drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Tint {
    Brightness(f64),
    Contrast(f64),
    Gamma(f64),
    Exposure(f64),
    Invert,
    Solarize(f64),
    Posterize(f64),
    Saturation(f64),
    Hue(f64),
    /// The four of `color_jitter` in their drawn order; nothing is rounded between them.
    Jitter(Vec<Tint>),
    /// out = M (r, g, b) + c, row after row.
    Matrix([f64; 12]),
    Shift([f64; 3]),
    /// The same brightness in every channel that is there.
    Gray,
    /// One channel only.
    ToGray,
    ToRgb,
    Normalize {
        mean: Vec<f64>,
        std: Vec<f64>,
    },
    /// Channels to the front; true for float16.
    ToTensor(bool),
}

pub fn tint(f: &Fields<'_>) -> Result<Option<Maker<Tint>>> {
    let one = |name: &str, wrap: fn(f64) -> Tint| -> Result<Maker<Tint>> {
        let n = f.num(name)?;
        Ok(Box::new(move |a| wrap(n.get(a))))
    };
    Ok(Some(match f.op {
        "brightness" => one("factor", Tint::Brightness)?,
        "contrast" => one("factor", Tint::Contrast)?,
        "gamma" => one("gamma", Tint::Gamma)?,
        "exposure" => one("stops", Tint::Exposure)?,
        "solarize" => one("threshold", Tint::Solarize)?,
        "posterize" => one("bits", Tint::Posterize)?,
        "saturation" => one("factor", Tint::Saturation)?,
        "hue" => one("shift", Tint::Hue)?,
        "invert" => Box::new(|_| Tint::Invert),
        "color_jitter" => jitter(f)?,
        "color_matrix" => {
            // 3 x 3, or 3 x 4 with a constant last
            let list = f.list("matrix", 0)?;
            let columns = match list.len() {
                9 => 3,
                12 => 4,
                _ => return f.missing("matrix"),
            };
            let matrix: [f64; 12] =
                std::array::from_fn(|k| if k % 4 < columns { list[k / 4 * columns + k % 4] } else { 0.0 });
            Box::new(move |_| Tint::Matrix(matrix))
        }
        "sepia" => {
            let amount = f.num_or("amount", 1.0)?;
            Box::new(move |a| Tint::Matrix(sepia(amount.get(a))))
        }
        "rgb_shift" => {
            let n = [f.num("r")?, f.num("g")?, f.num("b")?];
            Box::new(move |a| Tint::Shift([n[0].get(a), n[1].get(a), n[2].get(a)]))
        }
        "to_gray" if f.has("weights") && f.text("weights", "bt601") != "bt601" => {
            return invalid("program: to_gray: the core has no weights but bt601.");
        }
        "to_gray" if f.value.get("weights").is_some_and(Value::is_array) => {
            return invalid("program: to_gray: the core has no weights but bt601.");
        }
        "to_gray" => {
            let channels = f.value.get("channels").and_then(Value::as_u64).unwrap_or(1);
            match channels {
                1 => Box::new(|_| Tint::ToGray),
                3 => Box::new(|_| Tint::Gray),
                _ => return f.missing("channels"),
            }
        }
        "to_rgb" => Box::new(|_| Tint::ToRgb),
        "normalize" => {
            let (mean, std) = (f.list("mean", 0)?, f.list("std", 0)?);
            if std.iter().any(|&s| !(s > 0.0)) {
                return f.missing("std");
            }
            Box::new(move |_| Tint::Normalize { mean: mean.clone(), std: std.clone() })
        }
        "to_tensor" => {
            let half = match f.text("dtype", "float32") {
                "float32" => false,
                "float16" => true,
                _ => return f.missing("dtype"),
            };
            Box::new(move |_| Tint::ToTensor(half))
        }
        _ => return Ok(None),
    }))
}

fn jitter(f: &Fields<'_>) -> Result<Maker<Tint>> {
    let order = f.key("order")?;
    let names = ["brightness", "contrast", "saturation", "hue"];
    let mut parts = Vec::with_capacity(4);
    for (k, name) in names.into_iter().enumerate() {
        let middle = if k == 3 { 0.0 } else { 1.0 };
        let spread = if f.has(name) { f.list(name, 0)? } else { vec![0.0] };
        let (low, high) = match *spread {
            [s] if k == 3 => (middle - s, middle + s),
            [s] => (f64::max(0.0, middle - s), middle + s),
            [low, high] if low <= high => (low, high),
            _ => return f.missing(name),
        };
        parts.push((low, high, middle, f.key(name)?));
    }
    Ok(Box::new(move |a| {
        let mut out = Vec::with_capacity(4);
        for place in chance::permutation(&chance::words::<4>(a, order)) {
            let (low, high, middle, key) = parts[place];
            let amount = Law::Uniform { low, high }.value(chance::words::<1>(a, key)[0], false);
            if amount != middle {
                let wrap = [Tint::Brightness, Tint::Contrast, Tint::Saturation, Tint::Hue][place];
                out.push(wrap(amount));
            }
        }
        Tint::Jitter(out)
    }))
}

fn sepia(amount: f64) -> [f64; 12] {
    const TONE: [[f64; 3]; 3] = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]];
    std::array::from_fn(|k| match (k / 4, k % 4) {
        (_, 3) => 0.0,
        (r, c) => f64::from(u8::from(r == c)) * (1.0 - amount) + TONE[r][c] * amount,
    })
}
