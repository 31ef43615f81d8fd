//! The pixel under the middle: whole pixels are picked, no value changes.

use super::View;
use super::axis::Axis;
use super::sample::Sample;

pub fn nearest<T: Sample>(view: &View<'_, T>, down: &Axis, along: &Axis, out: &mut [T]) {
    let c = view.channels;
    let n = along.count() * c;
    let columns: Vec<usize> = (0..along.count()).map(|x| only(along, x) * c).collect();
    #[cfg(target_arch = "x86_64")]
    let parts = x86::parts(&columns, c, view.width * c);
    let mut before = usize::MAX;
    for y in 0..down.count() {
        let from = only(down, y);
        let (done, rest) = out.split_at_mut(y * n);
        let line = &mut rest[..n];
        if from == before {
            line.copy_from_slice(&done[(y - 1) * n..]);
            continue;
        }
        before = from;
        let row = view.row(from);
        #[cfg(target_arch = "x86_64")]
        if let (Some(parts), Some(row), Some(line)) = (&parts, T::as_bytes(row), T::as_bytes_mut(line))
            && crate::simd::current() >= crate::simd::Level::Avx512
        {
            // SAFETY: the level says that the processor has AVX-512 with VBMI.
            unsafe { x86::pick(row, parts, &columns, c, line) };
            continue;
        }
        match c {
            1 => pixels::<T, 1>(row, &columns, line),
            3 => pixels::<T, 3>(row, &columns, line),
            4 => pixels::<T, 4>(row, &columns, line),
            _ => {
                for (out, &at) in line.chunks_exact_mut(c).zip(&columns) {
                    out.copy_from_slice(&row[at..at + c]);
                }
            }
        }
    }
}

fn pixels<T: Sample, const C: usize>(row: &[T], columns: &[usize], line: &mut [T]) {
    for (out, &at) in line.as_chunks_mut::<C>().0.iter_mut().zip(columns) {
        if let Some(pixel) = row[at..].first_chunk() {
            *out = *pixel;
        }
    }
}

/// The one sample with a weight.
fn only(axis: &Axis, i: usize) -> usize {
    let w = &axis.weights[i * axis.taps..][..axis.taps];
    axis.start[i] as usize + w.iter().position(|&w| w != 0.0).unwrap_or(0)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// 64 bytes of the output, all of which stand within 128 bytes of the input.
    pub struct Part {
        to: usize,
        from: usize,
        index: [u8; 64],
    }

    /// A row in parts, the last of which may lie over the one before; a part is `None` where its pixels lie too far
    /// apart. Nothing for rows that are too short.
    pub fn parts(columns: &[usize], c: usize, length: usize) -> Option<Vec<Option<Part>>> {
        let n = columns.len() * c;
        if n < 64 || length < 128 {
            return None;
        }
        let part = |to: usize| {
            let place = |k: usize| columns[(to + k) / c] + (to + k) % c;
            let low = (0..64).map(place).min()?;
            let from = low.min(length - 128);
            let mut index = [0u8; 64];
            for (k, o) in index.iter_mut().enumerate() {
                *o = u8::try_from(place(k) - from).ok().filter(|&v| v < 128)?;
            }
            Some(Part { to, from, index })
        };
        Some((0..n).step_by(64).map(|to| part(to.min(n - 64))).collect())
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn pick(row: &[u8], parts: &[Option<Part>], columns: &[usize], c: usize, line: &mut [u8]) {
        for (k, part) in parts.iter().enumerate() {
            if let Some(part) = part {
                let (from, to) = (&row[part.from..part.from + 128], &mut line[part.to..part.to + 64]);
                // SAFETY: the slices and the index hold as many bytes as are read and written.
                unsafe {
                    let index = _mm512_loadu_si512(part.index.as_ptr().cast());
                    let (a, b) =
                        (_mm512_loadu_si512(from.as_ptr().cast()), _mm512_loadu_si512(from.as_ptr().add(64).cast()));
                    _mm512_storeu_si512(to.as_mut_ptr().cast(), _mm512_permutex2var_epi8(a, index, b));
                }
                continue;
            }
            // Every pixel that has a byte in this part.
            let (first, last) = (k * 64 / c, (k * 64 + 64).div_ceil(c).min(columns.len()));
            for (x, &at) in columns.iter().enumerate().take(last).skip(first) {
                line[x * c..x * c + c].copy_from_slice(&row[at..at + c]);
            }
        }
    }
}
