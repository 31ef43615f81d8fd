//! A JPEG decoder that skips what nobody wants.
//!
//! Sequential and progressive Huffman, 8 bit, gray or YCbCr in 4:4:4, 4:2:2, 4:4:0 and 4:2:0, with restart intervals.
//! Anything else is `Unsupported`, so that the caller takes the ordinary decoder. In a sequential file, blocks outside
//! the region are stepped over with a table of whole runs of symbols; in a progressive one, whole scans are. The file is
//! always followed to its end marker.

mod bands;
pub mod bits;
pub mod color;
pub mod header;
pub mod huffman;
pub mod idct;
mod lanes;
pub mod planes;
mod progressive;
mod scan;
mod scans;
mod stuffing;

use crate::error::Result;
pub use header::Header;
pub use planes::{Plane, Region, Request};

/// Buffers and tables that one thread uses again for every picture.
#[derive(Default)]
pub struct Decoder {
    window: bits::WindowBuffer,
    tables: huffman::TableCache,
    lanes: lanes::Buffers,
    progressive: progressive::Buffers,
    /// The planes of the last picture: Y, Cb, Cr or Y alone.
    pub planes: Vec<Plane>,
    pub(crate) rows: color::RowBuffers,
}

impl Decoder {
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Decodes the wanted part to planes; true when the whole picture was decoded and nothing was stepped over.
    pub fn decode_planes(&mut self, data: &[u8], header: &Header, request: &Request) -> Result<bool> {
        if header.progressive {
            progressive::decode(self, data, header, request)
        } else {
            scan::decode(self, data, header, request)
        }
    }
}

/// Pixels a picture may have when nobody says otherwise.
pub const DEFAULT_MAX_PIXELS: u64 = 1 << 28;
