//! The filters of PNG (specification, clause 9): each byte less what its neighbours predict. One filter serves a whole
//! strip; which one, a few of its rows decide.

/// What predicts a byte from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
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

/// Appends the filtered rows, each behind the number of its filter. `rows` are whole rows of `row_bytes` bytes of
/// pixels of `N` samples. The first row leans on nothing above it.
pub(super) fn append<const N: usize>(out: &mut Vec<u8>, rows: &[u8], row_bytes: usize) {
    let filter = choose::<N>(rows, row_bytes);
    let mut above: Option<&[u8]> = None;
    for row in rows.chunks_exact(row_bytes) {
        let start = out.len() + 1;
        let used = if above.is_some() { filter } else { Filter::Sub };
        out.push(used as u8);
        out.resize(start + row_bytes, 0);
        apply::<N>(used, &mut out[start..], row, above.unwrap_or(&[]));
        above = Some(row);
    }
}

/// The filter that leaves the least on a few rows of the strip.
fn choose<const N: usize>(rows: &[u8], row_bytes: usize) -> Filter {
    let mut left = vec![0; row_bytes];
    let mut cost = |filter: Filter| -> u64 {
        let rows = rows.chunks_exact(row_bytes);
        let pairs = rows.clone().zip(rows.skip(1)).skip(ASKED / 2).step_by(ASKED);
        pairs
            .map(|(above, row)| {
                apply::<N>(filter, &mut left, row, above);
                left.iter().map(|byte| u64::from((*byte as i8).unsigned_abs())).sum::<u64>()
            })
            .sum()
    };
    // Of equals the first, which is the cheapest to undo.
    CHOICES.into_iter().min_by_key(|filter| cost(*filter)).unwrap_or(Filter::Up)
}

fn apply<const N: usize>(filter: Filter, out: &mut [u8], row: &[u8], above: &[u8]) {
    // The first pixel has nothing to its left.
    let behind = row.get(N..).unwrap_or_default();
    match filter {
        Filter::Sub => {
            out.copy_from_slice(row);
            for ((out, x), a) in out.iter_mut().skip(N).zip(behind).zip(row) {
                *out = x.wrapping_sub(*a);
            }
        }
        Filter::Up => {
            for ((out, x), b) in out.iter_mut().zip(row).zip(above) {
                *out = x.wrapping_sub(*b);
            }
        }
        Filter::Average => {
            for ((out, x), b) in out.iter_mut().zip(row).zip(above).take(N) {
                *out = x.wrapping_sub(b / 2);
            }
            for (((out, x), a), b) in out.iter_mut().skip(N).zip(behind).zip(row).zip(above.iter().skip(N)) {
                *out = x.wrapping_sub(u16::from(*a).midpoint(u16::from(*b)) as u8);
            }
        }
        Filter::Paeth => {
            for ((out, x), b) in out.iter_mut().zip(row).zip(above).take(N) {
                *out = x.wrapping_sub(*b);
            }
            let neighbours = row.iter().zip(above.iter().skip(N)).zip(above);
            for ((out, x), ((a, b), c)) in out.iter_mut().skip(N).zip(behind).zip(neighbours) {
                *out = x.wrapping_sub(paeth(*a, *b, *c));
            }
        }
    }
}

/// Without branches, so that it vectorises.
#[inline]
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
}
