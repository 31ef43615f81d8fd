//! Which part of a file is decoded, and how small.

use super::plan::{Joined, Separable};
use crate::error::Result;
use crate::geometry::project;
use crate::jpeg::{Header, Region};
use crate::resample::Kernel;
use crate::warp::Border;

/// The part of a file that a resample needs, with room for every kernel on the smaller chroma planes.
pub fn separable_region(header: &Header, plan: &Separable) -> Result<Region> {
    let shrink = plan.shrink();
    let mut out = [(0, 0); 2];
    for (k, side) in [(0, header.width), (1, header.height)] {
        let outputs = plan.outputs(k);
        let (a, b) = outputs.iter().fold((usize::MAX, 0), |(l, h), i| (l.min(i), h.max(i)));
        if a > b {
            return Ok(Region { x: 0, y: 0, w: 1, h: 1 });
        }
        let margin = 3.0 * shrink[k].max(2.0) + 4.0;
        let margin = if plan.kernel == Kernel::Bilinear { shrink[k].max(2.0) * 2.0 + 4.0 } else { margin + margin };
        let low = plan.crop[k].0 as f64 + a as f64 * shrink[k] - margin;
        let high = plan.crop[k].0 as f64 + (b + 1) as f64 * shrink[k] + margin;
        out[k] = ((low.max(0.0) as usize).min(side - 1), (high.ceil() as usize).min(side));
    }
    let [(x, right), (y, bottom)] = out;
    Ok(Region { x, y, w: right - x, h: bottom - y })
}

/// The part of a file that a warp looks at; `None` is everything.
pub fn warp_region(header: &Header, plan: &Joined) -> Option<Region> {
    if plan.border != Border::Constant {
        return None;
    }
    let (w, h) = (plan.target.0 as f64, plan.target.1 as f64);
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
    let m = &plan.back;
    if corners.iter().any(|&(x, y)| m[6] * x + m[7] * y + m[8] < 1e-3) {
        return None;
    }
    let points = corners.map(|(x, y)| project(m, x, y));
    let span = |values: [f64; 4], side: usize| {
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        let first = ((low - 4.0).max(0.0) as usize).min(side - 1);
        (first, ((high + 4.0).max(0.0).ceil() as usize).clamp(first + 1, side))
    };
    let ((x, right), (y, bottom)) = (span(points.map(|p| p.0), header.width), span(points.map(|p| p.1), header.height));
    Some(Region { x, y, w: right - x, h: bottom - y })
}

/// How small a file is decoded: its reduced sizes are box means, which must stay small beside the kernel that follows.
pub fn denominator(shrink: f64) -> usize {
    match shrink {
        s if s >= 11.0 => 8,
        s if s >= 8.0 => 4,
        s if s >= 4.0 => 2,
        _ => 1,
    }
}

/// The least shrinking anywhere, which decides how small a file may be decoded.
pub fn least_density(plan: &Joined) -> [f64; 2] {
    let (w, h) = (plan.target.0 as f64, plan.target.1 as f64);
    let mut least = [f64::INFINITY; 2];
    for (x, y) in [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h), (w / 2.0, h / 2.0)] {
        let (a, b, c) = (project(&plan.back, x, y), project(&plan.back, x + 1.0, y), project(&plan.back, x, y + 1.0));
        least[0] = least[0].min((b.0 - a.0).hypot(b.1 - a.1));
        least[1] = least[1].min((c.0 - a.0).hypot(c.1 - a.1));
    }
    if least.iter().all(|v| v.is_finite()) { least } else { [1.0, 1.0] }
}
