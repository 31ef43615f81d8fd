//! The canvases that a picture passed on its way: what lies beyond one of them is cut off.

use super::matrix::{HORIZON, Matrix};

/// A canvas on the way: output coordinates to its own, its size, and which of the fills lies beyond it.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub back: Matrix,
    pub width: f64,
    pub height: f64,
    pub fill: usize,
}

/// The columns `low..high` of output row `y` whose middles lie inside every frame. What a frame cuts off is told to
/// `paint(frame, from, to)`; of two frames that cut the same pixel the first one counts.
pub fn frame_run(
    frames: &[Frame],
    y: usize,
    width: usize,
    mut paint: impl FnMut(&Frame, usize, usize),
) -> (usize, usize) {
    let (mut low, mut high) = (0i64, width as i64);
    let cy = y as f64 + 0.5;
    for frame in frames {
        let m = &frame.back;
        let (bx, by, bw) = (m[1] * cy + m[2], m[4] * cy + m[5], m[7] * cy + m[8]);
        // Five linear forms a x + b that must not be negative (the horizon's must be positive).
        let forms = [
            (m[0], bx),
            (m[3], by),
            (frame.width * m[6] - m[0], frame.width * bw - bx),
            (frame.height * m[6] - m[3], frame.height * bw - by),
            (m[6], bw - HORIZON),
        ];
        // The pixel at the far edge belongs outside: [0, w) x [0, h).
        let inside = |k: i64| {
            let x = k as f64 + 0.5;
            forms[..2].iter().all(|&(a, b)| a * x + b >= 0.0) && forms[2..].iter().all(|&(a, b)| a * x + b > 0.0)
        };
        let (mut a0, mut a1) = (low as f64, high as f64);
        for &(a, b) in &forms {
            let root = -b / a - 0.5;
            if a > 0.0 {
                a0 = a0.max(root);
            } else if a < 0.0 {
                a1 = a1.min(root + 1.0);
            } else if b < 0.0 {
                a1 = a0 - 4.0;
            }
        }
        if !(a1 > a0 - 2.0) {
            paint(frame, low as usize, high as usize);
            return (0, 0);
        }
        // The roots are rounded: the predicate itself decides at both ends.
        let (mut l, mut h) = ((a0.floor() as i64 - 1).max(low), (a1.ceil() as i64 + 1).min(high));
        while l < h && !inside(l) {
            l += 1;
        }
        while h > l && !inside(h - 1) {
            h -= 1;
        }
        if l >= h {
            paint(frame, low as usize, high as usize);
            return (0, 0);
        }
        paint(frame, low as usize, l as usize);
        paint(frame, h as usize, high as usize);
        (low, high) = (l, h);
    }
    (low as usize, high as usize)
}

/// A line across a picture: `along x + down y + at` is positive on its inner side.
#[derive(Clone, Copy, Debug)]
struct Line {
    along: f64,
    down: f64,
    at: f64,
    /// -1 / along, for the root.
    turned: f64,
}

/// Which columns of an output row lie at least `inset` inside a picture (outside it, where that is negative). They are
/// found by the roots alone, so that the inset must be larger than a rounding.
#[derive(Clone, Copy, Debug)]
pub struct Inside {
    lines: [Line; 5],
}

impl Inside {
    pub fn new(m: &Matrix, (width, height): (usize, usize), inset: f64) -> Inside {
        let (right, bottom) = (width as f64 - inset, height as f64 - inset);
        // x >= inset, y >= inset, x <= right, y <= bottom, each times the third coordinate, which must be positive.
        let lines = [
            [0, 1, 2].map(|k| m[k] - inset * m[6 + k]),
            [0, 1, 2].map(|k| m[3 + k] - inset * m[6 + k]),
            [0, 1, 2].map(|k| right * m[6 + k] - m[k]),
            [0, 1, 2].map(|k| bottom * m[6 + k] - m[3 + k]),
            [m[6], m[7], m[8] - HORIZON],
        ];
        Inside { lines: lines.map(|[along, down, at]| Line { along, down, at, turned: -1.0 / along }) }
    }

    /// The columns of `low..high` at height `cy`.
    pub fn run(&self, cy: f64, (low, high): (usize, usize)) -> (usize, usize) {
        let (mut first, mut last) = (low as f64, high as f64 - 1.0);
        for line in &self.lines {
            let b = line.down * cy + line.at;
            let root = b * line.turned - 0.5;
            if line.along > 0.0 {
                first = first.max(root);
            } else if line.along < 0.0 {
                last = last.min(root);
            } else if !(b > 0.0) {
                return (low, low);
            }
        }
        if !(first <= last) {
            return (low, low);
        }
        // Neither is negative: cutting off is rounding down.
        let whole = first as usize;
        let begin = whole + usize::from((whole as f64) < first);
        let end = last as usize + 1;
        if begin < end { (begin, end) } else { (low, low) }
    }
}
