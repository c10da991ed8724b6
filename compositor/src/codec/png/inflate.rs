//! Inflating segments of deflate (RFC 1951) of known length, as `keep.rs` writes them, two at a time: the steps of one
//! wait for each other, those of two do not. A segment that is anything else is given back as `None`, for a general
//! decoder to judge.

use super::deflate;
use super::huffman::{Word, words};
use super::repeat::repeat;
use super::symbols::{DISTANCES, END_OF_BLOCK, LENGTH_ORDER, LENGTHS, STEPS, SYMBOLS};
use crate::simd::widest;

/// A word of a literal or length that is no longer is found by one look into a table.
pub(super) const QUICK_WORD: u8 = 12;
/// Longest word of a literal or length. Those that take a second look are the rarest.
const LONGEST_WORD: u8 = deflate::LONGEST_WORD;
/// Longest word of a distance.
pub(super) const LONGEST_DISTANCE: u8 = 9;
/// Room behind the bytes of a segment: a step writes eight bytes wherever it is, a match is copied by eights.
pub(super) const ROOM: usize = 16;
/// Looks into the table for one store of eight bytes.
const LOOKS: usize = 2;
/// Literals that one look finds at most.
const LITERALS: u32 = 3;
const MASK: u64 = (1 << QUICK_WORD) - 1;
const LONG_MASK: u64 = (1 << LONGEST_WORD) - 1;
/// A word is longer than one look. Special, and all else that is read of it 0: who does not look again finds no word.
const LONG: u32 = 1 << 17;

/// What the next bits mean. Up to three literals: bits 0 to 5 their words' bits, 6 and 7 how many they are, 8 to 31 what they
/// are. Anything else: bits 0 to 7 are 0, 8 to 16 the length of a match (0: the block ends), 20 to 22 how many bits more
/// tell of it, 28 to 31 its word's bits; no word at all: 0.
type Words = [u32; 1 << QUICK_WORD];
/// The same, one literal at most, by all bits of words that begin with what is [`LONG`] among the others; elsewhere
/// anything. Empty until there are such words.
type LongWords = Vec<u32>;
/// The same for distances: bits 0 to 15 the distance, 20 to 23 how many bits more tell of it, 28 to 31 its word's bits;
/// no word: 0.
type DistanceWords = [u32; 1 << LONGEST_DISTANCE];

/// The codes of a block.
struct Tables {
    words: Words,
    long_words: LongWords,
    distances: DistanceWords,
}

impl Tables {
    /// What the next bits mean, however long the word is.
    fn word(&self, buffer: u64) -> u32 {
        match self.words[(buffer & MASK) as usize] {
            LONG => self.long_word(buffer),
            word => word,
        }
    }

    fn long_word(&self, buffer: u64) -> u32 {
        self.long_words.get((buffer & LONG_MASK) as usize).copied().unwrap_or(0)
    }
}

/// Memory that two segments after the other two are inflated in. Few places to point at: a loop over both has registers
/// for all it needs.
pub(super) struct Scratch {
    tables: Box<[Tables; 2]>,
    out: Vec<u8>,
    /// Where the bytes of each segment start.
    starts: [usize; 2],
}

impl Scratch {
    #[expect(clippy::large_stack_arrays, reason = "40 kB, on their way to the heap")]
    pub fn new() -> Self {
        let tables = || Tables {
            words: [0; 1 << QUICK_WORD],
            long_words: LongWords::new(),
            distances: [0; 1 << LONGEST_DISTANCE],
        };
        Scratch { tables: Box::new([tables(), tables()]), out: Vec::new(), starts: [0; 2] }
    }

    /// What one of the last segments stands for, and [`ROOM`] bytes behind it at least.
    pub fn bytes(&self, lane: usize) -> &[u8] {
        &self.out[self.starts[lane]..]
    }
}

/// A segment: where it lies in the file, and for how many bytes it stands.
pub(super) struct Segment {
    pub start: usize,
    pub end: usize,
    pub bytes: usize,
}

/// Inflates two segments of a file, or one.
pub(super) fn inflate(
    file: &[u8],
    scratch: &mut Scratch,
    first: &Segment,
    second: Option<&Segment>,
) -> Option<()> {
    scratch.starts = [0, first.bytes + ROOM];
    scratch.out.resize(scratch.starts[1] + second.map_or(0, |segment| segment.bytes) + ROOM, 0);
    let Scratch { tables, out, .. } = scratch;
    let mut one = Lane::start::<0>(file, tables, out, first, 0)?;
    let Some(second) = second else { return alone::<0>(file, tables, out, &mut one) };
    let mut other = Lane::start::<1>(file, tables, out, second, first.bytes + ROOM)?;
    both(file, tables, out, [&mut one, &mut other])?;
    alone::<0>(file, tables, out, &mut one)?;
    alone::<1>(file, tables, out, &mut other)
}

/// Goes on with both until one has ended.
fn both(file: &[u8], tables: &mut [Tables; 2], out: &mut [u8], [one, other]: [&mut Lane; 2]) -> Option<()> {
    while !one.ended && !other.ended {
        let (first, second, rooms) = (one.cursor, other.cursor, [one.room, other.room]);
        let first_stands;
        (one.cursor, other.cursor, first_stands) = widest(
            #[inline(always)]
            || until_one_stands(file, tables, out, rooms, first, second),
        )?;
        if first_stands {
            one.end_block::<0>(file, tables, out)?;
        } else {
            other.end_block::<1>(file, tables, out)?;
        }
    }
    Some(())
}

/// Takes and gives cursors by value, so that they are in registers. Is it the first that stands?
#[inline(always)]
fn until_one_stands(
    file: &[u8],
    tables: &[Tables; 2],
    out: &mut [u8],
    rooms: [Room; 2],
    mut first: Cursor,
    mut second: Cursor,
) -> Option<(Cursor, Cursor, bool)> {
    loop {
        if first.advance(file, &tables[0], out, rooms[0])? {
            return Some((first, second, true));
        }
        if second.advance(file, &tables[1], out, rooms[1])? {
            return Some((first, second, false));
        }
    }
}

#[inline(always)]
fn until_it_stands(
    file: &[u8],
    tables: &Tables,
    out: &mut [u8],
    room: Room,
    mut cursor: Cursor,
) -> Option<Cursor> {
    while !cursor.advance(file, tables, out, room)? {}
    Some(cursor)
}

/// Goes on with one to its end.
fn alone<const LANE: usize>(
    file: &[u8],
    tables: &mut [Tables; 2],
    out: &mut [u8],
    lane: &mut Lane,
) -> Option<()> {
    while !lane.ended {
        let (cursor, room) = (lane.cursor, lane.room);
        lane.cursor = widest(
            #[inline(always)]
            || until_it_stands(file, &tables[LANE], out, room, cursor),
        )?;
        lane.end_block::<LANE>(file, tables, out)?;
    }
    Some(())
}

/// Is it something else than literals?
#[inline(always)]
fn is_special(word: u32) -> bool {
    word.trailing_zeros() >= 8
}

/// How far a segment is.
#[derive(Clone, Copy)]
struct Cursor {
    buffer: u64,
    /// Bits of the buffer that count.
    held: u32,
    /// Where the next bits come from.
    from: usize,
    /// Where the next bytes go.
    to: usize,
}

impl Cursor {
    /// Fills the buffer up to 56 bits at least. Bits that do not count yet are what they will be.
    #[inline(always)]
    fn refill(&mut self, file: &[u8]) -> Option<()> {
        let next = file.get(self.from..)?.first_chunk::<8>()?;
        self.buffer |= u64::from_le_bytes(*next) << self.held;
        self.from += ((63 - self.held) >> 3) as usize;
        self.held |= 0x38;
        Some(())
    }

    /// Writes up to six literals, and gives the last word that was met: one that is special stands still.
    #[inline(always)]
    fn step(&mut self, file: &[u8], words: &Words, out: &mut [u8]) -> Option<u32> {
        self.refill(file)?;
        let (mut literals, mut spent, mut word) = (0_u64, 0_u32, 0);
        for _ in 0..LOOKS {
            word = words[(self.buffer & MASK) as usize];
            // What is special puts in bits that the next store overwrites.
            literals |= u64::from(word >> 8) << (spent >> 6 << 3);
            spent += word & 0xff;
            self.buffer = self.buffer.wrapping_shr(word);
        }
        self.held -= spent & 63;
        *out.get_mut(self.to..)?.first_chunk_mut::<8>()? = literals.to_le_bytes();
        self.to += (spent >> 6) as usize;
        Some(word)
    }

    /// Goes on by some literals, or literals and a match. Does it stand at the end of a block?
    #[inline(always)]
    fn advance(&mut self, file: &[u8], tables: &Tables, out: &mut [u8], room: Room) -> Option<bool> {
        let mut word = self.step(file, &tables.words, out)?;
        if !is_special(word) {
            return Some(false);
        }
        if word == LONG {
            word = tables.long_word(self.buffer);
            if !is_special(word) {
                *out.get_mut(self.to)? = (word >> 8) as u8;
                self.to += 1;
                self.bits(word & 63);
                return Some(false);
            }
        }
        let least = (word >> 8 & 0x1ff) as usize;
        if least == 0 {
            return (word >> 28 > 0).then_some(true);
        }
        self.refill(file)?;
        self.bits(word >> 28);
        let length = least + self.bits(word >> 20 & 7) as usize;
        let word = tables.distances[(self.buffer & ((1 << LONGEST_DISTANCE) - 1)) as usize];
        self.bits(word >> 28);
        let distance = (word & 0xffff) as usize + self.bits(word >> 20 & 15) as usize;
        if distance == 0 || distance > self.to - room.start || self.to + length > room.end {
            return None;
        }
        repeat(out, self.to - distance, self.to, length);
        self.to += length;
        Some(false)
    }

    /// At most 56 bits between two refills.
    #[inline(always)]
    fn bits(&mut self, count: u32) -> u32 {
        let bits = (self.buffer & ((1 << count) - 1)) as u32;
        self.buffer >>= count;
        self.held -= count;
        bits
    }
}

/// Where the bytes of a segment go.
#[derive(Clone, Copy)]
struct Room {
    start: usize,
    end: usize,
}

/// A segment that is being inflated.
struct Lane {
    /// Where it ends in the file.
    end: usize,
    room: Room,
    cursor: Cursor,
    /// Had it a block with codes? It has one at most: tables take long to make.
    coded: bool,
    ended: bool,
}

impl Lane {
    fn start<const LANE: usize>(
        file: &[u8],
        tables: &mut [Tables; 2],
        out: &mut [u8],
        segment: &Segment,
        to: usize,
    ) -> Option<Self> {
        let cursor = Cursor { buffer: 0, held: 0, from: segment.start, to };
        let room = Room { start: to, end: to + segment.bytes };
        let mut lane = Lane { end: segment.end, room, cursor, coded: false, ended: false };
        lane.start_block(file, &mut tables[LANE], out)?;
        Some(lane)
    }

    /// Leaves a block at its end, for the next one or the segment's end.
    fn end_block<const LANE: usize>(
        &mut self,
        file: &[u8],
        tables: &mut [Tables; 2],
        out: &mut [u8],
    ) -> Option<()> {
        self.cursor.refill(file)?;
        let word = tables[LANE].word(self.cursor.buffer);
        self.cursor.bits(word >> 28);
        self.start_block(file, &mut tables[LANE], out)
    }

    /// Reads the head of the next block, and what is stored; notices the segment's end.
    fn start_block(&mut self, file: &[u8], tables: &mut Tables, out: &mut [u8]) -> Option<()> {
        loop {
            let at = self.cursor.from - self.cursor.held as usize / 8;
            if self.cursor.to == self.room.end && self.cursor.held.is_multiple_of(8) && at == self.end {
                self.ended = true;
                return Some(());
            }
            self.cursor.refill(file)?;
            match self.cursor.bits(3) {
                0b000 => self.stored(file, out)?,
                0b100 if !self.coded => return self.read_codes(file, tables),
                // The last block ends no segment, and fixed codes are nothing that we write.
                _ => return None,
            }
        }
    }

    /// A block of bytes as they are (section 3.2.4).
    fn stored(&mut self, file: &[u8], out: &mut [u8]) -> Option<()> {
        let cursor = &mut self.cursor;
        let from = cursor.from - cursor.held as usize / 8;
        let [a, b, c, d] = *file.get(from..)?.first_chunk::<4>()?;
        let length = u16::from_le_bytes([a, b]);
        if length != !u16::from_le_bytes([c, d]) {
            return None;
        }
        let (from, length) = (from + 4, usize::from(length));
        let to = out.get_mut(cursor.to..cursor.to + length)?;
        to.copy_from_slice(file.get(from..from + length)?);
        *cursor = Cursor { buffer: 0, held: 0, from: from + length, to: cursor.to + length };
        Some(())
    }

    /// The codes of a block (section 3.2.7).
    fn read_codes(&mut self, file: &[u8], tables: &mut Tables) -> Option<()> {
        self.coded = true;
        let cursor = &mut self.cursor;
        let literals = cursor.bits(5) as usize + 257;
        let distances = cursor.bits(5) as usize + 1;
        let sent = cursor.bits(4) as usize + 4;
        if literals > SYMBOLS || distances > DISTANCES {
            return None;
        }
        let mut lengths = [0; 19];
        for symbol in &LENGTH_ORDER[..sent] {
            cursor.refill(file)?;
            lengths[*symbol] = cursor.bits(3) as u8;
        }
        let mut all = [0; SYMBOLS + DISTANCES];
        let all = &mut all[..literals + distances];
        read_lengths(cursor, file, &lengths, all)?;
        let (literals, distances) = all.split_at(literals);
        set_words(&mut tables.words, &mut tables.long_words, &padded(literals))?;
        set_distances(&mut tables.distances, &padded(distances))
    }
}

/// Lengths of words, in the code for them.
fn read_lengths(cursor: &mut Cursor, file: &[u8], code: &[u8; 19], all: &mut [u8]) -> Option<()> {
    let mut words = [(0_u8, 0_u8); 128];
    fill(code, 7, |word, symbol| each_index(word, 7, |at| words[at] = (symbol as u8, word.length)))?;
    let mut at = 0;
    while at < all.len() {
        cursor.refill(file)?;
        let (symbol, length) = words[(cursor.buffer & 127) as usize];
        if length == 0 {
            return None;
        }
        cursor.bits(u32::from(length));
        let (value, times) = match symbol {
            16 => (*all.get(at.checked_sub(1)?)?, cursor.bits(2) + 3),
            17 => (0, cursor.bits(3) + 3),
            18 => (0, cursor.bits(7) + 11),
            length => (length, 1),
        };
        all.get_mut(at..at + times as usize)?.fill(value);
        at += times as usize;
    }
    Some(())
}

/// With lengths of 0 for symbols that none was sent of.
fn padded<const N: usize>(lengths: &[u8]) -> [u8; N] {
    let mut all = [0; N];
    all[..lengths.len()].copy_from_slice(lengths);
    all
}

fn set_words(table: &mut Words, long_words: &mut LongWords, lengths: &[u8; SYMBOLS]) -> Option<()> {
    table.fill(0);
    let meaning = |symbol: usize, length: u8| {
        let length = u32::from(length);
        match symbol.checked_sub(END_OF_BLOCK) {
            None => (symbol as u32) << 8 | 1 << 6 | length,
            Some(0) => length << 28,
            Some(symbol) => {
                length << 28
                    | entry(LENGTHS[symbol - 1]) << 8 & 0x0001_ff00
                    | entry(LENGTHS[symbol - 1]) & 0x0070_0000
            }
        }
    };
    fill(lengths, LONGEST_WORD, |word, symbol| {
        if word.length <= QUICK_WORD {
            each_index(word, QUICK_WORD, |at| table[at] = meaning(symbol, word.length));
            return;
        }
        let look = usize::from(word.bits) & MASK as usize;
        if table[look] != LONG {
            table[look] = LONG;
            long_words.resize(1 << LONGEST_WORD, 0);
            (look..1 << LONGEST_WORD).step_by(1 << QUICK_WORD).for_each(|at| long_words[at] = 0);
        }
        each_index(word, LONGEST_WORD, |at| long_words[at] = meaning(symbol, word.length));
    })?;
    join(table);
    Some(())
}

/// Puts literals together whose words fit into one look. What stands at an index of fewer bits was put together before.
fn join(table: &mut Words) {
    let alone = *table;
    let fits = |first: u32, next: u32| {
        !is_special(next) && (first & 63) + (next & 63) <= u32::from(QUICK_WORD) && (next >> 6 & 3) < LITERALS
    };
    for at in 0..table.len() {
        let first = alone[at];
        if is_special(first) {
            continue;
        }
        let behind = at >> (first & 63);
        let next = [table[behind], alone[behind]].into_iter().find(|next| fits(first, *next));
        if let Some(next) = next {
            table[at] = first + (next & 0xff) + (next >> 8 << 16);
        }
    }
}

fn set_distances(table: &mut DistanceWords, lengths: &[u8; DISTANCES]) -> Option<()> {
    table.fill(0);
    fill(lengths, LONGEST_DISTANCE, |word, symbol| {
        let meaning = u32::from(word.length) << 28 | entry(STEPS[symbol]);
        each_index(word, LONGEST_DISTANCE, |at| table[at] = meaning);
    })
}

/// How many at least, and the number of bits more.
fn entry((base, extra): (u16, u8)) -> u32 {
    u32::from(extra) << 20 | u32::from(base)
}

/// Tells of every word with its symbol. `None`: one is too long, or there are more than fit.
fn fill<const N: usize>(lengths: &[u8; N], longest: u8, mut put: impl FnMut(Word, usize)) -> Option<()> {
    let used = || lengths.iter().filter(|length| **length > 0);
    if used().any(|length| *length > longest) {
        return None;
    }
    if used().map(|length| 1_usize << (longest - length)).sum::<usize>() > 1 << longest {
        return None;
    }
    for (symbol, word) in words(lengths).into_iter().enumerate().filter(|(_, word)| word.length > 0) {
        put(word, symbol);
    }
    Some(())
}

/// Every index of so many bits whose lower bits are a word.
fn each_index(word: Word, bits: u8, put: impl FnMut(usize)) {
    (usize::from(word.bits)..1 << bits).step_by(1 << word.length).for_each(put);
}
