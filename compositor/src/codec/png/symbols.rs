//! The symbols of deflate (RFC 1951, section 3.2.5).

/// Literals, end of block, and the lengths of matches.
pub(super) const SYMBOLS: usize = 286;
pub(super) const END_OF_BLOCK: usize = 256;
/// The distances of matches.
pub(super) const DISTANCES: usize = 30;
/// Lengths of words are sent by a code of their own, in this order (section 3.2.7).
pub(super) const LENGTH_ORDER: [usize; 19] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const SHORTEST: usize = 3;
const LONGEST: usize = 258;

/// Shortest length and number of extra bits of every symbol from 257 on.
pub(super) const LENGTHS: [(u16, u8); 29] = lengths();
/// Shortest distance and number of extra bits of every symbol.
pub(super) const STEPS: [(u16, u8); DISTANCES] = steps();

const fn lengths() -> [(u16, u8); 29] {
    let mut table = [(LONGEST as u16, 0); 29];
    let (mut symbol, mut base) = (0, SHORTEST as u16);
    while symbol < 28 {
        let extra = if symbol < 8 { 0 } else { symbol / 4 - 1 };
        table[symbol] = (base, extra as u8);
        base += 1 << extra;
        symbol += 1;
    }
    table
}

const fn steps() -> [(u16, u8); DISTANCES] {
    let mut table = [(0, 0); DISTANCES];
    let (mut symbol, mut base) = (0, 1);
    while symbol < DISTANCES {
        let extra = if symbol < 4 { 0 } else { symbol / 2 - 1 };
        table[symbol] = (base as u16, extra as u8);
        base += 1_u32 << extra;
        symbol += 1;
    }
    table
}

/// The symbol of a match's length, its number of extra bits and their value.
pub(super) fn length_symbol(length: usize) -> (usize, u32, u64) {
    if length == LONGEST {
        return (END_OF_BLOCK + 29, 0, 0);
    }
    let (symbol, extra, value) = split(length - SHORTEST, 2);
    (END_OF_BLOCK + 1 + symbol, extra, value)
}

/// The symbol of a match's distance, its number of extra bits and their value.
pub(super) fn distance_symbol(distance: usize) -> (usize, u32, u64) {
    split(distance - 1, 1)
}

/// The first bits of a number as a symbol, and the others: as many symbols of each number of extra bits as `leading` bits
/// tell apart.
fn split(number: usize, leading: u32) -> (usize, u32, u64) {
    let extra = number.checked_ilog2().unwrap_or(0).saturating_sub(leading);
    let symbol = ((extra as usize) << leading) + (number >> extra);
    (symbol, extra, (number & ((1 << extra) - 1)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_and_its_bits_say_the_number() {
        let said = |(base, extra): (u16, u8), (_, bits, value): (usize, u32, u64)| {
            assert_eq!(u32::from(extra), bits);
            usize::from(base) + value as usize
        };
        for length in SHORTEST..=LONGEST {
            let symbol = length_symbol(length);
            assert_eq!(said(LENGTHS[symbol.0 - END_OF_BLOCK - 1], symbol), length);
        }
        for distance in 1..=32_768 {
            let symbol = distance_symbol(distance);
            assert_eq!(said(STEPS[symbol.0], symbol), distance);
        }
    }
}
