//! Where a segment's pixels come from.

use crate::geometry::Size;
use crate::jpeg::Header;
use crate::resample::View;

/// A picture between two segments: interleaved, bytes while it is rounded, else floats with 1.0 = white.
#[derive(Default)]
pub struct Held {
    pub bytes: Vec<u8>,
    pub floats: Vec<f32>,
    pub width: usize,
    pub height: usize,
    pub channels: usize,
}

pub enum Source<'a> {
    Jpeg(&'a [u8], Box<Header>),
    Bytes(View<'a, u8>),
    Floats(View<'a, f32>),
    Held(Held),
}

impl Held {
    pub fn is_bytes(&self) -> bool {
        !self.bytes.is_empty()
    }

    fn view<'a, T>(&self, data: &'a [T]) -> View<'a, T> {
        let (width, height, channels) = (self.width, self.height, self.channels);
        View { data, stride: width * channels, width, height, channels }
    }

    pub fn byte_view(&self) -> View<'_, u8> {
        self.view(&self.bytes)
    }

    pub fn float_view(&self) -> View<'_, f32> {
        self.view(&self.floats)
    }
}

impl Source<'_> {
    pub fn size(&self) -> Size {
        match self {
            Source::Jpeg(_, header) => (header.width, header.height),
            Source::Bytes(v) => (v.width, v.height),
            Source::Floats(v) => (v.width, v.height),
            Source::Held(h) => (h.width, h.height),
        }
    }

    pub fn channels(&self) -> usize {
        match self {
            Source::Jpeg(_, header) => header.components.len(),
            Source::Bytes(v) => v.channels,
            Source::Floats(v) => v.channels,
            Source::Held(h) => h.channels,
        }
    }
}
