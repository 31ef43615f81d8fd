//! Whole pixels moved: mirrored and transposed, whatever their samples are.

mod copy;
mod frame;
mod mirror;
mod turn;

use crate::error::{Result, invalid};

pub use copy::copy;
use copy::copy_before;
pub use frame::framed;

/// Writes a picture of `w` x `h` pixels of `size` bytes, first transposed (if `swap`), then mirrored left and right
/// and top and bottom.
pub fn moved(
    data: &[u8],
    (w, h): (usize, usize),
    size: usize,
    swap: bool,
    flip: [bool; 2],
    out: &mut [u8],
) -> Result<()> {
    let bytes = w.checked_mul(h).and_then(|n| n.checked_mul(size));
    if bytes != Some(data.len()) || data.len() != out.len() || data.is_empty() {
        return invalid("moved: both pictures must be of the size that is given, and not empty.");
    }
    if swap {
        turn::transposed(data, (w, h), size, flip, out);
        return Ok(());
    }
    let n = w * size;
    let mirror = mirror::Mirror::new(size);
    // Rows are read in their order, which caches look ahead for, wherever they go.
    let place = |y: usize| if flip[1] { h - 1 - y } else { y } * n;
    for (y, row) in data.chunks_exact(n).enumerate() {
        let next = (y + 1).min(h - 1);
        let soon = [data[next * n..].as_ptr(), out[place(next)..].as_ptr()];
        let out = &mut out[place(y)..][..n];
        if flip[0] { mirror.row(row, out) } else { copy_before(row, out, soon) }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_is_its_definition() {
        for size in [1usize, 2, 3, 4, 5, 6, 8, 12, 16, 20] {
            for (w, h) in [(1usize, 1usize), (7, 3), (70, 41), (33, 64)] {
                let data: Vec<u8> = (0..w * h * size).map(|k| (k * 31 + k / 97) as u8).collect();
                for k in 0..8 {
                    let (swap, flip) = (k & 1 == 1, [k & 2 == 2, k & 4 == 4]);
                    let mut out = vec![0; data.len()];
                    moved(&data, (w, h), size, swap, flip, &mut out).unwrap();
                    let (tw, th) = if swap { (h, w) } else { (w, h) };
                    for y in 0..th {
                        for x in 0..tw {
                            let (u, v) = (if flip[0] { tw - 1 - x } else { x }, if flip[1] { th - 1 - y } else { y });
                            let (sx, sy) = if swap { (v, u) } else { (u, v) };
                            let (a, b) = ((y * tw + x) * size, (sy * w + sx) * size);
                            assert_eq!(out[a..a + size], data[b..b + size], "{size} {w} {h} {k}");
                        }
                    }
                }
            }
        }
    }
}
