//! Sums down the columns: neighbors in memory are neighbors in the picture, so that they run on vectors as they lie.

use super::View;
use super::sample::Sample;

/// `target[i]` = sum over `k` of `weights[k] * view[first + k][from + i]`.
pub fn column_sums<T: Sample>(view: &View<'_, T>, first: usize, weights: &[f32], from: usize, target: &mut [f32]) {
    let n = target.len();
    let row = |k: usize| &view.row(first + k)[from..from + n];
    // Weights of zero stand at the ends of the table only.
    let low = weights.iter().position(|&w| w != 0.0).unwrap_or(0);
    let high = weights.iter().rposition(|&w| w != 0.0).map_or(low + 1, |k| k + 1);
    let mut k = low;
    match high - low {
        1 => {
            first_one(row(k), weights[k], target);
            return;
        }
        2 => {
            first_two([row(k), row(k + 1)], [weights[k], weights[k + 1]], target);
            k += 2;
        }
        3 => {
            first_three([row(k), row(k + 1), row(k + 2)], [weights[k], weights[k + 1], weights[k + 2]], target);
            k += 3;
        }
        _ => {
            let four = [row(k), row(k + 1), row(k + 2), row(k + 3)];
            first_four(four, [weights[k], weights[k + 1], weights[k + 2], weights[k + 3]], target);
            k += 4;
        }
    }
    while k + 2 <= high {
        add_two([row(k), row(k + 1)], [weights[k], weights[k + 1]], target);
        k += 2;
    }
    if k < high {
        add_one(row(k), weights[k], target);
    }
}

/// The same function for every kind of sample and every level. Sums run in the order of the taps.
macro_rules! sums {
    ($name:ident, $n:expr, |$r:ident, $w:ident, $i:ident, $o:ident| $value:expr) => {
        fn $name<T: Sample>($r: [&[T]; $n], $w: [f32; $n], target: &mut [f32]) {
            #[inline(always)]
            fn body<T: Sample>($r: [&[T]; $n], $w: [f32; $n], target: &mut [f32]) {
                let n = target.len();
                let $r = $r.map(|row| &row[..n]);
                for $i in 0..n {
                    let $o = target[$i];
                    target[$i] = $value;
                }
            }
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2<T: Sample>(r: [&[T]; $n], w: [f32; $n], target: &mut [f32]) {
                    body(r, w, target)
                }
                #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512<T: Sample>(r: [&[T]; $n], w: [f32; $n], target: &mut [f32]) {
                    body(r, w, target)
                }
                match crate::simd::current() {
                    // SAFETY: `current` returns a level only when the processor has its features.
                    crate::simd::Level::Avx512 => return unsafe { avx512($r, $w, target) },
                    // SAFETY: as above.
                    crate::simd::Level::Avx2 => return unsafe { avx2($r, $w, target) },
                    crate::simd::Level::Base => {}
                }
            }
            body($r, $w, target)
        }
    };
}

sums!(one, 1, |r, w, i, _o| r[0][i].to_f32() * w[0]);
sums!(first_two, 2, |r, w, i, _o| r[0][i].to_f32() * w[0] + r[1][i].to_f32() * w[1]);
sums!(first_three, 3, |r, w, i, _o| r[0][i].to_f32() * w[0] + r[1][i].to_f32() * w[1] + r[2][i].to_f32() * w[2]);
sums!(first_four, 4, |r, w, i, _o| r[0][i].to_f32() * w[0]
    + r[1][i].to_f32() * w[1]
    + r[2][i].to_f32() * w[2]
    + r[3][i].to_f32() * w[3]);
sums!(add_two, 2, |r, w, i, o| o + r[0][i].to_f32() * w[0] + r[1][i].to_f32() * w[1]);
sums!(more, 1, |r, w, i, o| o + r[0][i].to_f32() * w[0]);

fn first_one<T: Sample>(row: &[T], w: f32, target: &mut [f32]) {
    one([row], [w], target);
}

fn add_one<T: Sample>(row: &[T], w: f32, target: &mut [f32]) {
    more([row], [w], target);
}
