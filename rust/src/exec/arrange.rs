//! Splits the stages of a segment into parts that are each carried out in one go.
//!
//! A resize keeps its antialiasing: it is joined with a warp only where it hardly shrinks. A picture on its side (an
//! EXIF orientation, a quarter turn) is resized lying and turned when it is small.

use super::plan::separable;
use crate::geometry::{Size, Stage, times};
use crate::program::Options;
use crate::warp::Matrix;

/// A resize that shrinks more than this is not joined with a warp.
const JOINED_SHRINK: f64 = 2.0;

/// (x, y) -> (y, x)
const SWAP: Matrix = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];

pub fn arrange(size: Size, stages: Vec<Stage>, options: &Options) -> Vec<Vec<Stage>> {
    let general = |s: &Stage| s.kernel.is_none() && !s.moves_whole_pixels();
    let Some(first) = stages.iter().position(general) else { return upright(size, stages) };
    if !options.merge {
        return vec![stages];
    }
    let last = stages.iter().rposition(general).unwrap_or(first);
    // What stands before the first warp and behind the last one, where it shrinks much.
    let mut rest = stages;
    let tail = rest.split_off(last + 1);
    let middle = rest.split_off(first);
    let mut out = Vec::new();
    let joined = if shrinks(&rest) {
        out.extend(upright(size, rest));
        middle
    } else {
        rest.into_iter().chain(middle).collect()
    };
    if shrinks(&tail) {
        let canvas = tail[0].source;
        out.push(joined);
        out.extend(upright(canvas, tail));
    } else {
        out.push(joined.into_iter().chain(tail).collect());
    }
    out
}

fn shrinks(stages: &[Stage]) -> bool {
    stages.iter().filter(|s| s.kernel.is_some()).any(|s| {
        let (w, h) = (s.source.0 as f64 / s.target.0 as f64, s.source.1 as f64 / s.target.1 as f64);
        w >= JOINED_SHRINK || h >= JOINED_SHRINK
    })
}

/// Stages without a warp: one resize a part.
fn upright(size: Size, stages: Vec<Stage>) -> Vec<Vec<Stage>> {
    let kernels = stages.iter().filter(|s| s.kernel.is_some()).count();
    if kernels == 0 || (kernels == 1 && separable(size, &stages).is_some()) {
        return vec![stages];
    }
    let turns = |s: &Stage| s.moves_whole_pixels() && s.matrix[1] != 0.0;
    let mut out = Vec::new();
    let mut part: Vec<Stage> = Vec::new();
    let mut canvas = size;
    let mut rest = stages.into_iter();
    while let Some(stage) = rest.next() {
        let resized = part.iter().any(|s| s.kernel.is_some());
        if turns(&stage) {
            let after: Vec<Stage> = rest.collect();
            if resized || !after.iter().any(|s| s.kernel.is_some()) {
                out.push(part);
                out.extend(upright(stage.source, std::iter::once(stage).chain(after).collect()));
            } else {
                // T = SWAP after F: everything behind is done on the lying picture, and SWAP comes last.
                let lying = (stage.target.1, stage.target.0);
                let straight = Stage { matrix: times(&SWAP, &stage.matrix), target: lying, ..stage };
                part.push(straight);
                part.extend(after.iter().map(swapped));
                let end = after.last().map_or(lying, |s| (s.target.1, s.target.0));
                let swap =
                    Stage { source: end, target: (end.1, end.0), matrix: SWAP, kernel: None, ..after[0].clone() };
                out.extend(upright(canvas, part));
                out.push(vec![swap]);
            }
            out.retain(|p| !p.is_empty());
            return out;
        }
        if stage.kernel.is_some() && !part.is_empty() {
            let mut tried = part.clone();
            tried.push(stage.clone());
            if resized || separable(canvas, &tried).is_none() {
                out.push(std::mem::take(&mut part));
                canvas = stage.source;
            }
        }
        part.push(stage);
    }
    out.push(part);
    out.retain(|p| !p.is_empty());
    out
}

/// The same stage with x and y exchanged.
fn swapped(stage: &Stage) -> Stage {
    Stage {
        source: (stage.source.1, stage.source.0),
        target: (stage.target.1, stage.target.0),
        matrix: times(&times(&SWAP, &stage.matrix), &SWAP),
        ..stage.clone()
    }
}
