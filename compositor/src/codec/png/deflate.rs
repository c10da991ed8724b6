//! Deflate (RFC 1951) for filtered rows of pictures: Huffman coding and runs of zeros, nothing else. What filtering
//! leaves is noise around zero; looking for longer matches costs many times more time than it saves bytes.
//!
//! Every segment starts and ends on a byte and refers to nothing before it, so segments can be made alone, in any
//! order, and be joined by writing one behind the other. And how a line is cut into tokens is seen from the bytes where
//! it is cut, never from what stood before: so a part of a line can be written anew in the code of its segment, and the
//! bits before and behind it stay what they are.

use super::bits::{BETWEEN_FLUSHES, Bits};
use super::huffman::{Word, lengths, words};
use super::symbols::{END_OF_BLOCK, LENGTH_ORDER, SYMBOLS, length_symbol};
use crate::simd::widest;

/// Longest code word: four literals fit between two flushes.
pub(super) const LONGEST_WORD: u8 = (BETWEEN_FLUSHES / 4) as u8;
/// Longest match.
const MAX_RUN: usize = 258;
/// Shortest match.
const MIN_RUN: usize = 3;
/// One block holds at most this many bytes when it is stored as it is.
const MAX_STORED: usize = 65_535;
/// Bytes of a line between two marks: what is written anew starts and ends at one.
const MARK_BYTES: usize = 256;
/// A symbol that does not occur counts as this part of one: a code has a word for everything that may come later.
const UNSEEN: u32 = 64;

/// The last segment of a stream: an empty final block.
pub(super) const END: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// A place in a segment where tokens begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The byte of the data.
    pub byte: u32,
    /// The bit of the segment.
    pub bit: u32,
}

/// Lines of equal length, each of a byte that stands alone and of samples.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub data: &'a [u8],
    pub length: usize,
}

/// Writes a segment that stands for lines from byte `start` of a buffer on; returns where it ends. Every place where it
/// could be gone on with is told to `mark`, the end of the data among them.
pub(super) fn write_segment(
    buffer: &mut Vec<u8>,
    start: usize,
    lines: Lines<'_>,
    code: &Code,
    mut mark: impl FnMut(Mark),
) -> usize {
    let mut bits = Bits::new(buffer, start, bound(lines.data.len()));
    send_codes(&mut bits, &code.lengths, &[1]);
    widest(
        #[inline(always)]
        || {
            for (first, line) in (0..).step_by(lines.length).zip(lines.data.chunks_exact(lines.length)) {
                let mut next = 0;
                code.send_tokens(&mut bits, line, true, |bits, at| {
                    if at >= next {
                        mark(Mark { byte: first + at as u32, bit: bits.position() });
                        next = at + MARK_BYTES;
                    }
                });
            }
        },
    );
    mark(Mark { byte: lines.data.len() as u32, bit: bits.position() });
    code.end(bits)
}

/// Bits from byte `start` of a buffer on, with room for the bits of a segment of which `renewed` bytes of data are written
/// anew.
pub(super) fn amended(buffer: &mut Vec<u8>, start: usize, segment: usize, renewed: usize) -> Bits<'_> {
    Bits::new(buffer, start, segment + bound(renewed))
}

/// Writes bytes as they are: noise has no shorter form. Returns where they end.
pub(super) fn store(buffer: &mut Vec<u8>, start: usize, data: &[u8]) -> usize {
    buffer.truncate(start);
    for block in data.chunks(MAX_STORED) {
        let length = block.len() as u16;
        buffer.push(0);
        buffer.extend_from_slice(&length.to_le_bytes());
        buffer.extend_from_slice(&(!length).to_le_bytes());
        buffer.extend_from_slice(block);
    }
    buffer.len()
}

/// Bytes that [`store`] takes.
pub(super) fn stored(data: usize) -> usize {
    data + 5 * data.div_ceil(MAX_STORED)
}

/// Most bytes that a segment of so many bytes of data can take: a match is no longer than the literals it stands for.
pub(super) fn bound(data: usize) -> usize {
    let header = (3 + 14 + 19 * 3 + (SYMBOLS + 1) * 14) / 8;
    header + data * usize::from(LONGEST_WORD) / 8 + 64
}

/// What a line is cut into.
enum Token {
    /// Eight bytes, not all of them zero.
    Literals([u8; 8]),
    /// One byte.
    Literal(u8),
    /// This many zeros.
    Zeros(usize),
}

impl Token {
    #[inline(always)]
    fn bytes(&self) -> usize {
        match self {
            Token::Literals(_) => 8,
            Token::Literal(_) => 1,
            Token::Zeros(zeros) => *zeros,
        }
    }
}

/// Cuts a line, or a piece of one that begins and ends where a token does, into tokens: its first byte alone, then
/// eight by eight.
#[inline(always)]
fn tokens(piece: &[u8], starts_line: bool, mut take: impl FnMut(Token)) {
    let mut rest = piece;
    if let (true, Some((alone, behind))) = (starts_line, piece.split_first()) {
        take(Token::Literal(*alone));
        rest = behind;
    }
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        if u64::from_le_bytes(*eight) != 0 {
            take(Token::Literals(*eight));
            rest = behind;
            continue;
        }
        let zeros = rest.as_chunks::<8>().0.iter().take_while(|chunk| **chunk == [0; 8]).count() * 8;
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

/// The code of one segment.
pub(super) struct Code {
    lengths: [u8; SYMBOLS],
    words: [Word; SYMBOLS],
    /// Bits and length of every literal's word.
    literals: [(u64, u32); 256],
}

impl Code {
    /// A code for what occurs so often, and with a word for what does not occur.
    pub fn of(counts: &[u32; SYMBOLS]) -> Self {
        let counts = counts.map(|count| (count * UNSEEN).max(1));
        Code::with_lengths(&lengths(&counts, LONGEST_WORD))
    }

    /// The code whose words have these lengths.
    pub fn with_lengths(lengths: &[u8; SYMBOLS]) -> Self {
        let words = words(lengths);
        let mut literals = [(0, 0); 256];
        for (literal, word) in literals.iter_mut().zip(&words) {
            *literal = (u64::from(word.bits), u32::from(word.length));
        }
        Code { lengths: *lengths, words, literals }
    }

    /// How long its words are.
    pub fn lengths(&self) -> &[u8; SYMBOLS] {
        &self.lengths
    }

    /// Bits that so many of each symbol take, but for the few that say how long matches are.
    pub fn bits_of(&self, counts: &[u32; SYMBOLS]) -> u64 {
        counts.iter().zip(&self.lengths).map(|(count, length)| u64::from(*count) * u64::from(*length)).sum()
    }

    /// Writes a piece of a line, cut where tokens begin and end.
    pub fn send_piece(&self, bits: &mut Bits<'_>, piece: &[u8], starts_line: bool) {
        widest(
            #[inline(always)]
            || self.send_tokens(bits, piece, starts_line, |_, _| ()),
        );
    }

    /// Ends a segment. Returns where its bytes end.
    pub fn end(&self, mut bits: Bits<'_>) -> usize {
        bits.word(self.words[END_OF_BLOCK]);
        bits.flush();
        bits.align()
    }

    /// Writes tokens; `before` each one it is told where in the piece that is.
    #[inline(always)]
    fn send_tokens(
        &self,
        bits: &mut Bits<'_>,
        piece: &[u8],
        starts_line: bool,
        mut before: impl FnMut(&Bits<'_>, usize),
    ) {
        let mut at = 0;
        tokens(
            piece,
            starts_line,
            #[inline(always)]
            |token| {
                before(bits, at);
                at += token.bytes();
                match token {
                    Token::Literals([a, b, c, d, e, f, g, h]) => {
                        // In pairs and fours: shorter chains of shifts that wait for each other.
                        let [a, b, c, d, e, f, g, h] =
                            [a, b, c, d, e, f, g, h].map(|byte| self.literal(byte));
                        let first = joined(joined(a, b), joined(c, d));
                        let second = joined(joined(e, f), joined(g, h));
                        bits.put(first.0, first.1);
                        bits.flush();
                        bits.put(second.0, second.1);
                        bits.flush();
                    }
                    Token::Literal(byte) => {
                        bits.put(self.literal(byte).0, self.literal(byte).1);
                        bits.flush();
                    }
                    Token::Zeros(zeros) => self.send_run(bits, &Run::of(zeros)),
                }
            },
        );
    }

    #[inline(always)]
    fn literal(&self, byte: u8) -> (u64, u32) {
        self.literals[usize::from(byte)]
    }

    fn send_run(&self, bits: &mut Bits<'_>, run: &Run) {
        for _ in 0..run.literals {
            bits.word(self.words[0]);
        }
        bits.flush();
        let lengths = std::iter::repeat_n(MAX_RUN, run.whole_matches)
            .chain((run.last_match > 0).then_some(run.last_match));
        for length in lengths {
            let (symbol, extra, value) = length_symbol(length);
            bits.word(self.words[symbol]);
            bits.put(value, extra);
            bits.put(0, 1); // distance 1
            bits.flush();
        }
    }
}

/// The head of a block with dynamic codes (section 3.2.7), of which these are the lengths of words.
pub(super) fn send_codes(bits: &mut Bits<'_>, lengths_of_words: &[u8; SYMBOLS], lengths_of_distances: &[u8]) {
    let runs = runs_of_lengths(&[lengths_of_words, lengths_of_distances].concat());
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
    bits.put(lengths_of_distances.len() as u64 - 1, 5);
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

/// One string of bits behind the other.
#[inline(always)]
fn joined(first: (u64, u32), second: (u64, u32)) -> (u64, u32) {
    (first.0 | (second.0 << (first.1 & 63)), first.1 + second.1)
}

/// How often every symbol occurs. Four tables, so that equal neighbours do not wait for each other.
pub(super) fn count(lines: Lines<'_>) -> [u32; SYMBOLS] {
    let mut literals = [[0_u32; 256]; 4];
    let mut counts = [0; SYMBOLS];
    for line in lines.data.chunks_exact(lines.length) {
        tokens(line, true, |token| match token {
            Token::Literals(eight) => count_each(&mut literals, eight),
            Token::Literal(byte) => literals[0][usize::from(byte)] += 1,
            Token::Zeros(zeros) => {
                let run = Run::of(zeros);
                literals[0][0] += run.literals as u32;
                counts[285] += run.whole_matches as u32;
                if run.last_match > 0 {
                    counts[length_symbol(run.last_match).0] += 1;
                }
            }
        });
    }
    for (sum, count) in counts.iter_mut().zip(sum(&literals)) {
        *sum += count;
    }
    counts[END_OF_BLOCK] = 1;
    counts
}

#[inline(always)]
pub(super) fn count_each(tables: &mut [[u32; 256]; 4], eight: [u8; 8]) {
    for (i, byte) in eight.iter().enumerate() {
        tables[i % 4][usize::from(*byte)] += 1;
    }
}

pub(super) fn sum(tables: &[[u32; 256]; 4]) -> [u32; 256] {
    let [a, b, c, d] = tables;
    std::array::from_fn(|i| a[i] + b[i] + c[i] + d[i])
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// By an independent decoder.
    fn inflated(segments: &[&[u8]]) -> Vec<u8> {
        let mut stream: Vec<u8> = Vec::new();
        for data in segments {
            let lines = Lines { data, length: data.len().max(1) };
            let code = Code::of(&count(lines));
            let start = stream.len();
            let end = write_segment(&mut stream, start, lines, &code, |_| ());
            stream.truncate(end);
        }
        stream.extend_from_slice(&END);
        let mut decoder = flate2::read::DeflateDecoder::new(stream.as_slice());
        let mut back = Vec::new();
        std::io::Read::read_to_end(&mut decoder, &mut back).unwrap();
        back
    }

    pub fn noise(length: usize, spread: u32) -> Vec<u8> {
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
            let mut data = vec![1; 9];
            data.resize(9 + zeros, 0);
            data.extend_from_slice(&[2, 0, 0, 3]);
            assert_eq!(inflated(&[&data]), data, "{zeros} zeros");
        }
    }

    #[test]
    fn what_is_stored_comes_back() {
        let data = noise(200_000, 256);
        let mut stream = vec![7; 3];
        assert_eq!(store(&mut stream, 0, &data), stored(data.len()));
        stream.extend_from_slice(&END);
        let mut back = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::DeflateDecoder::new(&stream[..]), &mut back).unwrap();
        assert_eq!(back, data);
    }
}
