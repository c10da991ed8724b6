//! Huffman codes of bounded length, for deflate (RFC 1951, section 3.2.2).

/// A code word, its first bit lowest as deflate sends it, and its length in bits. Length 0: the symbol has no word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub bits: u16,
    pub length: u8,
}

/// Lengths of a good prefix code for these counts, none above `limit`. A symbol that does not occur gets 0; if only
/// one occurs it gets 1.
pub(super) fn lengths<const N: usize>(counts: &[u32; N], limit: u8) -> [u8; N] {
    let mut lengths = [0; N];
    // A count, and below it the symbol: ties by symbol, the same code on every target.
    let with_symbol =
        |symbol: usize| (counts[symbol] > 0).then(|| u64::from(counts[symbol]) << 32 | symbol as u64);
    let mut by_count: Vec<u64> = (0..N).filter_map(with_symbol).collect();
    by_count.sort_unstable();
    let symbol = |sorted: u64| sorted as u32 as usize;
    match by_count.as_slice() {
        [] => return lengths,
        [only] => {
            lengths[symbol(*only)] = 1;
            return lengths;
        }
        _ => {}
    }
    let depths = depths(&by_count.iter().map(|sorted| sorted >> 32).collect::<Vec<_>>());
    let mut depths: Vec<u8> = depths.into_iter().map(|depth| depth.min(u32::from(limit)) as u8).collect();
    shorten(&mut depths, limit);
    for (sorted, depth) in by_count.into_iter().zip(depths) {
        lengths[symbol(sorted)] = depth;
    }
    lengths
}

/// Depths of the leaves of a Huffman tree over weights in ascending order, by the two-queue method.
fn depths(weights: &[u64]) -> Vec<u32> {
    let leaves = weights.len();
    let (mut parents, mut joined) = (vec![0; 2 * leaves - 1], Vec::with_capacity(leaves - 1));
    let (mut leaf, mut inner) = (0, 0);
    for node in leaves..2 * leaves - 1 {
        let mut sum = 0;
        for _ in 0..2 {
            let takes_leaf = leaf < leaves && joined.get(inner).is_none_or(|weight| weights[leaf] <= *weight);
            let child = if takes_leaf {
                sum += weights[leaf];
                leaf += 1;
                leaf - 1
            } else {
                sum += joined[inner];
                inner += 1;
                leaves + inner - 1
            };
            parents[child] = node;
        }
        joined.push(sum);
    }
    let mut depth = vec![0; 2 * leaves - 1];
    for node in (0..2 * leaves - 2).rev() {
        depth[node] = depth[parents[node]] + 1;
    }
    depth.truncate(leaves);
    depth
}

/// Makes depths that were cut off at `limit` a prefix code again: the words that are cheapest to lengthen grow until
/// the sum of 2^-length is no more than 1 (Kraft), then what room is left shortens the dearest. `depths` is in
/// ascending order of weight.
fn shorten(depths: &mut [u8], limit: u8) {
    let unit = |depth: u8| 1_u32 << (limit - depth);
    let whole = 1_u32 << limit;
    let mut sum: u32 = depths.iter().map(|depth| unit(*depth)).sum();
    // The rarer, the deeper: the first of those that may grow is the deepest.
    for depth in depths.iter_mut() {
        while *depth < limit && sum > whole {
            sum -= unit(*depth) / 2;
            *depth += 1;
        }
    }
    for depth in depths.iter_mut().rev() {
        while *depth > 1 && sum + unit(*depth) <= whole {
            sum += unit(*depth);
            *depth -= 1;
        }
    }
}

/// The canonical code with these lengths.
pub(super) fn words<const N: usize>(lengths: &[u8; N]) -> [Word; N] {
    let mut counts = [0_u16; 17];
    for length in lengths.iter().filter(|length| **length > 0) {
        counts[usize::from(*length)] += 1;
    }
    let mut next = [0_u16; 17];
    for length in 1..next.len() {
        next[length] = (next[length - 1] + counts[length - 1]) << 1;
    }
    let mut words = [Word::default(); N];
    for (word, length) in words.iter_mut().zip(lengths).filter(|(_, length)| **length > 0) {
        let first = &mut next[usize::from(*length)];
        *word = Word { bits: first.reverse_bits() >> (16 - length), length: *length };
        *first += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_prefix_code(lengths: &[u8], limit: u8) -> bool {
        let used = lengths.iter().filter(|length| **length > 0);
        used.map(|length| 1_u32 << (limit - length)).sum::<u32>() <= 1 << limit
    }

    #[test]
    fn codes_are_optimal_where_the_limit_allows() {
        assert_eq!(lengths(&[1, 1, 2, 4, 8, 0], 12), [4, 4, 3, 2, 1, 0]);
        assert_eq!(lengths(&[5, 5, 5, 5], 12), [2; 4]);
        assert_eq!(lengths(&[0, 9, 0], 12), [0, 1, 0]);
        assert_eq!(lengths(&[0; 3], 12), [0; 3]);
    }

    #[test]
    fn steep_counts_stay_within_the_limit() {
        let mut fibonacci = [1_u32; 40];
        for i in 2..40 {
            fibonacci[i] = fibonacci[i - 1] + fibonacci[i - 2];
        }
        for limit in [6, 7, 9, 12, 15] {
            let lengths = lengths(&fibonacci, limit);
            assert!(lengths.iter().all(|length| (1..=limit).contains(length)), "{lengths:?}");
            assert!(is_prefix_code(&lengths, limit), "{lengths:?}");
            assert!(lengths.is_sorted_by(|a, b| a >= b), "the rarer the longer: {lengths:?}");
        }
    }

    #[test]
    fn canonical_words_are_those_of_the_rfc() {
        // The example of section 3.2.2: A to H with lengths 3 3 3 3 3 2 4 4.
        let words = words(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let expected = ["010", "011", "100", "101", "110", "00", "1110", "1111"];
        for (word, expected) in words.iter().zip(expected) {
            let spelled: String =
                (0..word.length).map(|i| if word.bits >> i & 1 == 1 { '1' } else { '0' }).collect();
            assert_eq!(spelled, expected);
        }
    }
}
