//! Whole pictures, for callers that have one at hand.

use super::axis::{Axis, Span};
use super::half::half;
use super::kernel::Kernel;
use super::lobes::{bounds, lobes};
use super::nearest::nearest;
use super::pairs::pairs;
use super::sample::{Sample, round_to};
use super::strip::{Scratch, strip};
use super::{STRIP, View};
use crate::error::{Result, invalid};

/// A whole resize: the box of the source becomes `width` x `height`, rounded to the same kind of sample.
pub struct Resize {
    pub width: usize,
    pub height: usize,
    pub kernel: Kernel,
    /// x0, y0, x1, y1 in the source's pixels.
    pub window: [f64; 4],
    pub flip: bool,
}

pub fn resize<T: Sample>(view: &View<'_, T>, request: &Resize, out: &mut [T]) -> Result<()> {
    let [x0, y0, x1, y1] = request.window;
    if !(x0 >= 0.0 && y0 >= 0.0 && x1 <= view.width as f64 && y1 <= view.height as f64) {
        return invalid("resize: box must lie inside the picture and not be empty.");
    }
    let (width, height) = (request.width, request.height);
    let down = Axis::new(Span { low: 0, high: view.height, from: y0, to: y1, count: height }, request.kernel, false)?;
    let across = Span { low: 0, high: view.width, from: x0, to: x1, count: width };
    let along = Axis::new(across, request.kernel, request.flip)?;
    let c = view.channels;
    let n = request.width * c;
    if out.len() != n * request.height {
        return invalid("resize: the output must have room for every sample.");
    }
    if request.kernel == Kernel::Nearest {
        nearest(view, &down, &along, out);
        return Ok(());
    }
    if let Some(bounds) = bounds(view, request.kernel) {
        lobes(view, &down, &along, [request.width, request.height], bounds, out);
        return Ok(());
    }
    if let (Some(data), Some(out)) = (T::as_bytes(view.data), T::as_bytes_mut(out)) {
        let View { stride, width: w, height: h, channels, .. } = *view;
        let bytes = View { data, stride, width: w, height: h, channels };
        let whole = request.window == [0.0, 0.0, 2.0 * width as f64, 2.0 * height as f64];
        if request.kernel == Kernel::Area && whole && (w, h) == (2 * width, 2 * height) && !request.flip {
            half(&bytes, width, out);
            return Ok(());
        }
        if pairs(&bytes, &down, &along, out) {
            return Ok(());
        }
    }
    let mut scratch = Scratch::default();
    let mut lines = vec![0.0f32; STRIP * n];
    for (s, out) in out.chunks_mut(STRIP * n).enumerate() {
        strip(view, &down, &along, s * STRIP, &mut lines, n, &mut scratch);
        round_to(&lines[..out.len()], out);
    }
    Ok(())
}

/// The same without rounding or clamping: values in the source's own scale.
pub fn resize_to_floats<T: Sample>(view: &View<'_, T>, request: &Resize, out: &mut [f32]) -> Result<()> {
    let n = request.width * view.channels;
    if out.len() != n * request.height {
        return invalid("resize: the output must have room for every sample.");
    }
    let [x0, y0, x1, y1] = request.window;
    let down = Span { low: 0, high: view.height, from: y0, to: y1, count: request.height };
    let along = Span { low: 0, high: view.width, from: x0, to: x1, count: request.width };
    let (down, along) = (Axis::new(down, request.kernel, false)?, Axis::new(along, request.kernel, request.flip)?);
    if let Some(bounds) = bounds(view, request.kernel) {
        lobes(view, &down, &along, [request.width, request.height], bounds, out);
        return Ok(());
    }
    let mut scratch = Scratch::default();
    for (s, out) in out.chunks_mut(STRIP * n).enumerate() {
        strip(view, &down, &along, s * STRIP, out, n, &mut scratch);
    }
    Ok(())
}
