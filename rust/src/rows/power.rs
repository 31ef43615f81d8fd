//! Powers on rows: logarithm and exponential that run on vectors.

use crate::leveled;
use crate::resample::clamp;

#[inline(always)]
fn min(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
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
    let series =
        1.0 + t * (1.0 + t * (1.0 / 2.0 + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t * (1.0 / 720.0))))));
    let power = f32::from_bits((((x + 12_582_912.0).to_bits() as i32 - 0x4B40_0000 + 127) << 23) as u32);
    series * power
}

#[inline(always)]
fn pow(x: f32, y: f32) -> f32 {
    let v = exp2(y * log2(if x > 1e-30 { x } else { 1e-30 }));
    if x > 0.0 { v } else { 0.0 }
}

leveled! {
    pub fn power(line: &mut [f32], y: f32) {
        for v in line {
            *v = clamp(pow(*v, y), 0.0, 1.0);
        }
    }
}

leveled! {
    pub fn exposure(line: &mut [f32], factor: f32) {
        for v in line {
            let x = *v;
            let light = if x <= 0.04045 { x / 12.92 } else { pow((x + 0.055) / 1.055, 2.4) };
            let light = min(light * factor, 1.0);
            let out = if light <= 0.0031308 { light * 12.92 } else { 1.055 * pow(light, 1.0 / 2.4) - 0.055 };
            *v = clamp(out, 0.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
