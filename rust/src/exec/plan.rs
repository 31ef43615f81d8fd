//! How the stages of one segment are carried out: not at all, by moving whole pixels, by one resample, by one warp,
//! or one after another.

use crate::error::Result;
use crate::geometry::{IDENTITY, Size, Stage, inverse, project, times};
use crate::program::Options;
use crate::resample::{Kernel, Outputs};
use crate::warp::{Border, Frame, Matrix};

/// Columns (or rows) of a picture: `low..high`.
pub type Range = (usize, usize);

/// One resample with whole-pixel moves before and after it.
#[derive(Clone, Debug)]
pub struct Separable {
    pub kernel: Kernel,
    /// The part of the source that is stretched, per axis.
    pub crop: [Range; 2],
    /// The size it is stretched to.
    pub canvas: Size,
    pub target: Size,
    /// Output coordinate i shows canvas coordinate sign * i + offset, per axis; mirrored twice is not mirrored.
    pub sign: [i64; 2],
    pub offset: [i64; 2],
    /// Where the output is picture and not fill, per axis.
    pub valid: [Range; 2],
    pub fill: Vec<f64>,
}

#[derive(Clone, Debug)]
pub struct Joined {
    /// Output coordinates to the source's.
    pub back: Matrix,
    pub frames: Vec<Frame>,
    pub target: Size,
    pub border: Border,
    pub fill: Vec<f64>,
    /// What lies beyond each frame.
    pub beyond: Vec<Vec<f64>>,
}

#[derive(Clone, Debug)]
pub enum Plan {
    Still,
    Separable(Separable),
    Warp(Joined),
    /// Only whole pixels move: nothing is rounded.
    Moves(Joined),
    Staged,
}

pub fn plan(size: Size, stages: &[Stage], options: &Options) -> Result<Plan> {
    let Some(last) = stages.last() else { return Ok(Plan::Still) };
    if let Some(separable) = separable(size, stages) {
        return Ok(Plan::Separable(separable));
    }
    let moves = stages.iter().all(Stage::moves_whole_pixels);
    if !moves && !options.merge && stages.len() > 1 {
        return Ok(Plan::Staged);
    }
    // Beyond an edge that is not constant the picture goes on, which only a single stage can show.
    if stages.len() > 1 && stages.iter().any(|s| s.border != Border::Constant && shows_fill(s)) {
        return Ok(Plan::Staged);
    }
    if stages.iter().any(|s| s.kernel == Some(Kernel::Nearest)) {
        return Ok(Plan::Staged);
    }
    let forward = stages.iter().fold(IDENTITY, |m, s| times(&s.matrix, &m));
    let Some(back) = inverse(&forward) else { return Ok(Plan::Staged) };
    let back = if moves { back.map(f64::round) } else { back };
    let (mut frames, mut beyond) = (Vec::new(), Vec::new());
    if options.frames || moves {
        let mut rest = IDENTITY;
        for stage in stages.iter().rev().take(stages.len() - 1) {
            rest = times(&rest, &stage.matrix);
            let Some(to_canvas) = inverse(&rest) else { return Ok(Plan::Staged) };
            let (width, height) = (stage.source.0 as f64, stage.source.1 as f64);
            let frame = Frame { back: to_canvas, width, height, fill: beyond.len() };
            if !holds(&frame, last.target) {
                frames.push(frame);
                beyond.push(stage.fill.clone());
            }
        }
    }
    prune(&mut frames, &beyond);
    // The picture's own edge belongs to the first stage that can show it.
    let edge = stages.iter().find(|s| shows_fill(s)).unwrap_or(&stages[0]);
    let (border, fill) = (edge.border, edge.fill.clone());
    if moves && beyond.iter().any(|b| *b != fill) {
        return Ok(Plan::Staged);
    }
    let joined = Joined { back, frames, target: last.target, border, fill, beyond };
    Ok(if moves { Plan::Moves(joined) } else { Plan::Warp(joined) })
}

/// Whether a stage can show what lies beyond its canvas: a flip or a stretch cannot.
fn shows_fill(stage: &Stage) -> bool {
    let Some(back) = inverse(&stage.matrix) else { return true };
    let frame = Frame { back, width: stage.source.0 as f64, height: stage.source.1 as f64, fill: 0 };
    stage.kernel.is_none() && !holds(&frame, stage.target)
}

/// Leaves out frames that change nothing: those around another that comes before them and has cut more already, and
/// those around another that comes behind them and shows the same beyond it.
fn prune(frames: &mut Vec<Frame>, beyond: &[Vec<f64>]) {
    let around = |a: &Frame, b: &Frame| {
        inverse(&b.back).is_some_and(|to_output| reaches(a, &times(&a.back, &to_output), (b.width, b.height)))
    };
    let mut k = 0;
    while k < frames.len() {
        let this = frames[k];
        let same = |other: &Frame| beyond[other.fill] == beyond[this.fill];
        if frames[..k].iter().any(|before| around(&this, before))
            || frames[k + 1..].iter().take_while(|behind| same(behind)).any(|behind| around(&this, behind))
        {
            frames.remove(k);
        } else {
            k += 1;
        }
    }
}

/// Whether every output pixel's middle lies inside the frame.
fn holds(frame: &Frame, target: Size) -> bool {
    reaches(frame, &frame.back, (target.0 as f64, target.1 as f64))
}

/// Whether a frame reaches around a rectangle that `m` maps into it.
fn reaches(frame: &Frame, m: &Matrix, (w, h): (f64, f64)) -> bool {
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
    corners.into_iter().all(|(x, y)| {
        let (u, v) = project(m, x, y);
        m[6] * x + m[7] * y + m[8] > 1e-9
            && u >= -1e-9
            && v >= -1e-9
            && u <= frame.width + 1e-9
            && v <= frame.height + 1e-9
    })
}

/// An axis-aligned rectangle as ranges that may be empty or reach out.
type Rect = [(f64, f64); 2];

/// Where a canvas lies in another's coordinates, under a map that does not turn.
fn image_of(m: &Matrix, size: Size) -> Rect {
    let (a, b) = (project(m, 0.0, 0.0), project(m, size.0 as f64, size.1 as f64));
    [(a.0.min(b.0), a.0.max(b.0)), (a.1.min(b.1), a.1.max(b.1))]
}

fn inside(inner: &Rect, outer: &Rect) -> bool {
    (0..2).all(|k| inner[k].0 >= outer[k].0 - 1e-6 && inner[k].1 <= outer[k].1 + 1e-6)
}

pub fn separable(size: Size, stages: &[Stage]) -> Option<Separable> {
    let middle = stages.iter().position(|s| s.kernel.is_some())?;
    let kernel = stages[middle].kernel?;
    let straight = |s: &Stage| s.moves_whole_pixels() && s.matrix[1] == 0.0 && s.matrix[3] == 0.0;
    let (before, after) = (&stages[..middle], &stages[middle + 1..]);
    if !before.iter().all(straight) || !after.iter().all(straight) {
        return None;
    }
    // The part of the source that is stretched, which nothing before may have cut or padded.
    let mut forward = IDENTITY;
    let mut canvases = vec![[(0.0, size.0 as f64), (0.0, size.1 as f64)]];
    for stage in before {
        forward = times(&stage.matrix, &forward);
        canvases.push(image_of(&inverse(&forward)?, stage.target));
    }
    let part = canvases[canvases.len() - 1];
    if !canvases.iter().all(|c| inside(&part, c)) {
        return None;
    }
    let crop = part.map(|(a, b)| (a.round() as usize, b.round() as usize));
    let mirrored = [forward[0] < 0.0, forward[4] < 0.0];
    let canvas = stages[middle].target;
    let target = stages[stages.len() - 1].target;
    let mut rest = IDENTITY;
    let mut valid: Rect = [(0.0, target.0 as f64), (0.0, target.1 as f64)];
    let mut fill = Vec::new();
    for stage in after.iter().rev() {
        rest = times(&rest, &stage.matrix);
        let shown = image_of(&rest, stage.source);
        for k in 0..2 {
            valid[k] = (valid[k].0.max(shown[k].0), valid[k].1.min(shown[k].1));
        }
        if shows_fill(stage) {
            if stage.border != Border::Constant || (!fill.is_empty() && fill != stage.fill) {
                return None;
            }
            fill = stage.fill.clone();
        }
    }
    let back = inverse(&rest)?;
    let mut sign = [back[0].round() as i64, back[4].round() as i64];
    // Pixel i covers i..i + 1: mirrored, it shows the pixel that ends where i begins.
    let mut offset = [back[2].round() as i64, back[5].round() as i64];
    for k in 0..2 {
        if sign[k] < 0 {
            offset[k] -= 1;
        }
        if mirrored[k] {
            let side = if k == 0 { canvas.0 } else { canvas.1 } as i64;
            (sign[k], offset[k]) = (-sign[k], side - 1 - offset[k]);
        }
    }
    let valid = valid.map(|(a, b)| (a.round() as usize, b.max(a).round() as usize));
    Some(Separable { kernel, crop, canvas, target, sign, offset, valid, fill })
}

impl Separable {
    /// The canvas coordinates that the valid outputs of an axis show.
    pub fn outputs(&self, axis: usize) -> Outputs {
        let (low, high) = self.valid[axis];
        Outputs { low, high, sign: self.sign[axis], offset: self.offset[axis] }
    }

    /// Source pixels per output pixel, per axis.
    pub fn shrink(&self) -> [f64; 2] {
        let side = |r: Range, n: usize| (r.1 - r.0) as f64 / n as f64;
        [side(self.crop[0], self.canvas.0), side(self.crop[1], self.canvas.1)]
    }
}
