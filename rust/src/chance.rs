//! Addressed draws, equal to the bit to `opsin.chance`: raw Philox4x64-10 words, plain IEEE double arithmetic on them,
//! logarithm and exponential by one shared recipe of additions and multiplications.

use crate::leveled;
use std::sync::LazyLock;

/// The key words of one step's parameter: a digest of (seed, step, parameter), made by Python once per pipeline.
pub type Key = [u64; 2];

/// Where a sample's draws are: draw number, epoch, and the word of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub draw: u64,
    pub epoch: u64,
    pub sample: u64,
}

/// The word of a sample's key: of `i` and a number in decimal, or of `s` and a text.
pub fn key_word(kind: u8, text: &str) -> u64 {
    let mut state = blake2b_simd::Params::new().hash_length(8).to_state();
    let digest = state.update(&[kind]).update(text.as_bytes()).finalize();
    digest.as_array()[..8].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

const M: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const W: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];

/// One block of Philox4x64-10 (Salmon et al., 2011).
pub fn philox(mut counter: [u64; 4], mut key: Key) -> [u64; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(W[0]), key[1].wrapping_add(W[1])];
        }
        let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
        let (p, q) = (wide(M[0], counter[0]), wide(M[1], counter[2]));
        counter = [(q >> 64) as u64 ^ counter[1] ^ key[0], q as u64, (p >> 64) as u64 ^ counter[3] ^ key[1], p as u64];
    }
    counter
}

/// The first raw words at an address, as numpy's Philox gives them: its counter steps before the first block.
pub fn words<const N: usize>(address: &Address, key: Key) -> [u64; N] {
    let mut out = [0; N];
    for (block, out) in out.chunks_mut(4).enumerate() {
        let counter = [block as u64 + 1, address.draw, address.epoch, address.sample];
        out.copy_from_slice(&philox(counter, key)[..out.len()]);
    }
    out
}

/// The top 53 bits as a number in [0, 1).
pub fn to_unit(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

pub fn unit(address: &Address, key: Key) -> f64 {
    to_unit(words::<1>(address, key)[0])
}

const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// x = m 2^k with m in [1/2, 1), for positive finite x.
fn split(x: f64) -> (f64, f64) {
    let scaled = if x < f64::MIN_POSITIVE { (x * (1u64 << 54) as f64, -54) } else { (x, 0) };
    let bits = scaled.0.to_bits();
    let k = ((bits >> 52) & 0x7FF) as i64 - 1022 + scaled.1;
    (f64::from_bits((bits & !(0x7FF << 52)) | (1022 << 52)), k as f64)
}

/// Natural logarithm of a positive number.
pub fn log(x: f64) -> f64 {
    let (mut m, mut k) = split(x);
    if m < std::f64::consts::FRAC_1_SQRT_2 {
        m *= 2.0;
        k -= 1.0;
    }
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut series = 1.0 / 23.0;
    for n in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        series = series * z + 1.0 / n;
    }
    (k * LN2_LOW + 2.0 * (s + s * (z * series))) + k * LN2_HIGH
}

/// Exponential.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let k = (x * std::f64::consts::LOG2_E + 0.5).floor();
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let mut series = 1.0;
    for n in [14.0, 13.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0] {
        series = 1.0 + (r / n) * series;
    }
    scale(series, k)
}

/// x 2^k without overflow on the way.
#[inline(always)]
fn scale(x: f64, k: f64) -> f64 {
    let power = |k: i64| f64::from_bits(((k + 1023) as u64) << 52);
    let k = k.clamp(-2200.0, 2200.0) as i64;
    let (a, b, c) = (k / 3, k / 3, k - 2 * (k / 3));
    x * power(a) * power(b) * power(c)
}

/// x^y for x >= 0.
pub fn power(x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return if y == 0.0 { 1.0 } else { 0.0 };
    }
    if x == 1.0 { 1.0 } else { exp(y * log(x)) }
}

/// The logarithms of k / 255; the first is none.
static LOGARITHMS: LazyLock<[f64; 256]> = LazyLock::new(|| std::array::from_fn(|k| log(k.max(1) as f64 / 255.0)));

/// (k / 255)^y for k = 0..=255, as `power` gives it, several at a time; y > 0.
pub fn powers(y: f64) -> [f64; 256] {
    let mut out = *LOGARITHMS;
    raise(&mut out, y);
    (out[0], out[255]) = (power(0.0, y), 1.0);
    out
}

leveled! {
    fn raise(logarithms: &mut [f64; 256], y: f64) {
        for v in logarithms {
            *v = exp(y * *v);
        }
    }
}

const A: [f64; 8] = [
    3.3871328727963665,
    133.14166789178438,
    1971.5909503065513,
    13731.69376550946,
    45921.95393154987,
    67265.7709270087,
    33430.57558358813,
    2509.0809287301227,
];
const B: [f64; 8] = [
    1.0,
    42.31333070160091,
    687.1870074920579,
    5394.196021424751,
    21213.794301586597,
    39307.89580009271,
    28729.085735721943,
    5226.495278852854,
];
const C: [f64; 8] = [
    1.4234371107496835,
    4.630337846156546,
    5.769497221460691,
    3.6478483247632045,
    1.2704582524523684,
    0.2417807251774506,
    0.022723844989269184,
    0.0007745450142783414,
];
const D: [f64; 8] = [
    1.0,
    2.053191626637759,
    1.6763848301838038,
    0.6897673349851,
    0.14810397642748008,
    0.015198666563616457,
    0.0005475938084995345,
    1.0507500716444169e-09,
];
const E: [f64; 8] = [
    6.657904643501103,
    5.463784911164114,
    1.7848265399172913,
    0.29656057182850487,
    0.026532189526576124,
    0.0012426609473880784,
    2.7115555687434876e-05,
    2.0103343992922881e-07,
];
const F: [f64; 8] = [
    1.0,
    0.599832206555888,
    0.1369298809227358,
    0.014875361290850615,
    0.0007868691311456133,
    1.8463183175100548e-05,
    1.421511758316446e-07,
    2.0442631033899397e-15,
];

fn ratio(top: &[f64; 8], bottom: &[f64; 8], r: f64) -> f64 {
    let (mut p, mut q) = (top[7], bottom[7]);
    for k in (0..7).rev() {
        p = p * r + top[k];
        q = q * r + bottom[k];
    }
    p / q
}

/// Inverse of the standard normal distribution function (Wichura, AS 241, 1988).
pub fn normal_quantile(u: f64) -> f64 {
    let q = u - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&A, &B, 0.180625 - q * q);
    }
    let r = (-log(if q < 0.0 { u } else { 1.0 - u })).sqrt();
    let value = if r <= 5.0 { ratio(&C, &D, r - 1.6) } else { ratio(&E, &F, r - 5.0) };
    if q < 0.0 { -value } else { value }
}

/// A distribution of one parameter.
#[derive(Clone, Debug)]
pub enum Law {
    Uniform { low: f64, high: f64 },
    LogUniform { low: f64, high: f64 },
    Normal { mean: f64, std: f64, low: f64, high: f64 },
}

impl Law {
    /// The value that a word gives; whole numbers as Python rounds them.
    pub fn value(&self, word: u64, whole: bool) -> f64 {
        let u = to_unit(word);
        match *self {
            Law::Uniform { low, high } if whole => {
                let (low, high) = (low.trunc(), high.trunc() + 1.0);
                (u * (high - low)).floor() + low
            }
            Law::Uniform { low, high } => low + (high - low) * u,
            Law::LogUniform { low, high } => {
                let (a, b) = (log(low), log(high));
                let v = exp(a + (b - a) * u).max(low).min(high);
                if whole { (v + 0.5).floor() } else { v }
            }
            Law::Normal { mean, std, low, high } => {
                let v = (mean + std * normal_quantile(u + 1.0 / (1u64 << 54) as f64)).max(low).min(high);
                if whole { (v + 0.5).floor() } else { v }
            }
        }
    }
}

/// A whole number from `low` to `high - 1`.
pub fn integer(word: u64, low: i64, high: i64) -> i64 {
    (to_unit(word) * (high - low) as f64).floor() as i64 + low
}

/// A position, chosen by running sums of weights.
pub fn index(word: u64, edges: &[f64]) -> usize {
    let Some(&last) = edges.last() else { return 0 };
    let at = to_unit(word) * last;
    edges.partition_point(|&e| e <= at).min(edges.len() - 1)
}

/// The numbers 0 .. N - 1 in the order of their words.
pub fn permutation(words: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..words.len()).collect();
    order.sort_by_key(|&k| words[k]);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_at_once_are_those_one_by_one() {
        for y in [0.01, 0.2, 0.7, 1.0, 1.3, 2.4, 8.0, 100.0] {
            let all = powers(y);
            for (k, v) in all.into_iter().enumerate() {
                assert_eq!(v.to_bits(), power(k as f64 / 255.0, y).to_bits(), "{k} {y}");
            }
        }
    }

    #[test]
    fn elementary_functions_are_right() {
        for k in 1..4000 {
            let x = f64::from(k) * 0.37 + 1e-3;
            assert!((log(x) - x.ln()).abs() <= 4.5e-16 * x.ln().abs().max(1.0));
            let y = f64::from(k) * 0.01 - 20.0;
            assert!((exp(y) / y.exp() - 1.0).abs() < 1e-15);
        }
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-15);
        assert_eq!(power(0.0, 2.0), 0.0);
        assert!((power(0.5, 2.2) - 0.5f64.powf(2.2)).abs() < 1e-16);
    }
}
