//! Which instruction set the kernels run on, chosen once at run time.
//!
//! Every kernel has one arithmetic definition: integer steps, or float steps without contraction, written so that
//! each level gives the same bytes. `set` exists so that a test can force each level in turn.

use std::sync::atomic::{AtomicU8, Ordering};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Level {
    Base = 0,
    Avx2 = 1,
    Avx512 = 2,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Base => "base",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    pub fn parse(name: &str) -> Option<Level> {
        [Level::Base, Level::Avx2, Level::Avx512].into_iter().find(|l| l.name() == name)
    }
}

const UNSET: u8 = 255;
static CURRENT: AtomicU8 = AtomicU8::new(UNSET);

/// The highest level this processor has.
pub fn best() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("f16c");
        let avx512 = avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi");
        if avx512 {
            return Level::Avx512;
        }
        if avx2 {
            return Level::Avx2;
        }
    }
    Level::Base
}

/// The level in use.
#[inline]
pub fn current() -> Level {
    match CURRENT.load(Ordering::Relaxed) {
        0 => Level::Base,
        1 => Level::Avx2,
        2 => Level::Avx512,
        _ => {
            let level = best();
            CURRENT.store(level as u8, Ordering::Relaxed);
            level
        }
    }
}

/// Forces a level; `None` goes back to the best one. A level the processor lacks is refused.
pub fn set(level: Option<Level>) -> Result<Level, Level> {
    let wanted = level.unwrap_or_else(best);
    if wanted > best() {
        return Err(best());
    }
    CURRENT.store(wanted as u8, Ordering::Relaxed);
    Ok(wanted)
}

/// Compiles one function body for every level and picks at run time.
///
/// The body sees the level as the constant `L` (0, 1 or 2). `unsafe` here only states that the processor has the
/// features, which `current` has checked.
#[macro_export]
macro_rules! leveled {
    ($(#[$m:meta])* $vis:vis fn $name:ident($($a:ident : $t:ty),* $(,)?) $(-> $r:ty)? $body:block) => {
        $(#[$m])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($a: $t),*) $(-> $r)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments, clippy::extra_unused_type_parameters)]
            fn body<const L: u8>($($a: $t),*) $(-> $r)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,f16c")]
                #[allow(clippy::too_many_arguments)]
                fn avx2($($a: $t),*) $(-> $r)? { body::<1>($($a),*) }
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
                #[allow(clippy::too_many_arguments)]
                fn avx512($($a: $t),*) $(-> $r)? { body::<2>($($a),*) }
                match $crate::simd::current() {
                    // SAFETY: `current` returns a level only when the processor has its features.
                    $crate::simd::Level::Avx512 => return unsafe { avx512($($a),*) },
                    // SAFETY: as above.
                    $crate::simd::Level::Avx2 => return unsafe { avx2($($a),*) },
                    $crate::simd::Level::Base => {}
                }
            }
            body::<0>($($a),*)
        }
    };
}
