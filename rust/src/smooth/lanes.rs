//! Rows cut into sixteen pieces that lie side by side: neighbors on a row become neighboring vectors.
//!
//! What stands a few samples away on a row then stands whole vectors away, so that nothing is read across two cache
//! lines, and sums that run along a row run over vectors. A row of `n` bytes becomes `step` vectors: the bytes at `k`,
//! `step + k`, `2 * step + k` and so on.

use crate::moves::copy;

/// Pieces of a row.
pub const LANES: usize = 16;

/// Shorter rows are not worth it.
const LEAST: usize = 512;

pub struct Lanes {
    n: usize,
    step: usize,
    vectors: Vec<u8>,
    /// A row, and what fills its last pieces.
    row: Vec<u8>,
}

impl Lanes {
    /// For rows of `n` bytes, of which those `pad` bytes away are looked at; none where the processor cannot turn bytes
    /// quickly, or a piece would be shorter than that.
    pub fn new(n: usize, pad: usize) -> Option<Lanes> {
        let step = n.div_ceil(LANES).next_multiple_of(16);
        let quick = cfg!(target_arch = "x86_64") && crate::simd::current() == crate::simd::Level::Avx512;
        if !quick || n < LEAST || pad > step {
            return None;
        }
        Some(Lanes { n, step, vectors: vec![0; step * LANES], row: vec![0; step * LANES] })
    }

    /// How many values the vectors of a row are.
    pub fn len(&self) -> usize {
        self.step * LANES
    }

    /// The vectors of a row; what stands behind its end in the last pieces is of no use.
    pub fn apart(&mut self, row: &[u8]) -> &[u8] {
        copy(row, &mut self.row[..self.n]);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: there are lanes only where the processor has AVX-512 with VBMI.
        unsafe {
            x86::apart(&self.row, &mut self.vectors, self.step)
        };
        &self.vectors
    }

    /// The row of the vectors that `fill` writes.
    pub fn together(&mut self, fill: impl FnOnce(&mut [u8]), out: &mut [u8]) {
        fill(&mut self.vectors);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: there are lanes only where the processor has AVX-512 with VBMI.
        unsafe {
            x86::together(&self.vectors, &mut self.row, self.step)
        };
        copy(&self.row[..self.n], out);
    }

    /// Where a sample's value stands among the vectors.
    fn at(&self, sample: usize) -> usize {
        sample % self.step * LANES + sample / self.step
    }

    /// Fills the vectors before and behind those of a row, as many as there are places in `ends`: what the row's
    /// samples there are, or `edge`.
    pub fn extend<T: Copy>(&self, line: &mut [T], ends: [&[Option<usize>]; 2], edge: T) {
        let (pad, len) = (ends[0].len(), self.len());
        let start = pad * LANES;
        let value = |line: &[T], from: &Option<usize>| from.map_or(edge, |from| line[start + self.at(from)]);
        for (k, from) in ends[1].iter().enumerate().take(len - self.n) {
            line[start + self.at(self.n + k)] = value(line, from);
        }
        for (k, from) in ends[0].iter().enumerate() {
            // The piece before ends with what stands before this one.
            let (to, last) = (k * LANES, len + k * LANES);
            line.copy_within(last..last + LANES - 1, to + 1);
            line[to] = value(line, from);
        }
        for k in 0..pad {
            let (to, next) = (start + len + k * LANES, start + k * LANES);
            line.copy_within(next + 1..next + LANES, to);
            line[to + LANES - 1] = ends[1].get(len - self.n + k).map_or(edge, |from| value(line, from));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::LANES;
    use std::arch::x86_64::*;

    /// Bytes of sixteen rows, four in a vector, as those of sixteen columns; the other way it is the same.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn turned(v: [__m512i; 4]) -> [__m512i; 4] {
        // Four rows of sixteen bytes become sixteen of four: dword 4 k + m holds the column 4 m + k.
        let mut order = [0u8; 64];
        for (at, o) in order.iter_mut().enumerate() {
            let (k, m, row) = (at / 16, at / 4 % 4, at % 4);
            *o = (16 * row + 4 * m + k) as u8;
        }
        // SAFETY: the array holds 64 bytes.
        let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
        let [a, b, c, d] = v.map(|v| _mm512_permutexvar_epi8(order, v));
        let (low, high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (low_2, high_2) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        [
            _mm512_unpacklo_epi64(low, low_2),
            _mm512_unpackhi_epi64(low, low_2),
            _mm512_unpacklo_epi64(high, high_2),
            _mm512_unpackhi_epi64(high, high_2),
        ]
    }

    /// Sixteen pieces, `step` bytes each, as `step` vectors.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub fn apart(row: &[u8], vectors: &mut [u8], step: usize) {
        assert!(step.is_multiple_of(16) && row.len() == step * LANES && vectors.len() == step * LANES);
        for (block, to) in vectors.chunks_exact_mut(256).enumerate() {
            // SAFETY: every piece holds 16 bytes from here on.
            let piece = |lane: usize| unsafe { _mm_loadu_si128(row.as_ptr().add(lane * step + block * 16).cast()) };
            let v = [0, 4, 8, 12].map(|lane| {
                let low = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(piece(lane)), piece(lane + 1));
                _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(low, piece(lane + 2)), piece(lane + 3))
            });
            for (to, v) in to.chunks_exact_mut(64).zip(turned(v)) {
                // SAFETY: the chunk holds 64 bytes.
                unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), v) };
            }
        }
    }

    /// The other way.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub fn together(vectors: &[u8], row: &mut [u8], step: usize) {
        assert!(step.is_multiple_of(16) && row.len() == step * LANES && vectors.len() == step * LANES);
        for (block, from) in vectors.chunks_exact(256).enumerate() {
            // SAFETY: the chunk holds four times 64 bytes.
            let v = [0, 64, 128, 192].map(|k| unsafe { _mm512_loadu_si512(from.as_ptr().add(k).cast()) });
            let v = turned(v);
            for m in 0..4 {
                let parts = [
                    _mm512_castsi512_si128(v[m]),
                    _mm512_extracti32x4_epi32::<1>(v[m]),
                    _mm512_extracti32x4_epi32::<2>(v[m]),
                    _mm512_extracti32x4_epi32::<3>(v[m]),
                ];
                for k in 0..4 {
                    // SAFETY: every piece holds 16 bytes from here on.
                    unsafe { _mm_storeu_si128(row.as_mut_ptr().add((4 * m + k) * step + block * 16).cast(), parts[k]) };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_ends_are_continued() {
        for n in [512usize, 513, 700, 1500, 5760] {
            for pad in [0usize, 1, 18, 40] {
                let Some(mut lanes) = Lanes::new(n, pad) else { continue };
                let row: Vec<u8> = (0..n).map(|k| (k * 37 + k / 251) as u8).collect();
                let vectors = lanes.apart(&row).to_vec();
                let mut back = vec![0; n];
                lanes.together(|to| to.copy_from_slice(&vectors), &mut back);
                assert_eq!(back, row, "{n}");
                let mut line = vec![0u8; vectors.len() + 2 * pad * LANES];
                line[pad * LANES..][..vectors.len()].copy_from_slice(&vectors);
                let before: Vec<Option<usize>> = (0..pad).map(|k| (k % 3 != 0).then_some(pad - k)).collect();
                let behind: Vec<Option<usize>> = (0..pad).map(|k| (k % 3 != 1).then_some(n - 1 - k)).collect();
                lanes.extend(&mut line, [&before, &behind], 77);
                let value = |at: i64| match at {
                    at if at < 0 => before[(at + pad as i64) as usize].map_or(77, |k| row[k]),
                    at if at < n as i64 => row[at as usize],
                    at => behind[at as usize - n].map_or(77, |k| row[k]),
                };
                for at in 0..n {
                    let (vector, lane) = (at % lanes.step, at / lanes.step);
                    for far in -(pad as i64)..=pad as i64 {
                        let got = line[((pad + vector) as i64 + far) as usize * LANES + lane];
                        assert_eq!(got, value(at as i64 + far), "{n} {pad} {at} {far}");
                    }
                }
            }
        }
    }
}
