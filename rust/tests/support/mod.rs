//! What the tests of the core share: numbers that look drawn and are the same in every run, and every instruction set.

use opsin_core::simd::{self, Level};
use std::sync::{Mutex, PoisonError};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly from `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 0 to `count - 1`.
    pub fn below(&mut self, count: usize) -> usize {
        (self.word() % count as u64) as usize
    }

    #[allow(dead_code)] // not every test wants bytes
    pub fn byte(&mut self) -> u8 {
        self.word() as u8
    }
}

/// What a kernel gives at every level of this processor, the plain one first. The level is one for all threads: tests
/// that force it wait for each other.
pub fn at_every_level<T>(mut kernel: impl FnMut() -> T) -> Vec<(Level, T)> {
    static FORCED: Mutex<()> = Mutex::new(());
    let _one = FORCED.lock().unwrap_or_else(PoisonError::into_inner);
    let levels = [Level::Base, Level::Avx2, Level::Avx512].into_iter().filter(|&level| level <= simd::best());
    let out = levels.map(|level| (simd::set(Some(level)).expect("a level that is there"), kernel())).collect();
    simd::set(None).expect("the best level");
    out
}
