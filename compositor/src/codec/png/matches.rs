//! Deflate (RFC 1951) that takes its time: a segment in one block of matches and literals, ended on a byte. Words are
//! as short as `inflate.rs` wants them.

use super::bits::Bits;
use super::deflate::{bound, send_codes, store, stored};
use super::huffman::{Word, lengths, words};
use super::inflate::{LONGEST_DISTANCE, QUICK_WORD};
use super::symbols::{DISTANCES, END_OF_BLOCK, SYMBOLS, distance_symbol, length_symbol};

/// Bits that a match has to save: reading one takes as long as reading ten literals, most of it for having guessed wrong
/// what comes next.
const WORTH_IT: i32 = 13;
/// What is hashed; deflate's own shortest, of three bytes, seldom saves anything.
const MIN_MATCH: usize = 4;
const MAX_MATCH: usize = 258;
/// Deflate reaches back so far; a match may lie anywhere nearer.
const WINDOW: usize = 1 << 15;
/// Places that are looked at for a match, at most. In a drawing more of them pay.
pub(super) const LOOKS_IN_DRAWINGS: usize = 48;
/// In a photograph half of them find all but some tenths of a per cent.
pub(super) const LOOKS_IN_NOISE: usize = 24;
/// After a match as long as this a longer one is looked for at fewer places.
const FAIR: usize = 16;
const LOOKS_AFTER_FAIR: usize = 8;
/// A match as long as this is good enough.
const GOOD: usize = 128;
const HASH_BITS: u32 = 15;

/// A literal, or how much of what stood how far before is repeated.
#[derive(Clone, Copy)]
enum Token {
    Literal(u8),
    Match { length: u16, distance: u16 },
}

/// The segment for some bytes, for which so many places are looked at.
pub(super) fn squeeze(data: &[u8], looks: usize) -> Vec<u8> {
    let tokens = tokens(data, looks);
    let mut counts = ([0; SYMBOLS], [0; DISTANCES]);
    counts.0[END_OF_BLOCK] = 1;
    for token in &tokens {
        match *token {
            Token::Literal(byte) => counts.0[usize::from(byte)] += 1,
            Token::Match { length, distance } => {
                counts.0[length_symbol(usize::from(length)).0] += 1;
                counts.1[distance_symbol(usize::from(distance)).0] += 1;
            }
        }
    }
    // A code has a word at least (section 3.2.7).
    if counts.1 == [0; DISTANCES] {
        counts.1[0] = 1;
    }
    let code = Code::of(&counts.0, &counts.1);
    let mut segment = Vec::new();
    let mut bits = Bits::new(&mut segment, 0, bound(data.len()));
    send_codes(&mut bits, &code.lengths, &code.distance_lengths);
    for token in &tokens {
        code.send_token(&mut bits, *token);
    }
    bits.word(code.words[END_OF_BLOCK]);
    bits.flush();
    let end = bits.align();
    if end > stored(data.len()) {
        store(&mut segment, 0, data);
    } else {
        segment.truncate(end);
    }
    segment
}

/// Cuts data into tokens. A match gives way to one that starts a byte later and saves more.
fn tokens(data: &[u8], looks: usize) -> Vec<Token> {
    let mut finder = Finder::new(data);
    let mut tokens = Vec::new();
    let (mut at, mut found) = (0, finder.best(0, looks));
    while at < data.len() {
        let next = match found.length {
            ..FAIR => finder.best(at + 1, looks),
            FAIR..GOOD => finder.best(at + 1, LOOKS_AFTER_FAIR),
            GOOD.. => finder.remembered(at + 1),
        };
        if found.saved < WORTH_IT || next.saved > found.saved {
            tokens.push(Token::Literal(data[at]));
            (at, found) = (at + 1, next);
            continue;
        }
        let Match { length, distance, .. } = found;
        tokens.push(Token::Match { length: length as u16, distance: distance as u16 });
        (at + 2..at + length).for_each(|place| finder.put(place));
        at += length;
        found = finder.best(at, looks);
    }
    tokens
}

#[derive(Clone, Copy, Default)]
struct Match {
    length: usize,
    distance: usize,
    /// Bits, about, over literals.
    saved: i32,
}

/// Bits of literals before every place, by a code for all of the data.
fn bits_before(data: &[u8]) -> Vec<u32> {
    let mut counts = [0; 256];
    for byte in data {
        counts[usize::from(*byte)] += 1;
    }
    let lengths = lengths(&counts, QUICK_WORD);
    let mut sum = 0;
    let mut before = vec![0];
    before.extend(data.iter().map(|byte| {
        sum += u32::from(lengths[usize::from(*byte)]);
        sum
    }));
    before
}

/// Bits of a match, about: with words of usual lengths.
fn bits_of(length: usize, distance: usize) -> i32 {
    const WORDS: i32 = 6 + 5;
    WORDS + (length_symbol(length).1 + distance_symbol(distance).1) as i32
}

/// Places with the same four bytes, the last one first.
struct Finder<'a> {
    data: &'a [u8],
    /// By what is hashed, one more than the last place with it; 0: there was none.
    last: Vec<u32>,
    /// For every place of the window how far before it the next one is; 0: there is none in reach. It stays in the cache.
    before: Vec<u16>,
    bits_before: Vec<u32>,
}

impl<'a> Finder<'a> {
    fn new(data: &'a [u8]) -> Self {
        Finder {
            data,
            last: vec![0; 1 << HASH_BITS],
            before: vec![0; WINDOW],
            bits_before: bits_before(data),
        }
    }

    fn hash(&self, at: usize) -> Option<usize> {
        let four = u32::from_le_bytes(*self.data.get(at..)?.first_chunk()?);
        Some((four.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize)
    }

    /// Remembers a place.
    fn put(&mut self, at: usize) {
        if let Some(hash) = self.hash(at) {
            let last = std::mem::replace(&mut self.last[hash], at as u32 + 1);
            self.before[at % WINDOW] = reach(at, last);
        }
    }

    /// The match at a place that saves most, of so many that are looked at; the place is remembered.
    fn best(&mut self, at: usize, looks: usize) -> Match {
        let mut best = Match::default();
        let Some(hash) = self.hash(at) else { return best };
        let most = (self.data.len() - at).min(MAX_MATCH);
        let (mut step, mut distance, mut longest) = (reach(at, self.last[hash]), 0, MIN_MATCH - 1);
        for _ in 0..looks {
            distance += usize::from(step);
            if step == 0 || distance >= WINDOW {
                break;
            }
            let from = at - distance;
            let length = self.common(from, at, most, longest);
            if length > longest {
                longest = length;
                let saved =
                    (self.bits_before[at + length] - self.bits_before[at]) as i32 - bits_of(length, distance);
                if saved > best.saved {
                    best = Match { length, distance, saved };
                }
            }
            if length >= GOOD.min(most) {
                break;
            }
            step = self.before[from % WINDOW];
        }
        self.put(at);
        best
    }

    /// No match at a place, which is remembered.
    fn remembered(&mut self, at: usize) -> Match {
        self.put(at);
        Match::default()
    }

    /// How many bytes two places have in common; 0 if it is no more than `known`.
    fn common(&self, from: usize, at: usize, most: usize, known: usize) -> usize {
        if known >= most || self.data[from + known] != self.data[at + known] {
            return 0;
        }
        let (from, at) = (&self.data[from..from + most], &self.data[at..at + most]);
        let eights = from.chunks_exact(8).zip(at.chunks_exact(8)).take_while(|(a, b)| a == b).count() * 8;
        eights + from[eights..].iter().zip(&at[eights..]).take_while(|(a, b)| a == b).count()
    }
}

/// How far before a place the last one is, which is given as one more than it is; 0: there is none in the window.
fn reach(at: usize, last: u32) -> u16 {
    let distance = last.checked_sub(1).map_or(0, |place| at - place as usize);
    if distance < WINDOW { distance as u16 } else { 0 }
}

/// The codes of one segment.
struct Code {
    lengths: [u8; SYMBOLS],
    words: [Word; SYMBOLS],
    distance_lengths: [u8; DISTANCES],
    distances: [Word; DISTANCES],
}

impl Code {
    fn of(counts: &[u32; SYMBOLS], distances: &[u32; DISTANCES]) -> Self {
        let lengths_of_words = lengths(counts, QUICK_WORD);
        let distance_lengths = lengths(distances, LONGEST_DISTANCE);
        let (words_, distances) = (words(&lengths_of_words), words(&distance_lengths));
        Code { lengths: lengths_of_words, words: words_, distance_lengths, distances }
    }

    fn send_token(&self, bits: &mut Bits<'_>, token: Token) {
        match token {
            Token::Literal(byte) => bits.word(self.words[usize::from(byte)]),
            Token::Match { length, distance } => {
                let (symbol, extra, value) = length_symbol(usize::from(length));
                bits.word(self.words[symbol]);
                bits.put(value, extra);
                let (symbol, extra, value) = distance_symbol(usize::from(distance));
                bits.word(self.distances[symbol]);
                bits.put(value, extra);
            }
        }
        bits.flush();
    }
}
