//! Boxes on their way through the canvases of a warp: carried, cut at every edge, and measured.

use crate::geometry::inverse;
use crate::warp::Matrix;

/// One map between two canvases, and the size of the second.
#[derive(Clone, Copy)]
pub struct Canvas {
    pub matrix: Matrix,
    pub width: f64,
    pub height: f64,
}

/// What became of a box.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Carried {
    /// The upright box around what is left.
    pub hull: [f64; 4],
    /// How much of the box is left, measured where it came from.
    pub visible: f64,
    /// What is left, in pixels of the last canvas.
    pub area: f64,
    /// The shorter side of the hull.
    pub side: f64,
}

/// When a box is dropped.
#[derive(Clone, Copy, Debug)]
pub struct Least {
    pub visible: f64,
    pub area: f64,
    pub side: f64,
}

impl Least {
    /// A thousandth of a pixel of rounding never drops a box that just meets a rule.
    const SLACK: f64 = 1e-3;

    /// Says of a box that goes whether nothing of it is left; `visible` is what it shows of the whole object.
    pub fn drops(&self, carried: &Carried, visible: f64) -> Option<bool> {
        let large = carried.area >= self.area - Self::SLACK && carried.side >= self.side - Self::SLACK;
        let fine = large && visible >= self.visible && visible > 0.0;
        (!fine).then_some(visible <= 0.0)
    }
}

type Point = [f64; 2];

/// Points nearer to the horizon than this are cut off.
const HORIZON: f64 = 1e-6;

fn seen(m: &Matrix) -> bool {
    m[6] == 0.0 && m[7] == 0.0
}

fn push(m: &Matrix, [x, y]: Point) -> Point {
    let w = m[6] * x + m[7] * y + m[8];
    let (u, v) = (m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]);
    if w == 1.0 { [u, v] } else { [u / w, v / w] }
}

/// Keeps the part of an outline where a x + b y + c >= 0 (Sutherland and Hodgman, 1974); says whether it cut.
fn cut(points: &mut Vec<Point>, kept: &mut Vec<Point>, a: f64, b: f64, c: f64) -> bool {
    let side = |p: &Point| a * p[0] + b * p[1] + c;
    if points.iter().all(|p| side(p) >= 0.0) {
        return false;
    }
    kept.clear();
    for (k, q) in points.iter().enumerate() {
        let p = &points[if k == 0 { points.len() - 1 } else { k - 1 }];
        let (sp, sq) = (side(p), side(q));
        if (sp >= 0.0) != (sq >= 0.0) {
            let t = sp / (sp - sq);
            kept.push([p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t]);
        }
        if sq >= 0.0 {
            kept.push(*q);
        }
    }
    std::mem::swap(points, kept);
    true
}

fn area(points: &[Point]) -> f64 {
    let Some(&[x0, y0]) = points.first() else { return 0.0 };
    let edges = points.iter().zip(points.iter().skip(1));
    let twice: f64 = edges.map(|(p, q)| (p[0] - x0) * (q[1] - y0) - (q[0] - x0) * (p[1] - y0)).sum();
    twice.abs() / 2.0
}

/// Carries boxes x1 y1 x2 y2 through canvases, one after another.
pub fn carry(boxes: &[[f64; 4]], canvases: &[Canvas]) -> Vec<Carried> {
    let whole = canvases.iter().fold(crate::geometry::IDENTITY, |m, c| crate::geometry::times(&c.matrix, &m));
    let back = inverse(&whole);
    let (mut points, mut spare) = (Vec::with_capacity(16), Vec::with_capacity(16));
    let mut one = |&[x1, y1, x2, y2]: &[f64; 4]| {
        points.clear();
        points.extend([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]);
        let before = area(&points);
        let mut smaller = false;
        for canvas in canvases {
            let m = &canvas.matrix;
            if !seen(m) {
                smaller |= cut(&mut points, &mut spare, m[6], m[7], m[8] - HORIZON);
            }
            points.iter_mut().for_each(|p| *p = push(m, *p));
            points.retain(|p| p[0].is_finite() && p[1].is_finite());
            for (a, b, c) in [(1.0, 0.0, 0.0), (-1.0, 0.0, canvas.width), (0.0, 1.0, 0.0), (0.0, -1.0, canvas.height)] {
                smaller |= cut(&mut points, &mut spare, a, b, c);
            }
        }
        if points.is_empty() {
            return Carried::default();
        }
        let far = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        let hull = points.iter().fold(far, |h, p| [h[0].min(p[0]), h[1].min(p[1]), h[2].max(p[0]), h[3].max(p[1])]);
        let sides = [hull[2] - hull[0], hull[3] - hull[1]];
        let left = area(&points);
        let origin = match &back {
            _ if !smaller || before == 0.0 => before,
            _ if points.len() < 3 => 0.0,
            _ if seen(&whole) => left / (whole[0] * whole[4] - whole[1] * whole[3]).abs().max(1e-300),
            Some(back) => area(&points.iter().map(|p| push(back, *p)).collect::<Vec<_>>()),
            None => before,
        };
        Carried {
            hull,
            visible: if before == 0.0 { 1.0 } else { (origin / before).min(1.0) },
            area: if points.len() > 2 { left } else { sides[0] * sides[1] },
            side: sides[0].min(sides[1]),
        }
    };
    boxes.iter().map(&mut one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_turned_box_is_left() {
        let turned = Canvas { matrix: [0.0, 1.0, 0.0, -1.0, 0.0, 100.0, 0.0, 0.0, 1.0], width: 100.0, height: 100.0 };
        let moved = Canvas { matrix: [1.0, 0.0, -15.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], width: 100.0, height: 100.0 };
        let [carried] = carry(&[[40.0, 10.0, 60.0, 20.0]], &[turned, moved])[..] else { panic!("one box") };
        assert_eq!(carried, Carried { hull: [0.0, 40.0, 5.0, 60.0], visible: 0.5, area: 100.0, side: 5.0 });
        assert_eq!(carry(&[[0.0, 0.0, 5.0, 5.0]], &[moved])[0], Carried::default());
    }
}
