//! float16: halves of 32 bit floats.

/// float32 to float16, to the nearest, ties to even.
pub fn half(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let size = bits & 0x7FFF_FFFF;
    if size > 0x7F80_0000 {
        return sign | 0x7E00 | (size >> 13) as u16 & 0x3FF;
    }
    if size >= 0x477F_F000 {
        return sign | 0x7C00;
    }
    if size < 0x3880_0000 {
        // below the least normal number: units of 2^-24, rounded by the addition itself
        let sum = f32::from_bits(size) + 0.5;
        return sign | (sum.to_bits() - 0.5f32.to_bits()) as u16;
    }
    let odd = size >> 13 & 1;
    sign | ((size - 0x3800_0000 + 0xFFF + odd) >> 13) as u16
}

pub fn to_half(from: &[f32], to: &mut [u16]) {
    #[allow(unused_mut)]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() >= crate::simd::Level::Avx2 {
        // SAFETY: the level says that the processor has AVX2 and F16C.
        done = unsafe { half_avx2(from, to) };
    }
    for (o, &v) in to[done..].iter_mut().zip(&from[done..]) {
        *o = half(v);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn half_avx2(from: &[f32], to: &mut [u16]) -> usize {
    use std::arch::x86_64::*;
    for (from, to) in from.chunks_exact(8).zip(to.chunks_exact_mut(8)) {
        // SAFETY: both chunks hold eight values.
        unsafe {
            let v = _mm256_loadu_ps(from.as_ptr());
            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v));
        }
    }
    from.len().min(to.len()) / 8 * 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_to_the_nearest() {
        assert_eq!([1.0, -2.0, 65504.0, 65520.0, 1e-8, 6e-8].map(half), [0x3C00, 0xC000, 0x7BFF, 0x7C00, 0, 1]);
        let values: Vec<f32> = (0..200_000u32).map(|k| f32::from_bits(k.wrapping_mul(21_475))).collect();
        let finite: Vec<f32> = values.into_iter().filter(|v| v.is_finite()).collect();
        let mut out = vec![0; finite.len()];
        to_half(&finite, &mut out);
        for (v, &h) in finite.iter().zip(&out) {
            assert_eq!(half(*v), h, "{v}");
        }
    }
}
