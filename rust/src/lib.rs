//! The compiled core of Opsin. See README.md.
//!
//! Memory-safe on hostile bytes: `unsafe` stands only in SIMD kernels, over slices whose bounds were checked.

pub mod error;
pub mod jpeg;
#[cfg(feature = "python")]
mod python;
pub mod resample;
pub mod simd;
pub mod warp;
