//! The scans of a progressive file: where each one lies, with which tables, and which of them anybody needs.
//!
//! All of them are found before any is decoded, up to the end marker: that is how truncation is always found.

use super::bits::next_marker;
use super::header::{self, Header, HuffSpec, Tables};
use crate::error::{Result, corrupt, truncated, unsupported};

/// Every scan may pass over the whole picture; encoders write about ten.
const MAX_SCANS: usize = 100;

/// Where the first so many coefficients are not all exact, libjpeg guesses at them from the blocks around.
const GUESSED: usize = 10;

/// No scan has brought the coefficient.
const UNSEEN: u8 = 255;

pub struct Scan {
    /// Where its entropy-coded data starts.
    pub start: usize,
    /// Its components, in the frame's order.
    pub components: Vec<usize>,
    /// A DC table per component in a first DC scan, one AC table in an AC scan, none in a DC refinement.
    pub specs: Vec<HuffSpec>,
    /// The zigzag positions it brings.
    pub from: u32,
    pub to: u32,
    /// Whether it adds one more bit to what is there.
    pub refines: bool,
    /// The place of its lowest bit.
    pub low: u32,
    /// MCUs between restart markers; 0 when there are none.
    pub restart: usize,
    pub needed: bool,
}

pub struct Scans {
    pub list: Vec<Scan>,
    /// Per component its quantization steps, in zigzag order.
    pub quant: Vec<[u16; 64]>,
}

impl Scan {
    /// MCUs across and down. A component alone is not padded to whole MCUs of the frame.
    pub fn units(&self, header: &Header) -> (usize, usize) {
        match self.components[..] {
            [c] => {
                let c = &header.components[c];
                let side = |size: usize, own: usize, most: usize| (size * own).div_ceil(most).div_ceil(8);
                (side(header.width, c.h, header.hmax), side(header.height, c.v, header.vmax))
            }
            _ => (header.mcus_across(), header.mcus_down()),
        }
    }
}

/// Reads all markers from the first scan to the end of the picture.
pub fn read(data: &[u8], header: &Header) -> Result<Scans> {
    let mut tables = header.tables.clone();
    let mut restart = header.restart;
    let mut list: Vec<Scan> = Vec::new();
    let mut quant: Vec<Option<[u16; 64]>> = vec![None; header.components.len()];
    let mut progress = vec![[UNSEEN; 64]; header.components.len()];
    let mut at = header.scan;
    loop {
        let Some((start, marker)) = next_marker(data, at) else {
            return truncated("the end marker is missing");
        };
        match marker {
            0xD9 => break,
            0x01 | 0xD0..=0xD8 => return corrupt("a marker out of place after the picture"),
            _ => {}
        }
        let (segment, end) = header::segment(data, start)?;
        at = end;
        match marker {
            0xDB => tables.quantization(segment)?,
            0xC4 => tables.huffman(segment)?,
            0xC0..=0xCF => return corrupt("a second frame"),
            0xDC => return unsupported("a JPEG that gives its height later"),
            0xDD => restart = header::restart(segment)?,
            0xDA => {
                if list.len() == MAX_SCANS {
                    return unsupported("a JPEG of more than 100 scans");
                }
                let mut scan = parse(segment, header, &tables)?;
                (scan.start, scan.restart) = (end, restart);
                advance(&scan, &mut progress)?;
                for &c in &scan.components {
                    // The table that stands there at a component's first scan is meant.
                    if quant[c].is_none() {
                        quant[c] = Some(*tables.steps(header.components[c].quant)?);
                    }
                }
                at = follow(data, &scan, header)?;
                list.push(scan);
            }
            _ => {}
        }
    }
    if progress.iter().any(|bits| bits[0] == UNSEEN) {
        // libjpeg takes them as gray: the ordinary decoder may.
        return unsupported("a progressive JPEG without the means of a component");
    }
    if progress.iter().any(|bits| bits[..GUESSED].iter().any(|&b| b != 0)) {
        return unsupported("a progressive JPEG whose scans stop early");
    }
    let quant = quant.into_iter().flatten().collect();
    Ok(Scans { list, quant })
}

/// A scan's header, with copies of the tables that it uses.
fn parse(s: &[u8], header: &Header, tables: &Tables) -> Result<Scan> {
    let count = usize::from(s.first().copied().unwrap_or(0));
    if s.len() != 4 + 2 * count || count == 0 || count > header.components.len() {
        return corrupt("a scan header of the wrong length");
    }
    let (from, to, bits) = (s[1 + 2 * count], s[2 + 2 * count], s[3 + 2 * count]);
    let (high, low) = (bits >> 4, bits & 15);
    let band = if from == 0 { to == 0 } else { from <= to && to < 64 && count == 1 };
    if !band || low > 13 || (high != 0 && high != low + 1) {
        return corrupt("a scan header with an impossible progression");
    }
    let mut scan = Scan {
        start: 0,
        components: Vec::with_capacity(count),
        specs: Vec::with_capacity(count),
        from: u32::from(from),
        to: u32::from(to),
        refines: high != 0,
        low: u32::from(low),
        restart: 0,
        needed: true,
    };
    for pair in s[1..1 + 2 * count].chunks_exact(2) {
        let Some(component) = header.components.iter().position(|c| c.id == pair[0]) else {
            return corrupt("a scan of a component that the frame does not have");
        };
        if scan.components.last().is_some_and(|&last| last >= component) {
            return unsupported("a JPEG whose scan reorders its components");
        }
        scan.components.push(component);
        let (dc, ac) = (usize::from(pair[1] >> 4), usize::from(pair[1] & 15));
        if dc > 3 || ac > 3 {
            return corrupt("a scan header with an impossible table");
        }
        let spec = match (from, high) {
            (0, 0) => &tables.dc[dc],
            (0, _) => continue,
            _ => &tables.ac[ac],
        };
        let Some(spec) = spec else {
            return unsupported("a JPEG without its own Huffman tables");
        };
        scan.specs.push(HuffSpec::clone(spec));
    }
    Ok(scan)
}

/// Notes which bits a scan brings: each must follow on what is there.
fn advance(scan: &Scan, progress: &mut [[u8; 64]]) -> Result<()> {
    for &c in &scan.components {
        for bits in &mut progress[c][scan.from as usize..=scan.to as usize] {
            let expected = if scan.refines { scan.low as u8 + 1 } else { UNSEEN };
            if *bits != expected {
                return unsupported("a progressive JPEG whose scans do not follow on each other");
            }
            *bits = scan.low as u8;
        }
    }
    Ok(())
}

/// The marker behind a scan's data, which must hold as many intervals as the picture asks for.
fn follow(data: &[u8], scan: &Scan, header: &Header) -> Result<usize> {
    let (nx, ny) = scan.units(header);
    let total = nx * ny;
    let intervals = if scan.restart == 0 { 1 } else { total.div_ceil(scan.restart) };
    let (mut from, mut met) = (scan.start, 1);
    let end = loop {
        let Some((at, marker)) = next_marker(data, from) else {
            return truncated("the file ends inside the picture");
        };
        if !matches!(marker, 0xD0..=0xD7) {
            break at;
        }
        if marker != 0xD0 + ((met - 1) & 7) as u8 || met == intervals {
            return corrupt("a restart marker out of place");
        }
        met += 1;
        from = at + 2;
    };
    if met != intervals {
        return corrupt("a restart marker is missing");
    }
    // A first DC scan has a code of at least one bit per block: a small file cannot ask for much memory.
    if scan.from == 0 && !scan.refines && (end - scan.start).saturating_mul(8) < total {
        return corrupt("the picture's data ends too early");
    }
    Ok(end)
}

impl Scans {
    /// Leaves out what nobody wants: `last` is the last zigzag position that counts, per component.
    pub fn choose(&mut self, last: &[u32]) {
        let mut wanted = last.to_vec();
        for scan in self.list.iter_mut().rev() {
            if scan.from == 0 {
                continue;
            }
            let wanted = &mut wanted[scan.components[0]];
            scan.needed = scan.from <= *wanted;
            if scan.needed && scan.refines {
                // How a refinement reads depends on every coefficient in its band.
                *wanted = scan.to.max(*wanted);
            }
        }
    }
}
