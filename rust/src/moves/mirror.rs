//! The pixels of a row in turned order.

/// Mirrors rows of pixels of one size.
pub struct Mirror {
    size: usize,
    /// For 64 bytes of the output, where they stand in the last 64 bytes that are left.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    order: [u8; 64],
}

impl Mirror {
    pub fn new(size: usize) -> Mirror {
        let mut order = [0u8; 64];
        if size <= 16 {
            for (k, o) in order[..64 / size * size].iter_mut().enumerate() {
                *o = (64 - (k / size + 1) * size + k % size) as u8;
            }
        }
        Mirror { size, order }
    }

    pub fn row(&self, row: &[u8], out: &mut [u8]) {
        #[allow(unused_mut)]
        let mut done = 0;
        #[cfg(target_arch = "x86_64")]
        if self.size <= 16 && row.len() == out.len() && crate::simd::current() >= crate::simd::Level::Avx512 {
            // SAFETY: the level says that the processor has AVX-512 with VBMI.
            done = unsafe { x86::reversed(row, self.size, &self.order, out) };
        }
        let left = row.len() - done;
        for (o, p) in out[done..].chunks_exact_mut(self.size).zip(row[..left].rchunks_exact(self.size)) {
            o.copy_from_slice(p);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// As many pixels at a time as 64 bytes hold; says how many bytes were written for good.
    ///
    /// Whole vectors are written, which is several times as quick as parts of them: what stands behind the last whole
    /// pixel is written over by the next vector.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn reversed(row: &[u8], size: usize, order: &[u8; 64], out: &mut [u8]) -> usize {
        let count = 64 / size;
        let step = count * size;
        // SAFETY: the array holds 64 bytes.
        let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
        let (mut done, mut left) = (0, row.len().min(out.len()));
        while left >= 64 {
            let (from, to) = (&row[left - 64..left], &mut out[done..done + 64]);
            // SAFETY: both slices hold 64 bytes.
            unsafe {
                let v = _mm512_loadu_si512(from.as_ptr().cast());
                _mm512_storeu_si512(to.as_mut_ptr().cast(), _mm512_permutexvar_epi8(order, v));
            }
            done += step;
            left -= step;
        }
        if left > 0 && row.len() >= 64 {
            // The last ones lie over those before: a write of a part, once a row.
            let (from, to) = (&row[..64], &mut out[done + left - step..]);
            // What `order` takes from the end of 64 bytes stands `64 - step` bytes before.
            let back = _mm512_sub_epi8(order, _mm512_set1_epi8((64 - step) as i8));
            let mask = !0u64 >> (64 - step);
            // SAFETY: `from` holds 64 bytes and `to` holds `step`; no more are written.
            unsafe {
                let v = _mm512_loadu_si512(from.as_ptr().cast());
                _mm512_mask_storeu_epi8(to[..step].as_mut_ptr().cast(), mask, _mm512_permutexvar_epi8(back, v));
            }
            done += left;
        }
        done
    }
}
