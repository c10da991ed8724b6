//! Deflate (RFC 1951) for filtered rows of pictures: Huffman coding and runs of zeros, nothing else. What filtering
//! leaves is noise around zero; looking for longer matches costs many times more time than it saves bytes.
//!
//! Every segment starts and ends on a byte and refers to nothing before it, so segments can be made alone, in any
//! order, and be joined by writing one behind the other.

use super::huffman::{Word, lengths, words};

/// Longest code word: four literals and what a flush leaves fit 64 bits.
const LONGEST_WORD: u8 = 12;
/// Literals, end of block, and the lengths of matches.
const SYMBOLS: usize = 286;
const END_OF_BLOCK: usize = 256;
/// Longest match.
const MAX_RUN: usize = 258;
/// Shortest match.
const MIN_RUN: usize = 3;
/// Code lengths are sent by a code of their own, in this order (section 3.2.7).
const LENGTH_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// One block holds at most this many bytes when it is stored as it is.
const MAX_STORED: usize = 65_535;

/// The last segment of a stream: an empty final block.
pub(super) const END: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Appends a segment that stands for `data`.
pub(super) fn append_segment(out: &mut Vec<u8>, data: &[u8]) {
    let start = out.len();
    let code = Code::of(data);
    let mut bits = Bits::new(out, bound(data.len()));
    code.send(&mut bits);
    code.send_data(&mut bits, data);
    bits.align();
    if out.len() - start > data.len() + 5 * data.len().div_ceil(MAX_STORED) {
        out.truncate(start);
        store(out, data);
    }
}

/// Most bytes that the segment of so many bytes can take before it is found to be too long.
fn bound(data: usize) -> usize {
    let header = (3 + 14 + 19 * 3 + (SYMBOLS + 1) * 14) / 8;
    header + data * usize::from(LONGEST_WORD) / 8 + 64
}

/// Blocks of bytes as they are: noise has no shorter form.
fn store(out: &mut Vec<u8>, data: &[u8]) {
    for block in data.chunks(MAX_STORED) {
        let length = block.len() as u16;
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
}

/// What the data is cut into.
enum Token {
    /// Eight bytes, most of them not zero.
    Literals([u8; 8]),
    /// One byte.
    Literal(u8),
    /// This many zeros.
    Zeros(usize),
}

/// Cuts data into tokens: looks at eight bytes at a time and notices only runs that fill eight.
#[inline]
fn tokens(data: &[u8], mut take: impl FnMut(Token)) {
    let mut rest = data;
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        if u64::from_le_bytes(*eight) != 0 {
            take(Token::Literals(*eight));
            rest = behind;
            continue;
        }
        let zeros = rest.chunks_exact(8).take_while(|chunk| *chunk == [0; 8]).count() * 8;
        let zeros = zeros + rest[zeros..].iter().take_while(|byte| **byte == 0).count();
        take(Token::Zeros(zeros));
        rest = &rest[zeros..];
    }
    for byte in rest {
        take(Token::Literal(*byte));
    }
}

/// A run as a first literal, whole matches, and a rest of fewer bytes than a match has.
struct Run {
    whole_matches: usize,
    last_match: usize,
    literals: usize,
}

impl Run {
    fn of(zeros: usize) -> Self {
        // A match copies what stands before it, so the first zero is a literal.
        let copied = zeros - 1;
        let (whole_matches, rest) = (copied / MAX_RUN, copied % MAX_RUN);
        let (last_match, literals) = if rest >= MIN_RUN { (rest, 0) } else { (0, rest) };
        Run { whole_matches, last_match, literals: literals + 1 }
    }
}

/// Symbol, number of extra bits and their value of a match's length (section 3.2.5).
fn match_symbol(length: usize) -> (usize, u8, u16) {
    if length == MAX_RUN {
        return (285, 0, 0);
    }
    let offset = length - MIN_RUN;
    if offset < 8 {
        return (257 + offset, 0, 0);
    }
    let extra = offset.ilog2() as usize - 2;
    let symbol = 257 + 4 * extra + (offset >> extra);
    (symbol, extra as u8, (offset & ((1 << extra) - 1)) as u16)
}

/// The code of one segment.
struct Code {
    lengths: [u8; SYMBOLS],
    words: [Word; SYMBOLS],
}

impl Code {
    /// The code for what occurs in the data.
    fn of(data: &[u8]) -> Self {
        let lengths = lengths(&count(data), LONGEST_WORD);
        Code { words: words(&lengths), lengths }
    }

    /// The head of a block with dynamic codes (section 3.2.7). There is one distance: 1.
    fn send(&self, bits: &mut Bits<'_>) {
        let mut all = [0; SYMBOLS + 1];
        all[..SYMBOLS].copy_from_slice(&self.lengths);
        all[SYMBOLS] = 1;
        let runs = runs_of_lengths(&all);
        let mut counts = [0; 19];
        for (symbol, ..) in &runs {
            counts[*symbol] += 1;
        }
        let lengths = lengths(&counts, 7);
        let words = words(&lengths);
        let sent =
            LENGTH_ORDER.iter().rposition(|symbol| lengths[*symbol] > 0).map_or(4, |last| (last + 1).max(4));
        bits.put(0b100, 3); // not the last block; dynamic codes
        bits.put((SYMBOLS - 257) as u64, 5);
        bits.put(0, 5);
        bits.put(sent as u64 - 4, 4);
        for symbol in &LENGTH_ORDER[..sent] {
            bits.put(u64::from(lengths[*symbol]), 3);
            bits.flush();
        }
        for (symbol, extra, value) in runs {
            bits.word(words[symbol]);
            bits.put(value, u32::from(extra));
            bits.flush();
        }
    }

    fn send_data(&self, bits: &mut Bits<'_>, data: &[u8]) {
        let literals = self.literals();
        let literal = |byte: u8| literals[usize::from(byte)];
        tokens(data, |token| match token {
            Token::Literals([a, b, c, d, e, f, g, h]) => {
                // In pairs and fours: shorter chains of shifts that wait for each other.
                let first = joined(joined(literal(a), literal(b)), joined(literal(c), literal(d)));
                let second = joined(joined(literal(e), literal(f)), joined(literal(g), literal(h)));
                bits.put(first.0, first.1);
                bits.flush();
                bits.put(second.0, second.1);
                bits.flush();
            }
            Token::Literal(byte) => {
                bits.put(literal(byte).0, literal(byte).1);
                bits.flush();
            }
            Token::Zeros(zeros) => self.send_run(bits, &Run::of(zeros)),
        });
        bits.word(self.words[END_OF_BLOCK]);
        bits.flush();
    }

    /// Bits and length of every literal's word.
    fn literals(&self) -> [(u64, u32); 256] {
        let mut literals = [(0, 0); 256];
        for (literal, word) in literals.iter_mut().zip(&self.words) {
            *literal = (u64::from(word.bits), u32::from(word.length));
        }
        literals
    }

    fn send_run(&self, bits: &mut Bits<'_>, run: &Run) {
        for _ in 0..run.literals {
            bits.word(self.words[0]);
        }
        bits.flush();
        let lengths = std::iter::repeat_n(MAX_RUN, run.whole_matches)
            .chain((run.last_match > 0).then_some(run.last_match));
        for length in lengths {
            let (symbol, extra, value) = match_symbol(length);
            bits.word(self.words[symbol]);
            bits.put(u64::from(value), u32::from(extra));
            bits.put(0, 1); // distance 1
            bits.flush();
        }
    }
}

/// One string of bits behind the other.
#[inline]
fn joined(first: (u64, u32), second: (u64, u32)) -> (u64, u32) {
    (first.0 | (second.0 << first.1), first.1 + second.1)
}

/// How often every symbol occurs. Four tables, so that equal neighbours do not wait for each other.
fn count(data: &[u8]) -> [u32; SYMBOLS] {
    let mut literals = [[0_u32; 256]; 4];
    let mut counts = [0; SYMBOLS];
    tokens(data, |token| match token {
        Token::Literals(eight) => {
            for (i, byte) in eight.iter().enumerate() {
                literals[i % 4][usize::from(*byte)] += 1;
            }
        }
        Token::Literal(byte) => literals[0][usize::from(byte)] += 1,
        Token::Zeros(zeros) => {
            let run = Run::of(zeros);
            literals[0][0] += run.literals as u32;
            counts[285] += run.whole_matches as u32;
            if run.last_match > 0 {
                counts[match_symbol(run.last_match).0] += 1;
            }
        }
    });
    for table in &literals {
        for (sum, count) in counts.iter_mut().zip(table) {
            *sum += count;
        }
    }
    counts[END_OF_BLOCK] = 1;
    counts
}

/// Code lengths as symbols of the code for code lengths, with number of extra bits and their value.
fn runs_of_lengths(lengths: &[u8]) -> Vec<(usize, u8, u64)> {
    let mut runs = Vec::new();
    for same in lengths.chunk_by(|a, b| a == b) {
        let length = same[0];
        let mut left = same.len();
        if length != 0 {
            runs.push((usize::from(length), 0, 0));
            left -= 1;
        }
        while left > 0 {
            let (symbol, most, least, extra) = match (length, left) {
                (0, 11..) => (18, 138, 11, 7),
                (0, 3..) => (17, 10, 3, 3),
                (_, 3..) => (16, 6, 3, 2),
                _ => (usize::from(length), 1, 1, 0),
            };
            let run = left.min(most);
            runs.push((symbol, extra, (run - least) as u64));
            left -= run;
        }
    }
    runs
}

/// Writes bits, the first one lowest (section 3.1.1).
struct Bits<'a> {
    out: &'a mut Vec<u8>,
    /// Where the next whole byte goes.
    at: usize,
    buffer: u64,
    /// Bits in the buffer; below 8 after a flush.
    held: u32,
}

impl<'a> Bits<'a> {
    /// Room for `bound` bytes is made once, so that a flush is one store of eight bytes.
    fn new(out: &'a mut Vec<u8>, bound: usize) -> Self {
        let at = out.len();
        out.resize(at + bound, 0);
        Bits { out, at, buffer: 0, held: 0 }
    }

    #[inline]
    fn put(&mut self, value: u64, length: u32) {
        self.buffer |= value << self.held;
        self.held += length;
    }

    #[inline]
    fn word(&mut self, word: Word) {
        self.put(u64::from(word.bits), u32::from(word.length));
    }

    /// Writes out all whole bytes. At most 56 bits may be put between two flushes.
    #[inline]
    fn flush(&mut self) {
        if let Some(room) = self.out.get_mut(self.at..self.at + 8) {
            room.copy_from_slice(&self.buffer.to_le_bytes());
        }
        let bytes = self.held / 8;
        self.at += bytes as usize;
        self.buffer >>= bytes * 8;
        self.held %= 8;
    }

    /// Ends on a byte, by an empty stored block (section 3.2.4).
    fn align(mut self) {
        self.put(0, 3);
        self.held = self.held.next_multiple_of(8);
        self.flush();
        self.out.truncate(self.at);
        self.out.extend_from_slice(&[0, 0, 0xff, 0xff]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By an independent decoder.
    fn inflated(segments: &[&[u8]]) -> Vec<u8> {
        let mut stream: Vec<u8> = Vec::new();
        for data in segments {
            append_segment(&mut stream, data);
        }
        stream.extend_from_slice(&END);
        let mut decoder = flate2::read::DeflateDecoder::new(stream.as_slice());
        let mut back = Vec::new();
        std::io::Read::read_to_end(&mut decoder, &mut back).unwrap();
        back
    }

    fn noise(length: usize, spread: u32) -> Vec<u8> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) % spread) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn segments_come_back_alone_and_joined() {
        let zeros_between: Vec<u8> = noise(5000, 300).iter().map(|b| if *b > 40 { 0 } else { *b }).collect();
        let cases: Vec<Vec<u8>> = vec![
            vec![],
            vec![0],
            vec![7; 3],
            noise(1, 256),
            noise(7, 3),
            noise(100_000, 256),
            noise(70_001, 5),
            zeros_between,
            (0..=255).collect(),
        ];
        for data in &cases {
            assert_eq!(inflated(&[data]), *data);
        }
        let parts: Vec<&[u8]> = cases.iter().map(Vec::as_slice).collect();
        assert_eq!(inflated(&parts), cases.concat());
    }

    #[test]
    fn every_length_of_a_run_comes_back() {
        for zeros in (0..600).chain([65_535, 65_536, 70_000]) {
            let mut data = vec![1; 8];
            data.resize(8 + zeros, 0);
            data.extend_from_slice(&[2, 0, 0, 3]);
            assert_eq!(inflated(&[&data]), data, "{zeros} zeros");
        }
    }

    #[test]
    fn noise_grows_by_headers_only() {
        let data = noise(200_000, 256);
        let mut out = Vec::new();
        append_segment(&mut out, &data);
        assert!(out.len() <= data.len() + 5 * 4, "{}", out.len());
    }
}
