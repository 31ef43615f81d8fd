//! The compiled core of Opsin. See README.md.
//!
//! Memory-safe on hostile bytes: `unsafe` stands only in SIMD kernels, over slices whose bounds were checked.

pub mod batch;
pub mod chance;
mod crew;
pub mod error;
pub mod exec;
pub mod geometry;
pub mod jpeg;
pub mod moves;
pub mod outline;
pub mod png;
pub mod program;
#[cfg(feature = "python")]
mod python;
pub mod resample;
pub mod rows;
pub mod simd;
pub mod smooth;
pub mod values;
pub mod warp;
