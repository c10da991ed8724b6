//! Huffman coding of blocks (T.81, annex F.1.2), and the bits it writes.

use std::mem::take;
use std::ops::Range;

use super::dct::{Blocks, LANES};
use super::tables::HuffmanTable;

/// The codes of a component.
pub(super) struct Codes {
    dc: Huffman,
    ac: Huffman,
    short: [u32; 16 * SHORT],
}

impl Codes {
    pub const fn new(dc: &HuffmanTable, ac: &HuffmanTable) -> Self {
        let (dc, ac) = (Huffman::new(dc), Huffman::new(ac));
        let mut short = [0; 16 * SHORT];
        let mut i = 0;
        while i < short.len() {
            let number = (i % SHORT) as i32 - SHORT as i32 / 2;
            let (value, count) = ac.number(i / SHORT, number);
            short[i] = value << 8 | count;
            i += 1;
        }
        Codes { dc, ac, short }
    }

    /// Bits of a DC's difference to the one before it.
    pub fn dc_length(&self, difference: i16) -> usize {
        self.dc.number(0, difference as i32).1 as usize
    }
}

/// Numbers, half of them negative, that are short: their bits behind those of a code are in a table.
const SHORT: usize = 64;

/// A code by symbol.
struct Huffman {
    /// The code, above eight bits that say how long it is.
    codes: [u32; 256],
}

impl Huffman {
    /// Codes of one length count up; those of the next go on at twice the number (T.81, annex C.2).
    const fn new(table: &HuffmanTable) -> Self {
        let mut codes = [0; 256];
        let (mut code, mut at, mut length) = (0, 0, 0);
        while length < 16 {
            let mut left = table.counts[length];
            while left > 0 {
                codes[table.symbols[at] as usize] = code << 8 | (length as u32 + 1);
                code += 1;
                at += 1;
                left -= 1;
            }
            code <<= 1;
            length += 1;
        }
        Huffman { codes }
    }

    /// Bits, and how many, of a run of zeros and the number after it: the code of the run and the number's size, then the
    /// number's own bits (T.81, sections F.1.2.1 and F.1.2.2).
    #[inline(always)]
    const fn number(&self, run: usize, number: i32) -> (u32, u32) {
        let size = 32 - number.unsigned_abs().leading_zeros();
        // Of negative numbers, the bits of one less.
        let own = (number + (number >> 31)) as u32 & ((1 << size) - 1);
        let code = self.codes[(run << 4 | size as usize) % 256];
        ((code >> 8) << size | own, (code & 255) + size)
    }
}

// Symbols of AC codes without a number (T.81, section F.1.2.2).
const END_OF_BLOCK: usize = 0x00;
const SIXTEEN_ZEROS: usize = 0xf0;

/// Bits, written from the highest on.
#[derive(Default)]
pub(super) struct Bits {
    /// Not all of it is written.
    bytes: Vec<u8>,
    /// Bytes that are.
    at: usize,
    /// Its low `held` bits are to be written; what is above them has been.
    pending: u64,
    /// 0 to 63.
    held: u32,
}

impl Bits {
    /// So many bytes must follow bits that are [copied](Self::copy).
    pub const READ_AHEAD: usize = 8;
    /// Bytes that a block may take: 64 codes of 16 bits with numbers of ten, and some more for the DC.
    pub const MOST_OF_BLOCK: usize = 64 * 26 / 8 + 8;

    /// How many there are.
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.at * 8 + self.held as usize
    }

    /// Makes room for so many bytes.
    #[inline(always)]
    pub fn reserve(&mut self, bytes: usize) {
        if self.bytes.len() < self.at + bytes + 8 {
            // By value: what a pointer to is given away does not stay in registers.
            self.bytes = enlarge(take(&mut self.bytes), bytes);
        }
    }

    /// As bytes, the last filled with ones (T.81, section F.1.2.3).
    pub fn finish(mut self) -> Vec<u8> {
        self.reserve(8);
        let padding = self.held.wrapping_neg() % 8;
        self.put((1_u32 << padding) - 1, padding);
        let end = self.at + self.held as usize / 8;
        // Seven bits more than there can be to fill, so that all others are written.
        self.put(0_u32, 32);
        self.put(0_u32, 32);
        self.bytes.truncate(end);
        self.bytes
    }

    /// Appends bits of these bytes.
    pub fn copy(&mut self, bytes: &[u8], Range { mut start, end }: Range<usize>) {
        self.reserve(end.saturating_sub(start) / 8 + 1);
        while start < end {
            let count = (end - start).min(56);
            let word = bytes.get(start / 8..).and_then(|rest| rest.first_chunk());
            let word = word.map_or(0, |word| u64::from_be_bytes(*word)) << (start % 8);
            self.put(word >> (64 - count), count as u32);
            start += count;
        }
    }

    /// Codes the block in one lane, which is in zigzag order. `nonzero` has a bit for each coefficient that is not zero;
    /// `previous` is the DC of the block before it in its component, and becomes this one's. There must be room.
    #[inline(always)]
    pub fn put_block(
        &mut self,
        codes: &Codes,
        block: &Blocks,
        nonzero: u64,
        lane: usize,
        previous: &mut i16,
    ) {
        let lane = lane % LANES;
        let dc = block[0][lane];
        self.put_dc(codes, dc.wrapping_sub(*previous));
        *previous = dc;

        let mut rest = nonzero & !1;
        let mut next = 1;
        while rest != 0 {
            let k = rest.trailing_zeros() as usize % 64;
            rest &= rest - 1;
            self.put_ac(codes, k - next, block[k][lane]);
            next = k + 1;
        }
        if next < 64 {
            self.put_symbol(&codes.ac, END_OF_BLOCK);
        }
    }

    /// Codes the difference of a DC to the one before it.
    #[inline(always)]
    pub fn put_dc(&mut self, codes: &Codes, difference: i16) {
        let (value, count) = codes.dc.number(0, i32::from(difference));
        self.put(value, count);
    }

    #[inline(always)]
    fn put_ac(&mut self, codes: &Codes, mut run: usize, number: i16) {
        let short = (i32::from(number) + SHORT as i32 / 2) as usize;
        if short < SHORT && run < 16 {
            let code = codes.short[run * SHORT + short];
            return self.put(code >> 8, code & 255);
        }
        while run > 15 {
            self.put_symbol(&codes.ac, SIXTEEN_ZEROS);
            run -= 16;
        }
        let (value, count) = codes.ac.number(run, i32::from(number));
        self.put(value, count);
    }

    #[inline(always)]
    fn put_symbol(&mut self, huffman: &Huffman, symbol: usize) {
        let code = huffman.codes[symbol % 256];
        self.put(code >> 8, code & 255);
    }

    /// Appends the low `count` bits of `value`, which has no others; at most 56.
    #[inline(always)]
    fn put(&mut self, value: impl Into<u64>, count: u32) {
        let value = value.into();
        let held = self.held + count;
        if held < 64 {
            self.pending = self.pending << count | value;
            self.held = held;
        } else {
            let over = held - 64;
            let word = self.pending << (count - over) | value >> over;
            self.bytes[self.at..][..8].copy_from_slice(&word.to_be_bytes());
            self.at += 8;
            self.pending = value;
            self.held = over;
        }
    }
}

#[cold]
fn enlarge(mut bytes: Vec<u8>, more: usize) -> Vec<u8> {
    bytes.resize((bytes.len() * 2 + more).next_power_of_two(), 0);
    bytes
}

/// Appends bytes, with a zero after every byte of ones (T.81, section F.1.2.3).
#[inline(always)]
pub(super) fn stuff(bytes: &[u8], out: &mut Vec<u8>) {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        if has_byte_of_ones(u64::from_ne_bytes(*word)) {
            stuff_each(word, out);
        } else {
            out.extend_from_slice(word);
        }
    }
    stuff_each(rest, out);
}

#[cold]
fn stuff_each(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0xff {
            out.push(0);
        }
    }
}

/// Is one of the eight bytes 0xff, or may it be? Such a byte loses its highest bit when one is added.
#[inline(always)]
fn has_byte_of_ones(word: u64) -> bool {
    const HIGHEST_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    word & !word.wrapping_add(ONES) & HIGHEST_BITS != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(values: &[(u32, u32)]) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.reserve(1000);
        for (value, count) in values {
            bits.put(*value, *count);
        }
        let mut bytes = Vec::new();
        stuff(&bits.finish(), &mut bytes);
        bytes
    }

    #[test]
    fn last_byte_is_filled_with_ones() {
        assert!(written(&[]).is_empty());
        assert_eq!(written(&[(0, 1)]), [0x7f]);
        assert_eq!(written(&[(0b10, 2), (0b000, 3)]), [0b1000_0111]);
        assert_eq!(written(&[(0x12, 8)]), [0x12]);
        assert_eq!(written(&[(1, 1)]), [0xff, 0]);
    }

    #[test]
    fn zero_follows_every_byte_of_ones_wherever_it_falls() {
        for before in 0..80 {
            for length in 1..=31 {
                // Bytes at a time, from the bits one by one.
                let mut ones: Vec<u8> = [vec![0; before], vec![1; length], vec![0; 70]].concat();
                ones.resize(ones.len().next_multiple_of(8), 1);
                let bytes =
                    ones.chunks_exact(8).map(|bits| bits.iter().fold(0_u8, |byte, bit| byte << 1 | *bit));
                let expected: Vec<u8> =
                    bytes.flat_map(|byte| [Some(byte), (byte == 0xff).then_some(0)]).flatten().collect();
                let zeros = |count: usize| vec![(0, 1); count];
                let run = [((1 << length) - 1, length as u32)];
                let values = [&zeros(before)[..], &run, &zeros(70)].concat();
                assert_eq!(written(&values), expected, "{length} ones after {before} zeros");
            }
        }
    }

    #[test]
    fn bits_are_copied_from_wherever_they_stand() {
        let from: Vec<u8> = (0..40_u8).map(|i| i.wrapping_mul(151) ^ 0x5a).collect();
        let bit = |i: usize| u32::from(from[i / 8] >> (7 - i % 8) & 1);
        for before in [0, 1, 7, 8, 31, 32, 33, 63, 64] {
            for start in 0..70 {
                for length in [0, 1, 8, 31, 32, 33, 64, 100, 180] {
                    let mut expected = vec![(0, 1); before];
                    let mut bits = Bits::default();
                    bits.reserve(1000);
                    for (value, count) in &expected {
                        bits.put(*value, *count);
                    }
                    bits.copy(&from, start..start + length);
                    assert_eq!(bits.length(), before + length);
                    expected.extend((start..start + length).map(|i| (bit(i), 1)));
                    let mut copied = Vec::new();
                    stuff(&bits.finish(), &mut copied);
                    assert_eq!(copied, written(&expected), "{length} from {start} after {before}");
                }
            }
        }
    }

    #[test]
    fn numbers_have_the_bits_of_the_standard() {
        // Codes without a bit leave the numbers' own.
        let codes = Huffman { codes: [0; 256] };
        // T.81, table F.1 and section F.1.2.1.1: negative numbers are one less, in as many bits.
        for (number, size, bits) in [
            (0, 0, 0),
            (1, 1, 1),
            (-1, 1, 0),
            (2, 2, 0b10),
            (-3, 2, 0b00),
            (-2, 2, 0b01),
            (2047, 11, 2047),
            (-2047, 11, 0),
            (-1024, 11, 1023),
        ] {
            let own = codes.number(0, number);
            assert_eq!(own, (bits, size), "{number}");
        }
    }
}
