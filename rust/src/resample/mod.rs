//! Separable resampling: crop, flip and antialiasing live in two tables of weights; everything between is float32.
//!
//! A strip of eight output rows is made at a time: first down the columns, where neighbors in memory are neighbors in
//! the picture, then along the rows on transposed data, so that both passes read contiguously. Channels stay
//! interleaved; the number of them does not matter.

mod along;
mod axis;
mod half;
mod kernel;
mod lobes;
mod nearest;
mod pairs;
mod picked;
mod sample;
mod strip;
mod sums;
mod turn;
mod whole;

pub use axis::{Axis, Outputs, Span};
pub use kernel::Kernel;
pub use sample::{Sample, clamp, round_to};
pub use strip::{Scratch, strip, strip_planes};
pub use whole::{Resize, resize, resize_to_floats};

/// Rows that are made at once.
pub const STRIP: usize = 8;

/// A picture or a plane: rows of `width * channels` samples, `stride` samples apart.
#[derive(Clone, Copy)]
pub struct View<'a, T> {
    pub data: &'a [T],
    pub stride: usize,
    pub width: usize,
    pub height: usize,
    pub channels: usize,
}

impl<'a, T> View<'a, T> {
    #[inline(always)]
    pub fn row(&self, y: usize) -> &'a [T] {
        &self.data[y * self.stride..][..self.width * self.channels]
    }
}
