//! The matrices of steps, and the canvases that they fill.

use super::Size;
use crate::error::{Result, invalid};
use crate::warp::Matrix;

pub const IDENTITY: Matrix = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];

pub fn shift(x: f64, y: f64) -> Matrix {
    [1.0, 0.0, x, 0.0, 1.0, y, 0.0, 0.0, 1.0]
}

pub fn stretch(x: f64, y: f64) -> Matrix {
    [x, 0.0, 0.0, 0.0, y, 0.0, 0.0, 0.0, 1.0]
}

/// a after b.
pub fn times(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|k| {
        let (i, j) = (k / 3, k % 3);
        (a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j]) + a[3 * i + 2] * b[6 + j]
    })
}

pub fn inverse(m: &Matrix) -> Option<Matrix> {
    let minor = |a: usize, b: usize, c: usize, d: usize| m[a] * m[d] - m[b] * m[c];
    let adjugate = [
        minor(4, 5, 7, 8),
        -minor(1, 2, 7, 8),
        minor(1, 2, 4, 5),
        -minor(3, 5, 6, 8),
        minor(0, 2, 6, 8),
        -minor(0, 2, 3, 5),
        minor(3, 4, 6, 7),
        -minor(0, 1, 6, 7),
        minor(0, 1, 3, 4),
    ];
    let determinant = (m[0] * adjugate[0] + m[1] * adjugate[3]) + m[2] * adjugate[6];
    let out = adjugate.map(|v| v / determinant);
    let out = if out[8].abs() > 1e-9 { out.map(|v| v / out[8]) } else { out };
    out.iter().all(|v| v.is_finite()).then_some(out)
}

/// Turns about the origin, anticlockwise as seen; quarter turns are exact.
pub fn turn(degrees: f64) -> Matrix {
    let quarter = degrees / 90.0;
    let (c, s) = if quarter == quarter.round() {
        [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)][quarter.rem_euclid(4.0) as usize & 3]
    } else {
        let r = degrees * (std::f64::consts::PI / 180.0);
        (r.cos(), r.sin())
    };
    [c, s, 0.0, -s, c, 0.0, 0.0, 0.0, 1.0]
}

pub fn about(size: Size, m: &Matrix) -> Matrix {
    let (x, y) = (size.0 as f64 / 2.0, size.1 as f64 / 2.0);
    times(&times(&shift(x, y), m), &shift(-x, -y))
}

pub fn slanted(x: f64, y: f64) -> Matrix {
    let tan = |d: f64| (d * (std::f64::consts::PI / 180.0)).tan();
    let upright = [1.0, tan(x), 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let level = [1.0, 0.0, 0.0, -tan(y), 1.0, 0.0, 0.0, 0.0, 1.0];
    times(&level, &upright)
}

/// Carries a point.
pub fn project(m: &Matrix, x: f64, y: f64) -> (f64, f64) {
    let w = m[6] * x + m[7] * y + m[8];
    ((m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w)
}

/// The canvas that holds this one after a matrix.
pub fn around(m: &Matrix, size: Size) -> Size {
    let (w, h) = (size.0 as f64, size.1 as f64);
    let points = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].map(|(x, y)| project(m, x, y));
    let span = |values: [f64; 4]| {
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        ((high - low - 1e-6).ceil().max(1.0)) as usize
    };
    (span(points.map(|p| p.0)), span(points.map(|p| p.1)))
}

/// The largest upright rectangle within a turned one.
pub fn within(size: Size, angle: f64) -> Size {
    let (w, h) = (size.0 as f64, size.1 as f64);
    let r = angle * (std::f64::consts::PI / 180.0);
    let (s, c) = (r.sin().abs(), r.cos().abs());
    let (long, short) = (w.max(h), w.min(h));
    let (wide, high) = if short <= 2.0 * s * c * long || (s - c).abs() < 1e-10 {
        let half = short / 2.0;
        if w >= h { (half / s, half / c) } else { (half / c, half / s) }
    } else {
        let cos2 = c * c - s * s;
        ((w * c - h * s) / cos2, (h * c - w * s) / cos2)
    };
    (((wide + 1e-9) as usize).max(1), ((high + 1e-9) as usize).max(1))
}

pub fn convex(p: &[(f64, f64); 4]) -> bool {
    let edge: [(f64, f64); 4] = std::array::from_fn(|k| (p[(k + 1) % 4].0 - p[k].0, p[(k + 1) % 4].1 - p[k].1));
    let largest = edge.iter().fold(0.0f64, |m, e| m.max(e.0.abs()).max(e.1.abs()));
    let least = 1e-6 * largest * largest;
    let cross: [f64; 4] = std::array::from_fn(|k| edge[k].0 * edge[(k + 1) % 4].1 - edge[k].1 * edge[(k + 1) % 4].0);
    cross.iter().all(|&c| c > least) || cross.iter().all(|&c| c < -least)
}

/// The matrix that carries four points to four others: eight linear equations, by elimination with pivots.
pub fn homography(from: &[(f64, f64); 4], to: &[(f64, f64); 4]) -> Result<Matrix> {
    let mut rows = [[0.0f64; 9]; 8];
    for k in 0..4 {
        let ((x, y), (u, v)) = (from[k], to[k]);
        rows[2 * k] = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u];
        rows[2 * k + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v];
    }
    for column in 0..8 {
        let Some(pivot) = (column..8).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs())) else {
            break;
        };
        rows.swap(column, pivot);
        let top = rows[column];
        if top[column] == 0.0 {
            return invalid("perspective: corners must be a convex quadrilateral.");
        }
        for row in &mut rows[column + 1..] {
            let f = row[column] / top[column];
            for k in column..9 {
                row[k] -= f * top[k];
            }
        }
    }
    let mut out = [1.0; 9];
    for k in (0..8).rev() {
        let mut v = rows[k][8];
        for j in k + 1..8 {
            v -= rows[k][j] * out[j];
        }
        out[k] = v / rows[k][k];
    }
    Ok(out)
}
