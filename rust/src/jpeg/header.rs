//! Markers before the scan: what the picture is, or why this decoder leaves it to the ordinary one.

use crate::error::{Error, Kind, Result, corrupt, truncated, unsupported};

#[derive(Clone, Copy, Default, Debug)]
pub struct Component {
    pub id: u8,
    pub h: usize,
    pub v: usize,
    pub quant: usize,
    pub dc: usize,
    pub ac: usize,
}

#[derive(Clone, PartialEq, Eq)]
pub struct HuffSpec {
    pub bits: [u8; 17],
    pub values: [u8; 256],
}

/// Quantization and Huffman tables, as far as the file has defined them.
#[derive(Clone)]
pub struct Tables {
    /// In zigzag order; only those that `quant_seen` names.
    pub quant: [[u16; 64]; 4],
    pub quant_seen: [bool; 4],
    pub dc: [Option<Box<HuffSpec>>; 4],
    pub ac: [Option<Box<HuffSpec>>; 4],
}

pub struct Header {
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    pub hmax: usize,
    pub vmax: usize,
    /// MCUs between restart markers; 0 when there are none.
    pub restart: usize,
    pub tables: Tables,
    /// Many scans, each with some bits of some coefficients.
    pub progressive: bool,
    /// Where the entropy-coded data starts; in a progressive file, where the marker of the first scan stands.
    pub scan: usize,
    /// EXIF orientation, 1 to 8.
    pub orientation: u8,
}

impl Header {
    pub fn mcus_across(&self) -> usize {
        self.width.div_ceil(8 * self.hmax)
    }

    pub fn mcus_down(&self) -> usize {
        self.height.div_ceil(8 * self.vmax)
    }
}

fn be16(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..at + 2) {
        Some(b) => usize::from(u16::from_be_bytes([b[0], b[1]])),
        None => 0,
    }
}

/// Reads every marker up to the first scan.
pub fn parse(data: &[u8], max_pixels: u64) -> Result<Header> {
    if data.len() < 2 || data[0] != 0xFF || data[1] != 0xD8 {
        return unsupported("not a JPEG file");
    }
    let mut header = Header {
        width: 0,
        height: 0,
        components: Vec::new(),
        hmax: 1,
        vmax: 1,
        restart: 0,
        tables: Tables {
            quant: [[0; 64]; 4],
            quant_seen: [false; 4],
            dc: [const { None }; 4],
            ac: [const { None }; 4],
        },
        progressive: false,
        scan: 0,
        orientation: 1,
    };
    let (mut jfif, mut exif, mut adobe) = (false, false, None);
    let mut at = 2;
    loop {
        // Anything between segments that is not a marker is garbage that libjpeg skips with a warning.
        match data.get(at) {
            None => return truncated("the file ends inside its header"),
            Some(0xFF) => {}
            Some(_) => return corrupt("a marker is missing in the header"),
        }
        while data.get(at + 1) == Some(&0xFF) {
            at += 1;
        }
        let Some(&marker) = data.get(at + 1) else {
            return truncated("the file ends inside its header");
        };
        match marker {
            0x01 | 0xD0..=0xD7 => {
                at += 2;
                continue;
            }
            0x00 => return corrupt("a marker is missing in the header"),
            0xD8 => return corrupt("a second start of image"),
            0xD9 => return corrupt("the file ends without a picture"),
            _ => {}
        }
        let (segment, end) = segment(data, at)?;
        match marker {
            0xDB => header.tables.quantization(segment)?,
            0xC4 => header.tables.huffman(segment)?,
            0xC0..=0xC2 => {
                frame(segment, &mut header, max_pixels)?;
                header.progressive = marker == 0xC2;
            }
            0xC3 | 0xC5..=0xC7 | 0xC8..=0xCB | 0xCD..=0xCF => {
                return unsupported("a JPEG of a rare kind");
            }
            0xCC => return unsupported("an arithmetic-coded JPEG"),
            0xDC => return unsupported("a JPEG that gives its height later"),
            0xDD => header.restart = restart(segment)?,
            0xE0 if segment.len() >= 5 && &segment[..5] == b"JFIF\0" => jfif = true,
            0xE1 if !exif && segment.starts_with(b"Exif\0\0") => {
                exif = true;
                header.orientation = exif_orientation(&segment[6..]).unwrap_or(1);
            }
            0xEE if segment.len() >= 12 && &segment[..5] == b"Adobe" => adobe = Some(segment[11]),
            0xDA => {
                if header.components.is_empty() {
                    return corrupt("a scan before its frame");
                }
                if header.progressive {
                    header.scan = at;
                } else {
                    scan(segment, &mut header)?;
                    header.scan = end;
                }
                break;
            }
            _ => {}
        }
        at = end;
    }
    if !header.progressive {
        for component in &header.components {
            header.tables.steps(component.quant)?;
            if header.tables.dc[component.dc].is_none() || header.tables.ac[component.ac].is_none() {
                return unsupported("a JPEG without its own Huffman tables");
            }
        }
    }
    if header.components.len() == 3 && !jfif {
        let ids = [header.components[0].id, header.components[1].id, header.components[2].id];
        if adobe == Some(0) || (adobe.is_none() && ids == *b"RGB") {
            return unsupported("a JPEG that stores RGB");
        }
    }
    Ok(header)
}

/// The contents of the segment whose marker stands at `at`, and where it ends.
pub fn segment(data: &[u8], at: usize) -> Result<(&[u8], usize)> {
    if data.len() < at + 4 {
        return truncated("the file ends inside its header");
    }
    let length = be16(data, at + 2);
    if length < 2 {
        return corrupt("a segment shorter than its own length field");
    }
    let end = at + 2 + length;
    match data.get(at + 4..end) {
        Some(segment) => Ok((segment, end)),
        None => truncated("the file ends inside its header"),
    }
}

/// MCUs between restart markers.
pub fn restart(s: &[u8]) -> Result<usize> {
    if s.len() != 2 {
        return corrupt("a restart definition of the wrong length");
    }
    Ok(be16(s, 0))
}

impl Tables {
    /// The quantization steps of a table, in zigzag order.
    pub fn steps(&self, id: usize) -> Result<&[u16; 64]> {
        if !self.quant_seen[id] {
            return corrupt("a quantization table is missing");
        }
        if self.quant[id].iter().any(|&q| q > i16::MAX as u16) {
            return unsupported("a quantization step over 32767");
        }
        Ok(&self.quant[id])
    }

    pub fn quantization(&mut self, mut s: &[u8]) -> Result<()> {
        while let Some((&head, rest)) = s.split_first() {
            let (wide, id) = (head >> 4, usize::from(head & 15));
            if wide > 1 || id > 3 {
                return corrupt("a quantization table with a wrong number");
            }
            let bytes = if wide == 1 { 128 } else { 64 };
            if rest.len() < bytes {
                return corrupt("a quantization table that is cut short");
            }
            for k in 0..64 {
                self.quant[id][k] = if wide == 1 { be16(rest, 2 * k) as u16 } else { u16::from(rest[k]) };
            }
            self.quant_seen[id] = true;
            s = &rest[bytes..];
        }
        Ok(())
    }

    pub fn huffman(&mut self, mut s: &[u8]) -> Result<()> {
        while let Some((&head, rest)) = s.split_first() {
            let (class, id) = (head >> 4, usize::from(head & 15));
            if class > 1 || id > 3 || rest.len() < 16 {
                return corrupt("a Huffman table with a wrong head");
            }
            let mut spec = Box::new(HuffSpec { bits: [0; 17], values: [0; 256] });
            spec.bits[1..].copy_from_slice(&rest[..16]);
            let count: usize = spec.bits.iter().map(|&b| usize::from(b)).sum();
            if count > 256 || rest.len() < 16 + count {
                return corrupt("a Huffman table that is cut short");
            }
            spec.values[..count].copy_from_slice(&rest[16..16 + count]);
            // Codes of one length must fit below the all-ones code, or the table is not a prefix code.
            let mut code = 0usize;
            for length in 1..=16 {
                code += usize::from(spec.bits[length]);
                if code > 1 << length {
                    return corrupt("a Huffman table with too many codes");
                }
                code <<= 1;
            }
            if class == 0 && spec.values[..count].iter().any(|&v| v > 15) {
                return corrupt("a Huffman table with an impossible DC size");
            }
            *(if class == 0 { &mut self.dc[id] } else { &mut self.ac[id] }) = Some(spec);
            s = &rest[16 + count..];
        }
        Ok(())
    }
}

fn frame(s: &[u8], header: &mut Header, max_pixels: u64) -> Result<()> {
    if !header.components.is_empty() {
        return corrupt("a second frame");
    }
    if s.len() < 6 {
        return corrupt("a frame header that is cut short");
    }
    if s[0] != 8 {
        return unsupported("a JPEG that is not 8 bit");
    }
    (header.height, header.width) = (be16(s, 1), be16(s, 3));
    if header.width == 0 {
        return corrupt("a picture without width");
    }
    if header.height == 0 {
        return unsupported("a JPEG that gives its height later");
    }
    if header.width as u64 * header.height as u64 > max_pixels {
        let text = format!("{} x {} pixels, over the limit of {max_pixels}", header.width, header.height);
        return Err(Error::new(Kind::TooLarge, text));
    }
    let count = usize::from(s[5]);
    if s.len() != 6 + 3 * count {
        return corrupt("a frame header of the wrong length");
    }
    if count != 1 && count != 3 {
        return unsupported("a JPEG that is neither gray nor YCbCr");
    }
    for c in s[6..].chunks_exact(3) {
        let component = Component {
            id: c[0],
            h: usize::from(c[1] >> 4),
            v: usize::from(c[1] & 15),
            quant: usize::from(c[2]),
            ..Component::default()
        };
        if component.quant > 3 || !(1..=4).contains(&component.h) || !(1..=4).contains(&component.v) {
            return corrupt("a frame header with an impossible component");
        }
        if header.components.iter().any(|other| other.id == component.id) {
            return corrupt("two components of one name");
        }
        header.components.push(component);
    }
    if count == 1 {
        // A single component is not interleaved: its sampling factors have no meaning.
        (header.components[0].h, header.components[0].v) = (1, 1);
    } else {
        let luma = &header.components[0];
        let chroma_is_plain = header.components[1..].iter().all(|c| c.h == 1 && c.v == 1);
        if luma.h > 2 || luma.v > 2 || !chroma_is_plain {
            return unsupported("a JPEG of a rare chroma sampling");
        }
    }
    (header.hmax, header.vmax) = (header.components[0].h, header.components[0].v);
    Ok(())
}

fn scan(s: &[u8], header: &mut Header) -> Result<()> {
    let count = usize::from(s.first().copied().unwrap_or(0));
    if s.len() != 4 + 2 * count {
        return corrupt("a scan header of the wrong length");
    }
    if count != header.components.len() {
        return unsupported("a JPEG in several scans");
    }
    for (k, component) in header.components.iter_mut().enumerate() {
        let (id, tables) = (s[1 + 2 * k], s[2 + 2 * k]);
        if id != component.id {
            return unsupported("a JPEG whose scan reorders its components");
        }
        (component.dc, component.ac) = (usize::from(tables >> 4), usize::from(tables & 15));
        if component.dc > 3 || component.ac > 3 {
            return corrupt("a scan header with an impossible table");
        }
    }
    if s[1 + 2 * count..] != [0, 63, 0] {
        return unsupported("a sequential JPEG with a partial scan");
    }
    Ok(())
}

/// Whether a color profile stands before the picture.
pub fn has_profile(data: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xFF, marker]) = data.get(at..at + 2) {
        match marker {
            0xFF => at += 1,
            0x01 | 0xD0..=0xD7 => at += 2,
            0xDA => return false,
            _ => {
                let Some(segment) = data.get(at + 4..).filter(|_| data.len() >= at + 4) else { return false };
                if marker == 0xE2 && segment.starts_with(b"ICC_PROFILE\0") {
                    return true;
                }
                at += 2 + be16(data, at + 2).max(2);
            }
        }
    }
    false
}

/// The orientation in the first directory of an EXIF block; nothing where it has none, or not as EXIF stores it.
fn exif_orientation(tiff: &[u8]) -> Option<u8> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| -> Option<u16> {
        let b: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(b) } else { u16::from_be_bytes(b) })
    };
    let u32_at = |at: usize| -> Option<u32> {
        let b: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(b) } else { u32::from_be_bytes(b) })
    };
    let first = u32_at(4)? as usize;
    let entries = usize::from(u16_at(first)?);
    for k in 0..entries {
        let entry = first.checked_add(2 + 12 * k)?;
        let (tag, kind, count) = (u16_at(entry)?, u16_at(entry.checked_add(2)?)?, u32_at(entry.checked_add(4)?)?);
        if tag != 0x0112 {
            continue;
        }
        let at = entry.checked_add(8)?;
        // One number of one, two or four bytes; whether it has a sign does not matter from 1 to 8.
        let value = match kind {
            1 | 6 => u32::from(*tiff.get(at)?),
            3 | 8 => u32::from(u16_at(at)?),
            4 | 9 => u32_at(at)?,
            _ => return None,
        };
        return (count == 1 && (1..=8).contains(&value)).then_some(value as u8);
    }
    None
}
