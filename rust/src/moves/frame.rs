//! A picture on a larger or smaller canvas.

use super::copy::copy;
use crate::error::{Result, invalid};

/// Puts a picture of `w` x `h` pixels of `fill.len()` bytes on a canvas of `tw` x `th` with its corner at (`left`, `top`),
/// which may lie beyond the canvas; everywhere else stands the fill.
pub fn framed(
    data: &[u8],
    (w, h): (usize, usize),
    (left, top): (i64, i64),
    (tw, th): (usize, usize),
    fill: &[u8],
    out: &mut [u8],
) -> Result<()> {
    let size = fill.len();
    let bytes = |w: usize, h: usize| w.checked_mul(h).and_then(|n| n.checked_mul(size));
    if bytes(w, h) != Some(data.len()) || bytes(tw, th) != Some(out.len()) || data.is_empty() || out.is_empty() {
        return invalid("framed: both pictures must be of the sizes that are given, and not empty.");
    }
    // Columns and rows of the canvas on which the picture stands, and where on the picture they begin.
    let (x0, x1, from_x) = covered(left, w, tw);
    let (y0, y1, from_y) = covered(top, h, th);
    let (n, own) = (tw * size, w * size);
    let (low, high) = (x0 * size, x1 * size);
    for (y, line) in out.chunks_exact_mut(n).enumerate() {
        if y < y0 || y >= y1 {
            spread(line, fill);
            continue;
        }
        spread(&mut line[..low], fill);
        spread(&mut line[high..], fill);
        copy(&data[(from_y + y - y0) * own + from_x * size..][..high - low], &mut line[low..high]);
    }
    Ok(())
}

fn covered(at: i64, length: usize, canvas: usize) -> (usize, usize, usize) {
    let end = at.saturating_add(length as i64).clamp(0, canvas as i64) as usize;
    let start = (at.clamp(0, canvas as i64) as usize).min(end);
    (start, end, at.saturating_neg().clamp(0, length as i64) as usize)
}

fn spread(line: &mut [u8], fill: &[u8]) {
    if fill.iter().all(|&v| v == fill[0]) {
        line.fill(fill[0]);
        return;
    }
    for pixel in line.chunks_exact_mut(fill.len()) {
        pixel.copy_from_slice(fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_canvas_is_its_definition() {
        for size in [1usize, 3, 4] {
            let (w, h) = (7usize, 5usize);
            let data: Vec<u8> = (0..w * h * size).map(|k| k as u8 + 1).collect();
            let fill: Vec<u8> = (0..size).map(|k| 200 + k as u8).collect();
            for (left, top) in [(0i64, 0i64), (2, 3), (-2, -1), (3, -4), (-9, 1), (20, 2)] {
                for (tw, th) in [(7usize, 5usize), (12, 9), (3, 2)] {
                    let mut out = vec![0; tw * th * size];
                    framed(&data, (w, h), (left, top), (tw, th), &fill, &mut out).unwrap();
                    for (k, pixel) in out.chunks_exact(size).enumerate() {
                        let (x, y) = ((k % tw) as i64 - left, (k / tw) as i64 - top);
                        let inside = (0..w as i64).contains(&x) && (0..h as i64).contains(&y);
                        let at = if inside { (y as usize * w + x as usize) * size } else { 0 };
                        let wanted = if inside { &data[at..at + size] } else { &fill[..] };
                        assert_eq!(pixel, wanted, "{size} {left} {top} {tw} {th} {k}");
                    }
                }
            }
        }
    }
}
