//! Bits of a deflate stream, the first one lowest (RFC 1951, section 3.1.1), written behind other bytes of a buffer.

use std::ops::Range;

use super::huffman::Word;

/// Most bits that may be put between two flushes: what a flush leaves is less than a byte.
pub(super) const BETWEEN_FLUSHES: u32 = 56;

/// Writes bits into a buffer that is only ever made longer, so that it is cleared once and not for every strip.
pub(super) struct Bits<'a> {
    buffer: &'a mut Vec<u8>,
    /// Where the bits begin.
    start: usize,
    /// Where the next whole byte goes.
    at: usize,
    pending: u64,
    /// Bits that are pending; below 8 after a flush.
    held: u32,
}

impl<'a> Bits<'a> {
    /// Bits from byte `start` of a buffer on, with room for `bound` bytes.
    pub fn new(buffer: &'a mut Vec<u8>, start: usize, bound: usize) -> Self {
        // A flush stores eight bytes, however many of them count.
        let needed = start + bound + 8;
        if buffer.len() < needed {
            buffer.resize(needed, 0);
        }
        Bits { buffer, start, at: start, pending: 0, held: 0 }
    }

    /// How many bits there are so far.
    #[inline(always)]
    pub fn position(&self) -> u32 {
        (self.at - self.start) as u32 * 8 + self.held
    }

    /// Appends the low `length` bits of `value`, which has no others.
    #[inline(always)]
    pub fn put(&mut self, value: u64, length: u32) {
        self.pending |= value << (self.held & 63);
        self.held += length;
    }

    #[inline(always)]
    pub fn word(&mut self, word: Word) {
        self.put(u64::from(word.bits), u32::from(word.length));
    }

    /// Writes out all whole bytes.
    #[inline(always)]
    pub fn flush(&mut self) {
        if let Some(room) = self.buffer.get_mut(self.at..).and_then(|room| room.first_chunk_mut::<8>()) {
            *room = self.pending.to_le_bytes();
        }
        self.at += (self.held / 8) as usize;
        self.pending >>= self.held & 0x38;
        self.held &= 7;
    }

    /// Appends bits of another stream.
    #[inline(always)]
    pub fn copy(&mut self, from: &[u8], bits: Range<u32>) {
        let Range { mut start, end } = bits;
        let fill = (8 - self.held % 8) % 8;
        start = self.copy_few(from, start..end.min(start + fill));
        start = self.copy_words(from, start..end);
        self.copy_few(from, start..end);
    }

    /// Appends bits by as many as fit between two flushes. Returns where they end.
    #[inline(always)]
    fn copy_few(&mut self, from: &[u8], bits: Range<u32>) -> u32 {
        let Range { mut start, end } = bits;
        while start < end {
            let length = (end - start).min(BETWEEN_FLUSHES);
            let eight = eight_from(from, start as usize / 8);
            let value = eight >> (start % 8);
            self.put(value & (u64::MAX >> (64 - length)), length);
            self.flush();
            start += length;
        }
        start
    }

    /// Appends whole words of 64 bits, as long as eight more bytes of the stream are behind each: every one is made of
    /// bytes alone, so that many are made at once. Returns the first bit that is not copied; that is the first of all
    /// where bits are pending.
    #[inline(always)]
    fn copy_words(&mut self, from: &[u8], bits: Range<u32>) -> u32 {
        let Range { start, end } = bits;
        let (shift, from) = (start % 8, from.get(start as usize / 8..).unwrap_or_default());
        let (here, next) = (from.as_chunks::<8>().0, from.get(8..).unwrap_or_default().as_chunks::<8>().0);
        let words = ((end.saturating_sub(start)) as usize / 64).min(next.len());
        let Some(room) = self.buffer.get_mut(self.at..self.at + words * 8) else { return start };
        if self.held > 0 {
            return start;
        }
        for ((to, here), next) in room.as_chunks_mut::<8>().0.iter_mut().zip(here).zip(next) {
            let (here, next) = (u64::from_le_bytes(*here), u64::from_le_bytes(*next));
            *to = (here >> shift | next << 1 << (63 - shift)).to_le_bytes();
        }
        self.at += words * 8;
        start + words as u32 * 64
    }

    /// Ends on a byte, by an empty stored block (section 3.2.4). Returns where the bytes end.
    pub fn align(mut self) -> usize {
        self.put(0, 3);
        self.held = self.held.next_multiple_of(8);
        self.flush();
        self.buffer.truncate(self.buffer.len().max(self.at + 4));
        self.buffer[self.at..self.at + 4].copy_from_slice(&[0, 0, 0xff, 0xff]);
        self.at + 4
    }
}

/// Eight bytes from a place on; behind the last there are zeros.
#[inline(always)]
fn eight_from(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(eight) = rest.first_chunk::<8>() {
        return u64::from_le_bytes(*eight);
    }
    rest.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_bits_are_the_same_wherever_they_fall() {
        let from: Vec<u8> = (0..100_u32).map(|i| (i * 37 + i * i) as u8).collect();
        let bit = |bytes: &[u8], at: u32| bytes[at as usize / 8] >> (at % 8) & 1;
        for (before, start, end) in [
            (0, 0, 800),
            (3, 5, 799),
            (7, 0, 1),
            (1, 63, 64),
            (5, 700, 800),
            (2, 9, 9),
            (0, 0, 64),
            (0, 672, 736),
            (4, 1, 69),
            (13, 7, 793),
        ] {
            let mut buffer = vec![0xaa; 3];
            let mut bits = Bits::new(&mut buffer, 1, 120);
            bits.put((1 << before) - 1, before);
            bits.flush();
            bits.copy(&from, start..end);
            assert_eq!(bits.position(), before + end - start);
            let length = bits.align();
            let written = &buffer[1..length];
            assert!((0..before).all(|at| bit(written, at) == 1));
            assert!(
                (start..end).all(|at| bit(written, before + at - start) == bit(&from, at)),
                "{before} {start} {end}"
            );
        }
    }
}
