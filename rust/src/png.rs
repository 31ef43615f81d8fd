//! PNG files of whole rows, compressed quickly: for data sets, where writing must not cost more than the work.

use crate::error::{Error, Kind, Result, invalid};
use png::{BitDepth, ColorType, Compression, Encoder};

/// Encodes rows of 8 bits with one to four channels.
pub fn encode(data: &[u8], width: usize, height: usize, channels: usize) -> Result<Vec<u8>> {
    let color = match channels {
        1 => ColorType::Grayscale,
        2 => ColorType::GrayscaleAlpha,
        3 => ColorType::Rgb,
        4 => ColorType::Rgba,
        _ => return invalid("encode_png: a PNG has one to four channels."),
    };
    let size = width.checked_mul(height).and_then(|n| n.checked_mul(channels));
    let (Ok(w), Ok(h), Some(true)) =
        (u32::try_from(width), u32::try_from(height), size.map(|n| n == data.len() && n > 0))
    else {
        return invalid("encode_png: the data must be a picture of the size that is given.");
    };
    let mut out = Vec::with_capacity(data.len() / 2 + 1024);
    let mut encoder = Encoder::new(&mut out, w, h);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let failed = |e: png::EncodingError| Error::new(Kind::Invalid, format!("encode_png: {e}."));
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(data).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}
