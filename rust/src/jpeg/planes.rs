//! The planes a decode gives, and which part of the picture it was asked for.

use super::header::Header;
use crate::error::{Result, invalid};

/// A rectangle in full-size pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    pub x: usize,
    pub y: usize,
    pub w: usize,
    pub h: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// 1, 2, 4 or 8: the size is divided by it.
    pub denom: usize,
    /// The part wanted; `None` is everything.
    pub region: Option<Region>,
    /// Let reduced blocks do without the coefficients that hardly show.
    pub fast: bool,
}

impl Request {
    pub const FULL: Request = Request { denom: 1, region: None, fast: false };
}

/// A window of one component, as stored.
#[derive(Default, Debug)]
pub struct Plane {
    pub data: Vec<u8>,
    pub stride: usize,
    /// Where the window stands in the whole plane.
    pub x0: usize,
    pub y0: usize,
    /// The window's valid samples.
    pub w: usize,
    pub h: usize,
    /// The whole plane.
    pub full_w: usize,
    pub full_h: usize,
    /// Samples per full-size pixel.
    pub sx: f64,
    pub sy: f64,
    /// Samples a block has per side: 8, 4, 2 or 1.
    pub block: usize,
}

impl Plane {
    /// The valid samples of window row `y`.
    #[inline(always)]
    pub fn row(&self, y: usize) -> &[u8] {
        &self.data[y * self.stride..][..self.w]
    }

    /// Window row `y` with the padding behind its valid samples (whatever the blocks had there).
    #[inline(always)]
    pub fn padded_row(&self, y: usize) -> &[u8] {
        &self.data[y * self.stride..][..self.stride]
    }
}

/// Samples behind each row that vector code may read.
pub const ROW_PAD: usize = 64;

/// The MCUs to decode and the planes to hold them.
pub struct Layout {
    pub c0: usize,
    pub c1: usize,
    pub r0: usize,
    pub r1: usize,
}

impl Layout {
    /// The whole MCUs around the wanted region.
    pub fn of(header: &Header, request: &Request) -> Result<Layout> {
        if !matches!(request.denom, 1 | 2 | 4 | 8) {
            return invalid(format!("decode_jpeg: scale must be 1, 1/2, 1/4 or 1/8; got 1/{}", request.denom));
        }
        let (mw, mh) = (8 * header.hmax, 8 * header.vmax);
        let (nx, ny) = (header.mcus_across(), header.mcus_down());
        let Some(region) = request.region else {
            return Ok(Layout { c0: 0, c1: nx - 1, r0: 0, r1: ny - 1 });
        };
        let right = region.x.checked_add(region.w).filter(|&r| r <= header.width && region.w > 0);
        let bottom = region.y.checked_add(region.h).filter(|&b| b <= header.height && region.h > 0);
        let (Some(right), Some(bottom)) = (right, bottom) else {
            return invalid("decode_jpeg: region must lie inside the picture and not be empty");
        };
        Ok(Layout { c0: region.x / mw, c1: (right - 1) / mw, r0: region.y / mh, r1: (bottom - 1) / mh })
    }

    pub fn is_whole(&self, header: &Header) -> bool {
        self.c0 == 0 && self.r0 == 0 && self.c1 + 1 == header.mcus_across() && self.r1 + 1 == header.mcus_down()
    }

    /// Sizes the planes; their memory is used again.
    pub fn prepare(&self, header: &Header, request: &Request, planes: &mut Vec<Plane>) {
        planes.resize_with(header.components.len(), Plane::default);
        let luma_block = 8 / request.denom;
        for (component, plane) in header.components.iter().zip(planes) {
            // Chroma with fewer samples keeps more of its block, as long as that does not exceed the luma's.
            let mut block = luma_block;
            while block < 8
                && header.hmax * luma_block >= component.h * block * 2
                && header.vmax * luma_block >= component.v * block * 2
            {
                block *= 2;
            }
            let (bw, bh) = (component.h * block, component.v * block);
            let (columns, rows) = (self.c1 - self.c0 + 1, self.r1 - self.r0 + 1);
            plane.block = block;
            plane.sx = bw as f64 / (8 * header.hmax) as f64;
            plane.sy = bh as f64 / (8 * header.vmax) as f64;
            plane.full_w = (header.width * bw).div_ceil(8 * header.hmax);
            plane.full_h = (header.height * bh).div_ceil(8 * header.vmax);
            (plane.x0, plane.y0) = (self.c0 * bw, self.r0 * bh);
            plane.w = (columns * bw).min(plane.full_w - plane.x0);
            plane.h = (rows * bh).min(plane.full_h - plane.y0);
            plane.stride = (columns * bw).next_multiple_of(32) + ROW_PAD;
            plane.data.resize(plane.stride * rows * bh, 0);
        }
    }
}
