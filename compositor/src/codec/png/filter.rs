//! The filters of PNG (specification, clause 9): each byte less what its neighbours predict. One filter serves a whole
//! strip; which one, a few of its rows decide.

use std::ops::Range;

use crate::simd::widest;

/// What predicts a byte from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Nothing.
    None = 0,
    /// The pixel to the left.
    Sub = 1,
    /// The pixel above.
    Up = 2,
    /// The mean of both.
    Average = 3,
    /// Whichever of left, above and above left is nearest to left + above − above left.
    Paeth = 4,
}

/// Filters that a strip can choose from.
const CHOICES: [Filter; 4] = [Filter::Up, Filter::Paeth, Filter::Average, Filter::Sub];
/// Every row of this many is asked which filter suits it.
const ASKED: usize = 16;

/// Rows of samples to be filtered.
#[derive(Clone, Copy)]
pub(super) struct Samples<'a> {
    pub data: &'a [u8],
    pub row_bytes: usize,
    /// 3 or 4.
    pub pixel_bytes: usize,
}

impl Samples<'_> {
    /// The filter that leaves the least on a few of the rows.
    pub fn choose(self) -> Filter {
        let mut left = vec![0; self.row_bytes];
        let mut left_by = |filter: Filter| -> u64 {
            let rows = self.data.chunks_exact(self.row_bytes);
            let pairs = rows.clone().zip(rows.skip(1)).skip(ASKED / 2).step_by(ASKED);
            pairs
                .map(|(above, row)| {
                    self.apply(filter, &mut left, row, above, 0);
                    cost(&left)
                })
                .sum()
        };
        // Of equals the first, which is the cheapest to undo.
        CHOICES.into_iter().min_by_key(|filter| left_by(*filter)).unwrap_or(Filter::Up)
    }

    /// How many rows there are.
    pub fn rows(self) -> usize {
        self.data.len() / self.row_bytes
    }

    /// Appends rows, filtered, each behind the number of its filter. The first of all leans on nothing above it.
    pub fn append(self, filter: Filter, rows: Range<usize>, out: &mut Vec<u8>) {
        for row in rows {
            out.push(filter.of_row(row) as u8);
            self.append_part(filter, row, 0..self.row_bytes, out);
        }
    }

    /// Appends some bytes of one row, filtered.
    pub fn append_part(self, filter: Filter, row: usize, part: Range<usize>, out: &mut Vec<u8>) {
        let rows = |row: usize| &self.data[row * self.row_bytes..][..part.end];
        let above = row.checked_sub(1).map_or(&[][..], rows);
        let start = out.len();
        out.resize(start + part.len(), 0);
        self.apply(filter.of_row(row), &mut out[start..], rows(row), above, part.start);
    }

    /// Filters the bytes of a row from `from` on. `row` and `above` end where `out` does.
    fn apply(self, filter: Filter, out: &mut [u8], row: &[u8], above: &[u8], from: usize) {
        match self.pixel_bytes {
            3 => apply::<3>(filter, out, row, above, from),
            _ => apply::<4>(filter, out, row, above, from),
        }
    }
}

impl Filter {
    /// What serves a row of a strip: the first has nothing above it.
    pub fn of_row(self, row: usize) -> Filter {
        if row == 0 && self != Filter::None { Filter::Sub } else { self }
    }
}

/// The same for pixels of `N` bytes.
fn apply<const N: usize>(filter: Filter, out: &mut [u8], row: &[u8], above: &[u8], from: usize) {
    widest(
        #[inline(always)]
        || {
            // The first pixel has nothing to its left.
            let alone = N.saturating_sub(from).min(out.len());
            let (first, rest) = out.split_at_mut(alone);
            let nothing = [0; N];
            match filter {
                Filter::None | Filter::Sub => first.copy_from_slice(&row[from..from + alone]),
                _ => each(first, [&row[from..], &nothing, &above[from..], &nothing], |x, _, b, _| {
                    x.wrapping_sub(if filter == Filter::Average { b / 2 } else { b })
                }),
            }
            let from = from + alone;
            let behind = from.saturating_sub(N);
            let (x, a) = (&row[from..], &row[behind..]);
            let (b, c) = (above.get(from..).unwrap_or_default(), above.get(behind..).unwrap_or_default());
            match filter {
                Filter::None => rest.copy_from_slice(&x[..rest.len()]),
                Filter::Sub => each(rest, [x, a, x, x], |x, a, _, _| x.wrapping_sub(a)),
                Filter::Up => each(rest, [x, x, b, x], |x, _, b, _| x.wrapping_sub(b)),
                Filter::Average => each(rest, [x, a, b, x], |x, a, b, _| x.wrapping_sub(mean(a, b))),
                Filter::Paeth => each(rest, [x, a, b, c], |x, a, b, c| x.wrapping_sub(paeth(a, b, c))),
            }
        },
    );
}

/// What filtered bytes cost, about: those near 0 will have the shortest words.
pub(super) fn cost(filtered: &[u8]) -> u64 {
    widest(
        #[inline(always)]
        || filtered.iter().map(|byte| u64::from((*byte as i8).unsigned_abs())).sum(),
    )
}

/// Every byte from itself, the one to its left, the one above, and the one above that.
#[inline(always)]
fn each(out: &mut [u8], from: [&[u8]; 4], filtered: impl Fn(u8, u8, u8, u8) -> u8) {
    let [x, a, b, c] = from.map(|bytes| &bytes[..out.len()]);
    for (i, out) in out.iter_mut().enumerate() {
        *out = filtered(x[i], a[i], b[i], c[i]);
    }
}

#[inline(always)]
fn mean(a: u8, b: u8) -> u8 {
    u16::from(a).midpoint(u16::from(b)) as u8
}

/// Without branches, so that it vectorises.
#[inline(always)]
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let (left, above, corner) = (i16::from(a), i16::from(b), i16::from(c));
    let (pa, pb) = (above - corner, left - corner);
    let pc = (pa + pb).abs();
    let (pa, pb) = (pa.abs(), pb.abs());
    let near = if pb <= pc { b } else { c };
    if pa <= pb && pa <= pc { a } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paeth_is_the_specifications() {
        for (a, b, c, predicted) in [
            (1, 2, 3, 1),
            (9, 2, 3, 9),
            (200, 10, 10, 200),
            (10, 200, 10, 200),
            (7, 7, 7, 7),
            (0, 255, 128, 128),
        ] {
            assert_eq!(paeth(a, b, c), predicted, "{a} {b} {c}");
        }
    }

    #[test]
    fn parts_are_filtered_like_the_whole() {
        let data: Vec<u8> = (0..3 * 44_u32).map(|i| (i * i + i / 7) as u8).collect();
        for pixel_bytes in [3, 4] {
            let samples = Samples { data: &data, row_bytes: 44, pixel_bytes };
            for filter in CHOICES {
                let mut whole = Vec::new();
                samples.append(filter, 0..3, &mut whole);
                for row in 0..3 {
                    for (start, end) in [(0, 44), (0, 1), (1, 9), (3, 44), (5, 40), (8, 16), (43, 44)] {
                        let mut part = Vec::new();
                        samples.append_part(filter, row, start..end, &mut part);
                        assert_eq!(
                            part,
                            whole[row * 45 + 1..][start..end],
                            "{filter:?} {pixel_bytes} {row} {start} {end}"
                        );
                    }
                }
            }
        }
    }
}
