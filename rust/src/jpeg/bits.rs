//! Entropy-coded bytes as bits: a small sliding window without stuffing, so that memory stays bounded and in cache.

use super::stuffing::{GROUP, unstuff};
use crate::error::{Result, corrupt, truncated, unsupported};
use memchr::memchr;

/// Valid bytes that a window holds, unless somebody needs more at a time.
pub const WINDOW: usize = 32 * 1024;
/// One MCU takes at most 10 blocks of 64 symbols of 31 bits: 2480 bytes. A refill happens below this.
pub const RESERVE: usize = 4096;
/// Zero bytes behind the valid ones, so that a read of 8 bytes never leaves the window.
const PAD: usize = RESERVE + 16;

/// How the scan stopped giving bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// More bytes follow.
    No,
    /// A marker; its two bytes are not consumed.
    Marker(u8),
    /// The file itself.
    EndOfFile,
}

/// The bit position in the window: `bits` valid bits at the top of `word`, then the bytes from `at` on.
#[derive(Clone, Copy)]
pub struct Cursor {
    pub word: u64,
    pub bits: u32,
    pub at: usize,
}

impl Cursor {
    pub const START: Cursor = Cursor { word: 0, bits: 0, at: 0 };

    /// Stands at a bit of `bytes`, with at least 49 of them in the word.
    #[inline(always)]
    pub fn at_bit(bytes: &[u8], bit: usize) -> Cursor {
        let (at, used) = (bit / 8, bit as u32 % 8);
        Cursor { word: word_at(bytes, bit), bits: 56 - used, at: at + 7 }
    }

    /// The bit where it stands.
    #[inline(always)]
    pub fn bit(&self) -> usize {
        self.at * 8 - self.bits as usize
    }

    /// Fills the word to at least 56 bits.
    #[inline(always)]
    pub fn refill(&mut self, bytes: &[u8]) {
        if let Some(Ok(next)) = bytes.get(self.at..self.at + 8).map(<[u8; 8]>::try_from) {
            self.word |= u64::from_be_bytes(next) >> self.bits;
        }
        self.at += ((63 - self.bits) >> 3) as usize;
        self.bits |= 56;
    }

    #[inline(always)]
    pub fn drop(&mut self, n: u32) {
        self.word <<= n & 63;
        self.bits -= n;
    }

    #[inline(always)]
    pub fn peek(&self, n: u32) -> usize {
        (self.word >> (64 - n)) as usize
    }
}

/// At least 57 bits from `bit` on, at the top; zeros where `bytes` has no eight more bytes.
#[inline(always)]
fn word_at(bytes: &[u8], bit: usize) -> u64 {
    match bytes.get(bit / 8..bit / 8 + 8).map(<[u8; 8]>::try_from) {
        Some(Ok(next)) => u64::from_be_bytes(next) << (bit % 8),
        _ => 0,
    }
}

#[derive(Default)]
pub struct WindowBuffer(Vec<u8>);

pub struct Window<'a> {
    data: &'a [u8],
    /// The next byte of `data` to take.
    source: usize,
    bytes: &'a mut [u8],
    /// Valid bytes it can hold, and how many it holds.
    room: usize,
    valid: usize,
    pub stop: Stop,
    /// Restart markers met so far.
    restarts: usize,
}

impl<'a> Window<'a> {
    pub fn new(data: &'a [u8], start: usize, buffer: &'a mut WindowBuffer, room: usize) -> Window<'a> {
        if buffer.0.len() < room + PAD {
            buffer.0.resize(room + PAD, 0);
        }
        let (source, bytes) = (start, &mut buffer.0[..room + PAD]);
        let mut window = Window { data, source, bytes, room, valid: 0, stop: Stop::No, restarts: 0 };
        window.fill();
        window
    }

    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Makes sure that a whole MCU lies in the window, or everything there is.
    #[inline(always)]
    pub fn ensure(&mut self, cursor: &mut Cursor) {
        if self.stop == Stop::No && cursor.at + RESERVE > self.valid {
            *cursor = self.slide(*cursor);
        }
    }

    /// The valid bytes that are not in the cursor's word.
    #[inline(always)]
    pub fn ahead(&self, cursor: &Cursor) -> usize {
        self.valid.saturating_sub(cursor.at)
    }

    /// The bytes that follow in the file, some of them stuffing.
    pub fn rest(&self, cursor: &Cursor) -> usize {
        self.ahead(cursor) + self.data.len() - self.source
    }

    /// Makes sure that `least` bytes lie ahead, or everything there is; what is in the cursor's word stays in the window.
    pub fn advance(&mut self, cursor: &mut Cursor, least: usize) {
        if self.stop == Stop::No && self.ahead(cursor) < least {
            let bit = cursor.bit();
            self.slide(Cursor { at: bit / 8, ..*cursor });
            *cursor = Cursor::at_bit(self.bytes, bit % 8);
        }
    }

    // By value: a cursor whose address is taken would live in memory instead of registers.
    #[cold]
    #[inline(never)]
    fn slide(&mut self, mut cursor: Cursor) -> Cursor {
        let from = cursor.at.min(self.valid);
        self.bytes.copy_within(from..self.valid, 0);
        self.valid -= from;
        cursor.at -= from;
        self.fill();
        cursor
    }

    /// Copies bytes without their stuffing until the window is full or a marker stops it.
    fn fill(&mut self) {
        while self.valid < self.room {
            let (taken, given) = unstuff(&self.data[self.source..], &mut self.bytes[self.valid..self.room]);
            (self.source, self.valid) = (self.source + taken, self.valid + given);
            let rest = &self.data[self.source..];
            let room = self.room - self.valid;
            let look = &rest[..rest.len().min(room).min(GROUP)];
            let found = memchr(0xFF, look);
            let plain = found.unwrap_or(look.len());
            self.bytes[self.valid..self.valid + plain].copy_from_slice(&look[..plain]);
            self.valid += plain;
            self.source += plain;
            if found.is_none() {
                if look.len() == rest.len() {
                    self.stop = Stop::EndOfFile;
                    break;
                }
                continue;
            }
            match rest.get(plain + 1) {
                Some(0) => {
                    self.bytes[self.valid] = 0xFF;
                    self.valid += 1;
                    self.source += 2;
                }
                Some(0xFF) => self.source += 1,
                Some(&marker) => {
                    self.stop = Stop::Marker(marker);
                    break;
                }
                None => {
                    self.stop = Stop::EndOfFile;
                    break;
                }
            }
        }
        self.bytes[self.valid..].fill_pad();
    }

    /// Whether more bits were used than the data had.
    #[inline(always)]
    pub fn overrun(&self, cursor: &Cursor) -> bool {
        cursor.at > self.valid && cursor.at * 8 > self.valid * 8 + cursor.bits as usize
    }

    /// What an overrun means: the file was cut, or its data ended before the picture did.
    #[cold]
    pub fn overrun_error<T>(&self) -> Result<T> {
        match self.stop {
            Stop::EndOfFile => truncated("the file ends inside the picture"),
            Stop::Marker(0xDC) => unsupported("a JPEG that gives its height later"),
            _ => corrupt("the picture's data ends too early"),
        }
    }

    /// Ends an interval: no bytes may be left over but a few of padding.
    pub fn finish_interval(&mut self, cursor: &mut Cursor) -> Result<()> {
        if self.overrun(cursor) {
            return self.overrun_error();
        }
        self.ensure(cursor);
        let used = (cursor.at * 8 - cursor.bits as usize).div_ceil(8);
        let left = &self.bytes[used.min(self.valid)..self.valid];
        let padding = left.len() < 8 || left.iter().all(|&b| b == left[0]);
        if self.stop == Stop::No || !padding {
            return corrupt("the picture's data goes on after its last block");
        }
        Ok(())
    }

    /// Steps over the restart marker that must come now.
    pub fn next_interval(&mut self, cursor: &mut Cursor) -> Result<()> {
        match self.stop {
            Stop::Marker(m) if m == 0xD0 + (self.restarts & 7) as u8 => {}
            Stop::EndOfFile => return truncated("the file ends inside the picture"),
            Stop::Marker(0xDC) => return unsupported("a JPEG that gives its height later"),
            _ => return corrupt("a restart marker is missing"),
        }
        self.restarts += 1;
        self.source += 2;
        self.valid = 0;
        self.stop = Stop::No;
        *cursor = Cursor::START;
        self.fill();
        Ok(())
    }

    /// Leaves the rest of this interval undecoded and stands before the marker that ends it.
    pub fn skip_interval(&mut self) {
        while self.stop == Stop::No {
            match next_marker(self.data, self.source) {
                Some((at, marker)) => {
                    self.source = at;
                    self.stop = Stop::Marker(marker);
                }
                None => self.stop = Stop::EndOfFile,
            }
        }
        self.valid = 0;
    }

    /// Follows the scan from here to the end marker: that is how truncation is always found.
    pub fn follow_to_end(&mut self, intervals: usize) -> Result<()> {
        loop {
            self.skip_interval();
            match self.stop {
                Stop::Marker(m @ 0xD0..=0xD7) => {
                    if m != 0xD0 + (self.restarts & 7) as u8 || self.restarts + 1 >= intervals {
                        return corrupt("a restart marker out of place");
                    }
                    self.restarts += 1;
                    self.source += 2;
                    self.stop = Stop::No;
                }
                Stop::Marker(_) => break,
                _ => return truncated("the end marker is missing"),
            }
        }
        if self.restarts + 1 != intervals {
            return corrupt("a restart marker is missing");
        }
        // Between the scan and the end marker only segments without picture data may stand.
        let mut at = self.source;
        loop {
            let Some((start, marker)) = next_marker(self.data, at) else {
                return truncated("the end marker is missing");
            };
            match marker {
                0xD9 => return Ok(()),
                0xDA => return unsupported("a JPEG in several scans"),
                0xDC => return unsupported("a JPEG that gives its height later"),
                0x01 | 0xD0..=0xD8 => return corrupt("a marker out of place after the picture"),
                _ => {
                    let Some(length) = self.data.get(start + 2..start + 4) else {
                        return truncated("the end marker is missing");
                    };
                    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                    if length < 2 {
                        return corrupt("a segment shorter than its own length field");
                    }
                    at = start + 2 + length;
                    if at > self.data.len() {
                        return truncated("the end marker is missing");
                    }
                }
            }
        }
    }
}

/// The next marker at or after `from`: where its last 0xFF stands, and its code.
pub fn next_marker(data: &[u8], from: usize) -> Option<(usize, u8)> {
    let mut at = from;
    loop {
        at += memchr(0xFF, data.get(at..)?)?;
        match data.get(at + 1)? {
            0 => at += 2,
            0xFF => at += 1,
            &marker => return Some((at, marker)),
        }
    }
}

trait FillPad {
    fn fill_pad(&mut self);
}

impl FillPad for [u8] {
    /// Zeros behind the valid bytes: as far as a MCU may read, not the whole window.
    fn fill_pad(&mut self) {
        let n = self.len().min(PAD);
        self[..n].fill(0);
    }
}
