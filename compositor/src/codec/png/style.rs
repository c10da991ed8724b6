//! How a strip is written, and whether that suits something else.

use super::deflate::{count_each, sum};
use super::filter::Filter;
use super::symbols::SYMBOLS;

/// About what the head of a deflate segment takes, in bits.
pub(super) const HEAD_BITS: u64 = 700;
/// Every row of this many is asked whether the code of the ground suits what lies on it.
const SAMPLED: usize = 4;

/// How a strip is written: its filter, and its code by the lengths of its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub filter: Filter,
    pub lengths: [u8; SYMBOLS],
    /// Bits that the ground takes.
    pub ground_bits: u64,
    /// Noise, which is stored as it is.
    pub is_stored: bool,
}

impl Style {
    /// Is a strip with this on it, as far as a sample of its rows tells, at most about a quarter larger than in a style of its
    /// own?
    pub fn suits(&self, sample: &Sample) -> bool {
        sample.excess(&self.lengths) * SAMPLED as u64 <= self.ground_bits / 4 + HEAD_BITS
    }
}

/// Is a row asked?
pub(super) fn is_sampled(row: usize) -> bool {
    row % SAMPLED == 1
}

/// Literals of some pieces, and what writing them in a code that was made for others costs.
pub(super) struct Sample {
    tables: [[u32; 256]; 4],
}

impl Sample {
    pub fn new() -> Self {
        Sample { tables: [[0; 256]; 4] }
    }

    /// Takes in a piece, eight bytes by eight.
    pub fn add(&mut self, piece: &[u8]) {
        for eight in piece.as_chunks().0.iter().filter(|eight| **eight != [0; 8]) {
            count_each(&mut self.tables, *eight);
        }
    }

    /// About how many bits more a code takes than one of their own would.
    pub fn excess(&self, lengths: &[u8; SYMBOLS]) -> u64 {
        let counts = sum(&self.tables);
        let total: u32 = counts.iter().sum();
        let (mut taken, mut needed) = (0, 0);
        for (count, length) in counts.iter().zip(lengths).filter(|(count, _)| **count > 0) {
            taken += u64::from(*count) * u64::from(*length) * LOG_ONE;
            needed += u64::from(*count) * (log2(total) - log2(*count));
        }
        u64::saturating_sub(taken, needed) / LOG_ONE
    }
}

/// The logarithm 1, as [`log2`] has it.
const LOG_ONE: u64 = 256;

/// The logarithm to base 2 of a number above 0, times [`LOG_ONE`], within a tenth: straight between powers of two.
fn log2(number: u32) -> u64 {
    let whole = number.ilog2();
    let fraction = ((u64::from(number) * LOG_ONE) >> whole) - LOG_ONE;
    u64::from(whole) * LOG_ONE + fraction
}

#[cfg(test)]
mod tests {
    use super::super::deflate::{Code, Lines, count, tests::noise};
    use super::*;

    #[test]
    fn the_code_of_others_takes_more() {
        let of = |data: &[u8]| {
            let mut sample = Sample::new();
            sample.add(data);
            (sample, Code::of(&count(Lines { data, length: data.len() })))
        };
        let (faint, faint_code) = of(&noise(40_000, 9));
        let (strong, strong_code) = of(&noise(40_000, 120));
        // In bits: 40,000 of about 3.2 and of 6.9, of which whole bits lose some.
        assert!(faint.excess(faint_code.lengths()) < 8000);
        assert!(strong.excess(strong_code.lengths()) < 8000);
        assert!(faint.excess(strong_code.lengths()) > 120_000);
        assert!(strong.excess(faint_code.lengths()) > 120_000);
        assert_eq!(Sample::new().excess(faint_code.lengths()), 0);
    }

    #[test]
    fn logarithms_are_near() {
        for number in (1..5000).chain([1 << 20, u32::MAX]) {
            let exact = f64::from(number).log2();
            assert!((log2(number) as f64 / LOG_ONE as f64 - exact).abs() < 0.1, "{number}");
        }
    }
}
