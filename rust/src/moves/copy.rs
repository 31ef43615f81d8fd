//! Rows copied: for some thousand bytes a plain loop over vectors is quicker than what `memcpy` chooses.

/// Longer runs are left to `memcpy`.
const LONG: usize = 1 << 16;

/// Copies bytes between slices of one length.
pub fn copy(from: &[u8], to: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if (256..LONG).contains(&from.len()) && crate::simd::current() >= crate::simd::Level::Avx2 {
        // SAFETY: the level says that the processor has AVX2.
        unsafe { x86::copy::<false>(from, to, [from.as_ptr(); 2]) };
        return;
    }
    to.copy_from_slice(from);
}

/// The same where as many bytes at `soon` (read from, written to) are copied next: their lines are asked for on the way.
/// Rows that are written from the last one up are no order that the processor guesses.
pub fn copy_before(from: &[u8], to: &mut [u8], soon: [*const u8; 2]) {
    #[cfg(target_arch = "x86_64")]
    if (256..LONG).contains(&from.len()) && crate::simd::current() >= crate::simd::Level::Avx2 {
        // SAFETY: the level says that the processor has AVX2.
        unsafe { x86::copy::<true>(from, to, soon) };
        return;
    }
    let _ = soon;
    to.copy_from_slice(from);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2")]
    pub fn copy<const AHEAD: bool>(from: &[u8], to: &mut [u8], soon: [*const u8; 2]) {
        assert!(from.len() == to.len() && from.len() >= 128);
        let last = from.len() - 128;
        // The last ones lie over those before.
        for at in (0..last).step_by(128).chain([last]) {
            let (from, to) = (&from[at..at + 128], &mut to[at..at + 128]);
            if AHEAD {
                // Hints may name any address.
                for k in [at, at + 64] {
                    _mm_prefetch::<_MM_HINT_T0>(soon[0].wrapping_add(k).cast());
                    _mm_prefetch::<_MM_HINT_ET0>(soon[1].wrapping_add(k).cast());
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole() {
        for n in (0..700).chain([5760, LONG - 1, LONG, LONG + 1]) {
            let from: Vec<u8> = (0..n).map(|k| (k * 31 + k / 251) as u8).collect();
            for ahead in [false, true] {
                let mut to = vec![0; n];
                match ahead {
                    true => copy_before(&from, &mut to, [from.as_ptr(); 2]),
                    false => copy(&from, &mut to),
                }
                assert_eq!(to, from, "{n}");
            }
        }
    }
}
