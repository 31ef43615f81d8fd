//! Where pixels go: the stages of a drawn program, as `opsin.geometry` and the geometric techniques define them.

mod matrix;

use crate::chance::{self, Address, Key};
use crate::error::{Result, invalid};
use crate::resample::Kernel;
use crate::warp::{Border, Matrix};
use matrix::{about, around, convex, homography, slanted, turn, within};

pub use matrix::{IDENTITY, inverse, project, shift, stretch, times};

/// Width and height of a canvas.
pub type Size = (usize, usize);

const MAX_SIDE: usize = 1 << 20;

/// One map between two canvases: a matrix source -> target.
#[derive(Clone, Debug)]
pub struct Stage {
    pub source: Size,
    pub target: Size,
    pub matrix: Matrix,
    pub border: Border,
    pub fill: Vec<f64>,
    pub kernel: Option<Kernel>,
}

impl Stage {
    /// Whether it moves whole pixels onto whole pixels and does nothing else.
    pub fn moves_whole_pixels(&self) -> bool {
        let m = &self.matrix;
        if self.kernel.is_some() || m[6] != 0.0 || m[7] != 0.0 || m.iter().any(|v| (v - v.round()).abs() > 1e-9) {
            return false;
        }
        let a = [m[0], m[1], m[3], m[4]].map(|v| v.round().abs());
        a == [1.0, 0.0, 0.0, 1.0] || a == [0.0, 1.0, 1.0, 0.0]
    }

    /// Target to source.
    pub fn back(&self) -> Result<Matrix> {
        match inverse(&self.matrix) {
            Some(m) => Ok(m),
            None => invalid("warp: the matrix must be invertible."),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    Size,
    All,
    Inside,
}

/// A geometric technique with plain numbers.
#[derive(Clone, Debug)]
pub enum Move {
    Resize { width: f64, height: f64 },
    Shorter { size: f64 },
    Longer { size: f64 },
    Letterbox { width: f64, height: f64, x: f64, y: f64, enlarge: bool },
    Scale { factor: f64 },
    Crop { left: f64, top: f64, width: f64, height: f64 },
    CenterCrop { width: Option<f64>, height: Option<f64>, fraction: Option<f64> },
    CropAt { width: f64, height: f64, x: f64, y: f64 },
    Pad { left: f64, top: f64, right: f64, bottom: f64 },
    Orient(u8),
    FlipHorizontal,
    FlipVertical,
    Transpose,
    Rotate90 { times: f64 },
    Rotate { angle: f64, keep: Keep },
    Translate { x: f64, y: f64 },
    Shear { x: f64, y: f64 },
    Affine { angle: f64, scale: f64, shear: f64, shear_y: f64, x: f64, y: f64 },
    Perspective { distortion: f64, key: Key },
    Corners([f64; 8]),
    RandomCrop { width: f64, height: f64, left: Key, top: Key },
    RandomResizedCrop { width: f64, height: f64, area: (f64, f64), ratio: (f64, f64), keys: [Key; 4] },
}

/// What every geometric technique takes besides.
#[derive(Clone, Debug)]
pub struct Edge {
    pub border: Border,
    pub fill: Vec<f64>,
    pub kernel: Kernel,
}

fn fits(name: &str, size: Size, left: i64, top: i64, width: usize, height: usize) -> Result<()> {
    let ok = |start: i64, length: usize, side: usize| start >= 0 && start as u64 + length as u64 <= side as u64;
    if ok(left, width, size.0) && ok(top, height, size.1) {
        return Ok(());
    }
    invalid(format!(
        "{name}: the rectangle must lie on the picture of {} x {}; got {width} x {height} at ({left}, {top}).",
        size.0, size.1
    ))
}

/// Writes the stages of one technique behind those that are there.
pub fn append(stages: &mut Vec<Stage>, size: Size, step: &Move, edge: &Edge, address: &Address) -> Result<Size> {
    let (w, h) = (size.0 as f64, size.1 as f64);
    let mut push = |source: Size, target: Size, matrix: Matrix, kernel: Option<Kernel>| -> Result<Size> {
        if target.0 == 0 || target.1 == 0 || target.0 > MAX_SIDE || target.1 > MAX_SIDE {
            let (x, y) = target;
            return invalid(format!("the result must be at most {MAX_SIDE} pixels wide and high; got {x} x {y}."));
        }
        let (border, fill) = (edge.border, edge.fill.clone());
        stages.push(Stage { source, target, matrix, border, fill, kernel });
        Ok(target)
    };
    let kernel = Some(edge.kernel);
    let whole = |v: f64| v as usize;
    let stretched = |to: Size| stretch(to.0 as f64 / w, to.1 as f64 / h);
    let cut = |left: i64, top: i64| shift(-(left as f64), -(top as f64));
    match *step {
        Move::Resize { width, height } => {
            let to = (whole(width), whole(height));
            push(size, to, stretched(to), kernel)
        }
        Move::Shorter { size: side } => {
            let side = whole(side);
            let other = side * size.0.max(size.1) / size.0.min(size.1);
            let to = if size.0 <= size.1 { (side, other) } else { (other, side) };
            push(size, to, stretched(to), kernel)
        }
        Move::Longer { size: side } => {
            let side = whole(side);
            let other = (side * size.0.min(size.1) / size.0.max(size.1)).max(1);
            let to = if size.0 >= size.1 { (side, other) } else { (other, side) };
            push(size, to, stretched(to), kernel)
        }
        Move::Letterbox { width, height, x, y, enlarge } => {
            let mut ratio = (width / w).min(height / h);
            if !enlarge {
                ratio = ratio.min(1.0);
            }
            let side = |length: f64, limit: f64| whole((length * ratio).round_ties_even().max(1.0).min(limit));
            let inner = (side(w, width), side(h, height));
            let canvas = (whole(width), whole(height));
            let left = ((canvas.0 - inner.0) as f64 * x + 1e-9).trunc();
            let top = ((canvas.1 - inner.1) as f64 * y + 1e-9).trunc();
            push(size, inner, stretched(inner), kernel)?;
            push(inner, canvas, shift(left, top), None)
        }
        Move::Scale { factor } => {
            let side = |length: f64| whole((length * factor + 0.5).floor().max(1.0));
            let to = (side(w), side(h));
            push(size, to, stretched(to), kernel)
        }
        Move::Crop { left, top, width, height } => {
            let to = (whole(width), whole(height));
            fits("crop", size, left as i64, top as i64, to.0, to.1)?;
            push(size, to, cut(left as i64, top as i64), None)
        }
        Move::CenterCrop { width, height, fraction } => {
            let part = |length: f64, f: f64| (length * f + 0.5).floor().max(1.0);
            let (width, height) = match fraction {
                Some(f) => (part(w, f), part(h, f)),
                None => (width.unwrap_or(w), height.unwrap_or(h)),
            };
            let offset = |room: f64| (room * 0.5).round_ties_even() as i64;
            let (left, top) = (offset(w - width), offset(h - height));
            fits("center_crop", size, left, top, whole(width), whole(height))?;
            push(size, (whole(width), whole(height)), cut(left, top), None)
        }
        Move::CropAt { width, height, x, y } => {
            let offset = |room: f64, part: f64| (room * part).round_ties_even() as i64;
            let (left, top) = (offset(w - width, x), offset(h - height, y));
            fits("crop_at", size, left, top, whole(width), whole(height))?;
            push(size, (whole(width), whole(height)), cut(left, top), None)
        }
        Move::Pad { left, top, right, bottom } => {
            let to = (size.0 + whole(left) + whole(right), size.1 + whole(top) + whole(bottom));
            push(size, to, shift(left, top), None)
        }
        Move::Orient(n) => {
            let (m, turned): (Matrix, bool) = match n {
                2 => ([-1.0, 0.0, w, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], false),
                3 => ([-1.0, 0.0, w, 0.0, -1.0, h, 0.0, 0.0, 1.0], false),
                4 => ([1.0, 0.0, 0.0, 0.0, -1.0, h, 0.0, 0.0, 1.0], false),
                5 => ([0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0], true),
                6 => ([0.0, -1.0, h, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0], true),
                7 => ([0.0, -1.0, h, -1.0, 0.0, w, 0.0, 0.0, 1.0], true),
                8 => ([0.0, 1.0, 0.0, -1.0, 0.0, w, 0.0, 0.0, 1.0], true),
                _ => return Ok(size),
            };
            push(size, if turned { (size.1, size.0) } else { size }, m, None)
        }
        Move::FlipHorizontal => push(size, size, [-1.0, 0.0, w, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], None),
        Move::FlipVertical => push(size, size, [1.0, 0.0, 0.0, 0.0, -1.0, h, 0.0, 0.0, 1.0], None),
        Move::Transpose => push(size, (size.1, size.0), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0], None),
        Move::Rotate90 { times: count } => {
            let quarter = count.rem_euclid(4.0);
            let to = if quarter % 2.0 == 1.0 { (size.1, size.0) } else { size };
            let middle = shift(to.0 as f64 / 2.0, to.1 as f64 / 2.0);
            let m = times(&times(&middle, &turn(90.0 * quarter)), &shift(-w / 2.0, -h / 2.0));
            push(size, to, m, None)
        }
        Move::Rotate { angle, keep } => {
            let m = about(size, &turn(angle));
            let to = match keep {
                Keep::Size => return push(size, size, m, None),
                Keep::All => around(&m, size),
                Keep::Inside => within(size, angle),
            };
            let move_ = shift(to.0 as f64 / 2.0 - w / 2.0, to.1 as f64 / 2.0 - h / 2.0);
            push(size, to, times(&move_, &m), None)
        }
        Move::Translate { x, y } => push(size, size, shift(x * w, y * h), None),
        Move::Shear { x, y } => push(size, size, about(size, &slanted(x, y)), None),
        Move::Affine { angle, scale, shear, shear_y, x, y } => {
            let inner = times(&times(&turn(angle), &stretch(scale, scale)), &slanted(shear, shear_y));
            push(size, size, times(&shift(x * w, y * h), &about(size, &inner)), None)
        }
        Move::Perspective { distortion, key } => {
            let reach = distortion.min(0.999) / 2.0;
            let drawn = chance::words::<8>(address, key).map(|word| 0.0 + (reach - 0.0) * chance::to_unit(word));
            let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
            let inwards = [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)];
            let mut goal: [(f64, f64); 4] = std::array::from_fn(|k| {
                let ((x, y), (i, j)) = (corners[k], inwards[k]);
                (x + i * drawn[2 * k] * w, y + j * drawn[2 * k + 1] * h)
            });
            if !convex(&goal) {
                goal = std::array::from_fn(|k| {
                    let ((x, y), (u, v)) = (corners[k], goal[k]);
                    (x + (u - x) * 0.5, y + (v - y) * 0.5)
                });
            }
            push(size, size, homography(&corners, &goal)?, None)
        }
        Move::Corners(c) => {
            let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
            let goal: [(f64, f64); 4] = std::array::from_fn(|k| (c[2 * k], c[2 * k + 1]));
            if !convex(&goal) {
                return invalid("perspective: corners must be a convex quadrilateral.");
            }
            push(size, size, homography(&corners, &goal)?, None)
        }
        Move::RandomCrop { width, height, left, top } => {
            let to = (whole(width), whole(height));
            fits("random_crop", size, 0, 0, to.0, to.1)?;
            let at = |key: Key, room: usize| chance::integer(chance::words::<1>(address, key)[0], 0, room as i64 + 1);
            push(size, to, cut(at(left, size.0 - to.0), at(top, size.1 - to.1)), None)
        }
        Move::RandomResizedCrop { width, height, area, ratio, keys } => {
            let (left, top, wide, high) = rectangle(size, area, ratio, &keys, address);
            let part = (wide, high);
            let to = (whole(width), whole(height));
            push(size, part, shift(-(left as f64), -(top as f64)), None)?;
            push(part, to, stretch(width / wide as f64, height / high as f64), kernel)
        }
    }
}

/// left, top, width, height of a random_resized_crop.
fn rectangle(
    size: Size,
    area: (f64, f64),
    ratio: (f64, f64),
    keys: &[Key; 4],
    address: &Address,
) -> (i64, i64, usize, usize) {
    const TRIES: usize = 10;
    let total = (size.0 * size.1) as f64;
    let areas = chance::words::<TRIES>(address, keys[0]);
    let ratios = chance::words::<TRIES>(address, keys[1]);
    let law = chance::Law::LogUniform { low: ratio.0, high: ratio.1 };
    for (a, r) in areas.into_iter().zip(ratios) {
        let target = (area.0 + (area.1 - area.0) * chance::to_unit(a)) * total;
        let proportion = law.value(r, false);
        let width = (target * proportion).sqrt().round_ties_even();
        let height = (target / proportion).sqrt().round_ties_even();
        if width > 0.0 && height > 0.0 && width <= size.0 as f64 && height <= size.1 as f64 {
            let (width, height) = (width as usize, height as usize);
            let at = |key: Key, room: usize| chance::integer(chance::words::<1>(address, key)[0], 0, room as i64 + 1);
            return (at(keys[2], size.0 - width), at(keys[3], size.1 - height), width, height);
        }
    }
    let (mut width, mut height) = size;
    let own = size.0 as f64 / size.1 as f64;
    if own < ratio.0 {
        height = size.1.min(((width as f64 / ratio.0).round_ties_even() as usize).max(1));
    } else if own > ratio.1 {
        width = size.0.min(((height as f64 * ratio.1).round_ties_even() as usize).max(1));
    }
    (((size.0 - width) / 2) as i64, ((size.1 - height) / 2) as i64, width, height)
}
