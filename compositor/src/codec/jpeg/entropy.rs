//! Huffman coding of blocks (T.81, annex F.1.2), and the bits it writes.

use std::ops::Range;

use super::dct::{Blocks, LANES};
use super::tables::{HuffmanTable, ZIGZAG};

/// The codes of a component.
pub(super) struct Codes {
    pub dc: Huffman,
    pub ac: Huffman,
}

/// A code by symbol.
pub(super) struct Huffman {
    /// The code, above eight bits that say how long it is.
    codes: [u32; 256],
}

impl Huffman {
    /// Codes of one length count up; those of the next go on at twice the number (T.81, annex C.2).
    pub const fn new(table: &HuffmanTable) -> Self {
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

    /// Bits that a number takes after no zeros.
    pub fn length(&self, number: i16) -> usize {
        let size = own_bits_of(number) & 15;
        (self.codes[size as usize] & 255) as usize + size as usize
    }
}

// Symbols of AC codes without a number (T.81, section F.1.2.2).
const END_OF_BLOCK: usize = 0x00;
const SIXTEEN_ZEROS: usize = 0xf0;

/// Codes the block in one lane. `nonzero` has a bit for each coefficient that is not zero, in zigzag order; `previous`
/// is the DC of the block before it in its component, and becomes this one's.
#[inline]
pub(super) fn put_block(
    bits: &mut Bits,
    codes: &Codes,
    blocks: &Blocks,
    nonzero: &[u64; LANES],
    lane: usize,
    previous: &mut i16,
) {
    let lane = lane % LANES;
    let dc = blocks[0][lane];
    put_dc(bits, codes, dc.wrapping_sub(*previous));
    *previous = dc;

    let mut rest = nonzero[lane] & !1;
    let mut last = 0;
    while rest != 0 {
        let k = rest.trailing_zeros() as usize % 64;
        rest &= rest - 1;
        let mut run = k - last - 1;
        while run > 15 {
            bits.put_symbol(&codes.ac, SIXTEEN_ZEROS);
            run -= 16;
        }
        bits.put_number(&codes.ac, run, blocks[usize::from(ZIGZAG[k]) % 64][lane]);
        last = k;
    }
    if last < 63 {
        bits.put_symbol(&codes.ac, END_OF_BLOCK);
    }
}

/// Codes the difference of a DC to the one before it.
#[inline]
pub(super) fn put_dc(bits: &mut Bits, codes: &Codes, difference: i16) {
    bits.put_number(&codes.dc, 0, difference);
}

/// Numbers that there are bits for: differences of DCs have the most, eleven (T.81, table F.1).
const NUMBERS: usize = 1 << 12;

/// By number, from −2048 on: its own bits, above four bits that say how many they are.
static OWN_BITS: [u16; NUMBERS] = own_bits();

const fn own_bits() -> [u16; NUMBERS] {
    let mut table = [0; NUMBERS];
    let mut i = 1;
    while i < NUMBERS {
        let number = i as i32 - NUMBERS as i32 / 2;
        let size = 32 - number.unsigned_abs().leading_zeros();
        let bits = if number < 0 { number - 1 } else { number } & ((1 << size) - 1);
        table[i] = (bits << 4) as u16 | size as u16;
        i += 1;
    }
    table
}

/// What [`OWN_BITS`] has for a number.
#[inline]
fn own_bits_of(number: i16) -> u32 {
    u32::from(OWN_BITS[(number as usize).wrapping_add(NUMBERS / 2) % NUMBERS])
}

/// Bits, written from the highest on.
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Its low `64 − free` bits are to be written; what is above them has been.
    pending: u64,
    /// 1 to 64.
    free: u32,
}

impl Bits {
    /// So many bytes must follow bits that are [copied](Self::copy).
    pub const READ_AHEAD: usize = 8;

    pub fn new() -> Self {
        // An interval of a photograph has half as much.
        Bits { bytes: Vec::with_capacity(2048), pending: 0, free: 64 }
    }

    /// How many there are.
    #[inline]
    pub fn length(&self) -> usize {
        self.bytes.len() * 8 + (64 - self.free) as usize
    }

    /// As bytes, the last filled with ones (T.81, section F.1.2.3).
    pub fn finish(mut self) -> Vec<u8> {
        let padding = self.free % 8;
        self.put((1 << padding) - 1, padding);
        let count = (64 - self.free) / 8;
        if count > 0 {
            let word = self.pending << self.free;
            self.bytes.extend_from_slice(&word.to_be_bytes()[..count as usize]);
        }
        self.bytes
    }

    /// Appends bits of these bytes.
    pub fn copy(&mut self, bytes: &[u8], Range { mut start, end }: Range<usize>) {
        while start < end {
            let count = (end - start).min(32);
            let word = bytes.get(start / 8..).and_then(|rest| rest.first_chunk());
            let word = word.map_or(0, |word| u64::from_be_bytes(*word)) << (start % 8);
            self.put((word >> (64 - count)) as u32, count as u32);
            start += count;
        }
    }

    fn put_symbol(&mut self, huffman: &Huffman, symbol: usize) {
        let code = huffman.codes[symbol % 256];
        self.put(code >> 8, code & 255);
    }

    /// A run of zeros and the number after it: the code of the run and the number's size, then the number's own bits.
    #[inline]
    fn put_number(&mut self, huffman: &Huffman, run: usize, number: i16) {
        let own = own_bits_of(number);
        let (size, own) = (own & 15, own >> 4);
        let code = huffman.codes[(run << 4 | size as usize) % 256];
        self.put((code >> 8) << size | own, (code & 255) + size);
    }

    /// Appends the low `count` bits of `value`, which has no others; at most 32.
    #[inline]
    fn put(&mut self, value: u32, count: u32) {
        if count < self.free {
            self.pending = self.pending << count | u64::from(value);
            self.free -= count;
        } else {
            let over = count - self.free;
            let word = self.pending << self.free | u64::from(value >> over);
            self.bytes.extend_from_slice(&word.to_be_bytes());
            self.pending = u64::from(value);
            self.free = 64 - over;
        }
    }
}

/// Appends bytes, with a zero after every byte of ones (T.81, section F.1.2.3).
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
#[inline]
fn has_byte_of_ones(word: u64) -> bool {
    const HIGHEST_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    word & !word.wrapping_add(ONES) & HIGHEST_BITS != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(values: &[(u32, u32)]) -> Vec<u8> {
        let mut bits = Bits::new();
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
                    let mut bits = Bits::new();
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
            let own = OWN_BITS[(number + 2048) as usize];
            assert_eq!((own & 15, own >> 4), (size, bits), "{number}");
        }
    }
}
