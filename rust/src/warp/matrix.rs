//! Maps from output coordinates to the picture's, in float64.

use super::points::CHUNK;
use crate::leveled;

pub type Matrix = [f64; 9];

pub const FAR: f64 = -1e9;
pub const HORIZON: f64 = 1e-9;

leveled! {
    /// Source points, in pixel indices, of output points (x0 + k, y), k < count.
    pub fn project(m: &Matrix, x0: f64, y: f64, count: usize, px: &mut [f64; CHUNK], py: &mut [f64; CHUNK]) {
        let (bx, by, bw) = (m[1] * y + m[2], m[4] * y + m[5], m[7] * y + m[8]);
        // Whole vectors are worked on; those behind the last point are not used.
        let n = count.next_multiple_of(16).min(CHUNK);
        if is_flat(m) {
            for k in 0..n {
                let x = x0 + k as f64;
                px[k] = (m[0] * x + bx) - 0.5;
                py[k] = (m[3] * x + by) - 0.5;
            }
        } else {
            for k in 0..n {
                let x = x0 + k as f64;
                let w = m[6] * x + bw;
                let seen = w > HORIZON;
                let r = 1.0 / (if seen { w } else { 1.0 });
                let (u, v) = ((m[0] * x + bx) * r, (m[3] * x + by) * r);
                px[k] = (if seen { u } else { FAR }) - 0.5;
                py[k] = (if seen { v } else { FAR }) - 0.5;
            }
        }
    }
}

/// The source point, in pixel indices, of one output point; nothing beyond the horizon.
pub fn seen(m: &Matrix, x: f64, y: f64) -> Option<[f64; 2]> {
    let w = m[6] * x + (m[7] * y + m[8]);
    let r = 1.0 / w;
    (w > HORIZON).then(|| [(m[0] * x + (m[1] * y + m[2])) * r - 0.5, (m[3] * x + (m[4] * y + m[5])) * r - 0.5])
}

/// Whether a map has no perspective.
pub fn is_flat(m: &Matrix) -> bool {
    m[6] == 0.0 && m[7] == 0.0 && m[8] == 1.0
}

/// Samples per axis that a chunk takes: three for every four source pixels that pass per output pixel, 16 at most.
pub fn density(m: &Matrix, x: f64, y: f64) -> (usize, usize) {
    let w = m[6] * x + m[7] * y + m[8];
    if !(w > HORIZON) {
        return (1, 1);
    }
    let (u, v) = ((m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w);
    let length = |x: f64, y: f64| (x * x + y * y).sqrt() / w;
    let along = length(m[0] - u * m[6], m[3] - v * m[6]);
    let down = length(m[1] - u * m[7], m[4] - v * m[7]);
    // Four taps reach over two pixels: one sample is enough up to there.
    let whole = |s: f64| (0.75 * s + 0.5).clamp(1.0, 16.0) as usize;
    (whole(along), whole(down))
}
