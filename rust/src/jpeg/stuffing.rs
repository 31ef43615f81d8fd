//! Bytes of a scan without the zeros that stand behind each of 0xFF.

/// Bytes that are looked through and copied at once; one of 0xFF stands in every fifth group or so.
pub const GROUP: usize = 32;

/// Copies bytes as long as there is nothing but picture data, and room for groups; says how many were taken and given.
pub fn unstuff(from: &[u8], to: &mut [u8]) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::current() == crate::simd::Level::Avx512 && std::arch::is_x86_feature_detected!("avx512vbmi2") {
        // SAFETY: the processor has what it needs.
        return unsafe { x86::unstuff(from, to) };
    }
    by_groups(from, to)
}

fn by_groups(from: &[u8], to: &mut [u8]) -> (usize, usize) {
    let (mut taken, mut given) = (0, 0);
    while let (Some(group), Some(to)) = (from[taken..].first_chunk::<GROUP>(), to[given..].first_chunk_mut::<GROUP>()) {
        *to = *group;
        if !group.iter().fold(false, |any, &b| any | (b == 0xFF)) {
            (taken, given) = (taken + GROUP, given + GROUP);
            continue;
        }
        let at = first_ff(group);
        (taken, given) = match group.get(at + 1) {
            Some(0) => (taken + at + 2, given + at + 1),
            Some(_) => break,
            // What follows is in the next group, which then begins here.
            None => (taken + at, given + at),
        };
    }
    (taken, given)
}

/// Where the first byte of 0xFF stands.
#[inline(always)]
fn first_ff(group: &[u8; GROUP]) -> usize {
    let mut at = GROUP;
    for (k, word) in group.as_chunks::<8>().0.iter().enumerate().rev() {
        // The lowest bit of what is left is in the first byte that was full.
        let rest = !u64::from_le_bytes(*word);
        let full = rest.wrapping_sub(0x0101_0101_0101_0101) & !rest & 0x8080_8080_8080_8080;
        at = if full == 0 { at } else { 8 * k + full.trailing_zeros() as usize / 8 };
    }
    at
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
    pub fn unstuff(from: &[u8], to: &mut [u8]) -> (usize, usize) {
        let (mut taken, mut given) = (0, 0);
        let full = _mm512_set1_epi8(-1);
        while taken + 65 <= from.len() && given + 64 <= to.len() {
            // SAFETY: 65 bytes can be read from here on, as was checked.
            let (group, next) = unsafe {
                let at = from.as_ptr().add(taken);
                (_mm512_loadu_si512(at.cast()), _mm512_loadu_si512(at.add(1).cast()))
            };
            // The processor's own guesses end with a page. Hints may name any address.
            _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().wrapping_add(taken + 4096).cast());
            let ff = _mm512_cmpeq_epi8_mask(group, full);
            if ff & _mm512_test_epi8_mask(next, next) != 0 {
                break;
            }
            let kept = !(ff << 1);
            // SAFETY: 64 bytes can be written from here on, as was checked.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().add(given).cast(), _mm512_maskz_compress_epi8(kept, group)) };
            // A zero behind the last byte is taken as well.
            (taken, given) = (taken + 64 + (ff >> 63) as usize, given + kept.count_ones() as usize);
        }
        (taken, given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_takes_the_same_bytes() {
        let mut state = 9u32;
        for length in (0..400).chain([5000]) {
            for rare in [3, 40, 200] {
                let mut data = Vec::new();
                while data.len() < length {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let full = (state >> 16).is_multiple_of(rare);
                    data.push(if full { 0xFF } else { (state >> 24) as u8 % 255 });
                    if full {
                        data.push(if state >> 8 & 63 == 0 { 0xD9 } else { 0 });
                    }
                }
                for way in [by_groups, unstuff] {
                    let mut out = vec![0; length + 64];
                    let (taken, given) = way(&data, &mut out);
                    let mut want = Vec::new();
                    let mut at = 0;
                    while at < taken {
                        want.push(data[at]);
                        at += if data[at] == 0xFF { 2 } else { 1 };
                    }
                    assert_eq!(at, taken);
                    assert_eq!(out[..given], want, "{length} {rare}");
                    // What is left begins with a marker, or is less than a group and the zero behind it.
                    let marker = data[taken..].windows(2).take(64).any(|w| w[0] == 0xFF && w[1] != 0);
                    assert!(marker || data.len() - taken < 65, "{length} {rare} {taken}");
                }
            }
        }
    }
}
