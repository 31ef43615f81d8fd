//! Means of squares of bytes, to the bit: sums down the columns that slide from row to row, then along the rows.

use super::place;
use crate::error::{Result, invalid};
use crate::leveled;
use crate::resample::View;
use crate::warp::Border;

/// Up to here the sum of a square, and half its area, fit 16 bits.
pub const MOST: usize = 7;

/// Values whose sums stay in registers.
const BLOCK: usize = 128;

/// What a sum, and half the area, is multiplied by, and how far the upper half is then shifted to the right, for each
/// radius: whole numbers that give the quotient for every sum there can be (a test tries them all).
const DIVISORS: [(u16, u32); MOST] = [(7282, 0), (5243, 1), (2675, 1), (6473, 3), (4333, 3), (49637, 7), (37283, 7)];

/// The mean of the square of `2 * radius + 1` pixels around every pixel, rounded half up; beyond a constant border lies 0.
pub fn box_mean(view: &View<'_, u8>, radius: usize, border: Border, out: &mut [u8]) -> Result<()> {
    let (w, h, c) = (view.width, view.height, view.channels);
    let n = w * c;
    if !(1..=MOST).contains(&radius) {
        return invalid("box_mean: the radius must be 1 to 7.");
    }
    if n == 0 || h == 0 || out.len() != n * h || view.data.len() < (h - 1) * view.stride + n {
        return invalid("box_mean: the output must be of the picture's size, which must not be empty.");
    }
    let (side, pad) = (2 * radius + 1, radius * c);
    let area = (side * side) as u16;
    // Whole blocks; what stands behind a row's end is summed too, and not used.
    let long = n.next_multiple_of(BLOCK);
    let mut columns = vec![0u16; long + 2 * pad];
    let mut threes = vec![0u16; long + 2 * pad];
    let (whole, mut rest) = (n - n % BLOCK, [0u8; BLOCK]);
    let sample = |at: i64| {
        let channel = at.rem_euclid(c as i64) as usize;
        place(at.div_euclid(c as i64), w, border).map(|x| x * c + channel)
    };
    let before: Vec<Option<usize>> = (-(pad as i64)..0).map(sample).collect();
    let behind: Vec<Option<usize>> = (n as i64..(n + pad) as i64).map(sample).collect();
    let nothing = vec![0u8; n];
    let row = |y: i64| place(y, h, border).map_or(&nothing[..], |y| view.row(y));
    let reach = radius as i64;
    for y in -reach..reach {
        slide(row(y), &nothing, &mut columns[pad..pad + n]);
    }
    for (y, out) in out.chunks_exact_mut(n).enumerate() {
        let y = y as i64;
        let gone = if y == 0 { &nothing[..] } else { row(y - 1 - reach) };
        slide(row(y + reach), gone, &mut columns[pad..pad + n]);
        for (k, from) in before.iter().enumerate() {
            columns[k] = from.map_or(0, |from| columns[pad + from]);
        }
        for (k, from) in behind.iter().enumerate() {
            columns[pad + n + k] = from.map_or(0, |from| columns[pad + from]);
        }
        let divisor = DIVISORS[radius - 1];
        // Long sums are made of sums of three.
        let (count, more) = if side > 5 { (side / 3, side % 3) } else { (0, side) };
        if count > 0 {
            in_threes(&columns, c, &mut threes);
        }
        let means = |from: usize, out: &mut [u8]| {
            let first = (&threes[from..], count, 3 * c);
            mean(first, (&columns[from + 3 * count * c..], more, c), area / 2, divisor, out);
        };
        let (out, tail) = out.split_at_mut(whole);
        means(0, out);
        if !tail.is_empty() {
            means(whole, &mut rest);
            tail.copy_from_slice(&rest[..tail.len()]);
        }
    }
    Ok(())
}

leveled! {
    /// One row comes in, another one leaves.
    fn slide(comes: &[u8], leaves: &[u8], sums: &mut [u16]) {
        for ((sum, &a), &b) in sums.iter_mut().zip(comes).zip(leaves) {
            *sum = sum.wrapping_add(u16::from(a)).wrapping_sub(u16::from(b));
        }
    }
}

leveled! {
    /// Each value and the two that follow, `c` and `2 * c` further.
    fn in_threes(values: &[u16], c: usize, out: &mut [u16]) {
        for (((o, &a), &b), &d) in out.iter_mut().zip(values).zip(&values[c..]).zip(&values[2 * c..]) {
            *o = a.wrapping_add(b).wrapping_add(d);
        }
    }
}

leveled! {
    /// Sums of values that stand evenly (values, how many, how far apart) from two rows, divided. `out` is whole blocks long.
    fn mean(first: (&[u16], usize, usize), second: (&[u16], usize, usize), half: u16, divisor: (u16, u32), out: &mut [u8]) {
        let (factor, shift) = divisor;
        for (block, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            let mut sum = [half; BLOCK];
            for (values, count, far) in [first, second] {
                for k in 0..count {
                    let part = &values[block * BLOCK + k * far..][..BLOCK];
                    for (sum, &v) in sum.iter_mut().zip(part) {
                        *sum = sum.wrapping_add(v);
                    }
                }
            }
            for (o, &sum) in out.iter_mut().zip(&sum) {
                let upper = ((u32::from(sum) * u32::from(factor)) >> 16) as u16;
                *o = (upper >> shift) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sum_is_divided_right() {
        for (k, (factor, shift)) in DIVISORS.into_iter().enumerate() {
            let area = ((2 * k + 3) * (2 * k + 3)) as u32;
            for sum in 0..=area * 255 {
                let n = sum + area / 2;
                assert!(n < 1 << 16);
                assert_eq!(((n * u32::from(factor)) >> 16) >> shift, n / area, "{area} {sum}");
            }
        }
    }

    #[test]
    fn every_mean_is_its_definition() {
        for (w, h, c) in [(1usize, 1usize, 1usize), (5, 3, 3), (47, 9, 1), (90, 12, 3), (33, 20, 4), (7, 40, 5)] {
            let data: Vec<u8> = (0..w * h * c).map(|k| (k * 73 + k / 89 * 11) as u8).collect();
            let view = View { data: &data, stride: w * c, width: w, height: h, channels: c };
            for border in [Border::Constant, Border::Replicate, Border::Reflect, Border::Symmetric, Border::Wrap] {
                for radius in 1..=MOST {
                    let mut out = vec![0; data.len()];
                    box_mean(&view, radius, border, &mut out).unwrap();
                    let (reach, area) = (radius as i64, ((2 * radius + 1) * (2 * radius + 1)) as u32);
                    for (at, &got) in out.iter().enumerate() {
                        let (x, y, channel) = ((at / c % w) as i64, (at / c / w) as i64, at % c);
                        let mut sum = 0u32;
                        for v in y - reach..=y + reach {
                            for u in x - reach..=x + reach {
                                if let (Some(u), Some(v)) = (place(u, w, border), place(v, h, border)) {
                                    sum += u32::from(data[(v * w + u) * c + channel]);
                                }
                            }
                        }
                        assert_eq!(u32::from(got), (sum + area / 2) / area, "{w} {h} {c} {radius} {at}");
                    }
                }
            }
        }
    }
}
