//! Rows copied: for some thousand bytes a plain loop over vectors is quicker than what `memcpy` chooses.

/// Longer runs are left to `memcpy`.
const LONG: usize = 1 << 16;

/// Copies bytes between slices of one length.
pub fn copy(from: &[u8], to: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if (256..LONG).contains(&from.len()) && crate::simd::current() >= crate::simd::Level::Avx2 {
        // SAFETY: the level says that the processor has AVX2.
        unsafe { x86::copy(from, to) };
        return;
    }
    to.copy_from_slice(from);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2")]
    pub fn copy(from: &[u8], to: &mut [u8]) {
        assert!(from.len() == to.len() && from.len() >= 128);
        let last = from.len() - 128;
        // The last ones lie over those before.
        for at in (0..last).step_by(128).chain([last]) {
            let (from, to) = (&from[at..at + 128], &mut to[at..at + 128]);
            // SAFETY: both slices hold 128 bytes.
            unsafe {
                let v = [0, 32, 64, 96].map(|k| _mm256_loadu_si256(from.as_ptr().add(k).cast()));
                for (k, v) in v.into_iter().enumerate() {
                    _mm256_storeu_si256(to.as_mut_ptr().add(32 * k).cast(), v);
                }
            }
        }
    }
}
