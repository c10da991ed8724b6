//! Weighted sums of 8-bit samples, which scaling is made of: of whole rows, and of the pixels of one row. Weights are fixed
//! point and sums exact, so it is the same bytes however many are summed at a time.

use wide::i32x4;

use crate::simd::{self, Pair};

/// Fractional bits of a weight: with 8 bits of sample, and weights of either sign whose sizes add up to less than 2, sums
/// fit an `i32`.
pub(crate) const WEIGHT_BITS: u32 = 14;
/// The weight 1.
pub(crate) const WHOLE: i16 = 1 << WEIGHT_BITS;
/// Samples behind a row's last pixel that may be looked at: seven pixels to fill an eight, and one more.
pub(crate) const SLACK: usize = 32;
/// Half of what a sum is divided by, so that it is rounded.
const HALF: i32 = 1 << (WEIGHT_BITS - 1);
/// Samples of a row that are summed at a time where nothing is known of the processor.
const LANE: usize = 16;

/// Two rows, the same samples of each, and their weights.
type PairOfRows<'a> = (&'a [u8], &'a [u8], Pair);

/// Sums rows, of which each is as long as what they become.
pub(crate) fn sum_rows<'a>(to: &mut [u8], rows: &[&'a [u8]], weights: &[i16]) {
    if let ([row], [WHOLE]) = (rows, weights) {
        to.copy_from_slice(row);
        return;
    }
    // A last row without another stands for both: the second weight is 0.
    let both = |(rows, pair): (&[&'a [u8]], Pair)| (rows[0], rows[rows.len() - 1], pair);
    let pairs: Vec<PairOfRows<'a>> = rows.chunks(2).zip(pairs(weights)).map(both).collect();
    let done = avx2::sum_rows(to, &pairs).unwrap_or(0);
    let done = done + sum_rows_by_lanes(&mut to[done..], &pairs, done);
    for (i, to) in to.iter_mut().enumerate().skip(done) {
        let products = rows.iter().zip(weights).map(|(row, weight)| i32::from(row[i]) * i32::from(*weight));
        *to = rounded(products.sum());
    }
}

/// A sum as a sample.
pub(crate) fn rounded(sum: i32) -> u8 {
    ((sum + HALF) >> WEIGHT_BITS).clamp(0, 255) as u8
}

/// Sums from sample `from` of the rows on, whole lanes of them; returns how many samples that is.
fn sum_rows_by_lanes(to: &mut [u8], pairs: &[PairOfRows<'_>], from: usize) -> usize {
    let (lanes, _) = to.as_chunks_mut::<LANE>();
    for (i, lane) in lanes.iter_mut().enumerate() {
        let at = from + i * LANE;
        let mut sums = [i32x4::splat(HALF); 4];
        for (one, other, weights) in pairs {
            let products = simd::weigh(simd::load(&one[at..]), simd::load(&other[at..]), *weights);
            for (sum, products) in sums.iter_mut().zip(products) {
                *sum += products;
            }
        }
        *lane = simd::pack(sums.map(|sum| sum >> WEIGHT_BITS));
    }
    lanes.len() * LANE
}

/// How each pixel of a row is summed from neighbouring pixels of another one.
pub(crate) struct Across {
    /// The first pixel, and where the weights end that begin where those of the pixel before end.
    taps: Vec<(usize, usize)>,
    weights: Weights,
}

enum Weights {
    /// Of four pixels each.
    Fours(Vec<[Pair; 2]>),
    /// Of eight, where there is AVX2.
    Eights(Vec<Eight>),
}

/// Weights of pixels 0, 1 and 4, 5, then of 2, 3 and 6, 7, for four channels each.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "nobody reads them where there is no AVX2")
)]
struct Eight([[i32; 8]; 2]);

impl Across {
    /// For the first pixel and weights of each sum.
    pub fn new<'a>(taps: impl Iterator<Item = (usize, &'a [i16])> + Clone) -> Self {
        Across::with(taps, avx2::is_here())
    }

    fn with<'a>(taps: impl Iterator<Item = (usize, &'a [i16])> + Clone, by_eights: bool) -> Self {
        let groups = |of: usize| taps.clone().map(|(_, weights)| weights.len().div_ceil(of)).sum();
        let mut fours = Vec::with_capacity(if by_eights { 0 } else { groups(4) });
        let mut eights = Vec::with_capacity(if by_eights { groups(8) } else { 0 });
        let place = |(start, weights): (usize, &[i16])| {
            let pair = |at: usize| {
                let weight = |at: usize| weights.get(at).copied().unwrap_or(0);
                Pair::new(weight(at), weight(at + 1))
            };
            if by_eights {
                eights.extend((0..weights.len()).step_by(8).map(|at| {
                    let both = |low: Pair, high: Pair| -> [i32; 8] {
                        std::array::from_fn(|i| if i < 4 { low.bits() } else { high.bits() })
                    };
                    Eight([both(pair(at), pair(at + 4)), both(pair(at + 2), pair(at + 6))])
                }));
                return (start, eights.len());
            }
            fours.extend((0..weights.len()).step_by(4).map(|at| [pair(at), pair(at + 2)]));
            (start, fours.len())
        };
        let taps = taps.clone().map(place).collect();
        Across { taps, weights: if by_eights { Weights::Eights(eights) } else { Weights::Fours(fours) } }
    }

    /// Makes a row of another one, behind which there are [`SLACK`] samples.
    pub fn sum(&self, to: &mut [u8], row: &[u8]) {
        match &self.weights {
            Weights::Fours(fours) => sum_pixels(to, row, &self.taps, fours),
            Weights::Eights(eights) => avx2::sum_pixels(to, row, &self.taps, eights),
        }
    }
}

fn sum_pixels(to: &mut [u8], row: &[u8], taps: &[(usize, usize)], fours: &[[Pair; 2]]) {
    let mut first = 0;
    for (pixel, (start, end)) in to.as_chunks_mut::<4>().0.iter_mut().zip(taps) {
        let mut sum = i32x4::splat(HALF);
        for (at, [one, other]) in (start * 4..).step_by(16).zip(&fours[first..*end]) {
            sum += simd::weigh_pixels(&row[at..at + 20], *one, *other);
        }
        let [r, g, b, a, ..] = simd::pack([sum >> WEIGHT_BITS; 4]);
        *pixel = [r, g, b, a];
        first = *end;
    }
}

/// Weights two by two; a missing second one is 0.
fn pairs(weights: &[i16]) -> impl Iterator<Item = Pair> {
    weights.chunks(2).map(|pair| Pair::new(pair[0], pair.get(1).copied().unwrap_or(0)))
}

/// Twice as much at a time.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use core::arch::x86_64::{
        __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_packs_epi32, _mm_packus_epi16, _mm_srai_epi32,
        _mm256_add_epi32, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_madd_epi16,
        _mm256_packs_epi32, _mm256_packus_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm256_shuffle_epi8, _mm256_srai_epi32, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
    };

    use fearless_simd::Level;
    use wide::bytemuck::cast;

    use super::{Eight, HALF, PairOfRows, WEIGHT_BITS};

    const LANE: usize = 32;
    const SHIFT: i32 = WEIGHT_BITS as i32;
    /// Samples of four pixels by channels, two pixels at a time.
    const BY_CHANNELS: [u8; 16] = [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15];

    pub fn is_here() -> bool {
        Level::new().as_avx2().is_some()
    }

    /// How many samples are done, if any can be.
    pub fn sum_rows(to: &mut [u8], pairs: &[PairOfRows<'_>]) -> Option<usize> {
        sum_rows_by_lanes(Level::new().as_avx2()?, to, pairs);
        Some(to.len() / LANE * LANE)
    }

    pub fn sum_pixels(to: &mut [u8], row: &[u8], taps: &[(usize, usize)], eights: &[Eight]) {
        if let Some(avx2) = Level::new().as_avx2() {
            sum_pixels_by_eights(avx2, to, row, taps, eights);
        }
    }

    #[inline]
    fn load(samples: &[u8]) -> __m256i {
        let mut lane = [0; LANE];
        lane.copy_from_slice(&samples[..LANE]);
        cast(lane)
    }

    fearless_simd::kernel!(
        fn sum_rows_by_lanes(avx2: Avx2, to: &mut [u8], pairs: &[PairOfRows<'_>]) {
            let (half, zero) = (_mm256_set1_epi32(HALF), _mm256_setzero_si256());
            for (i, lane) in to.as_chunks_mut::<LANE>().0.iter_mut().enumerate() {
                let [mut a, mut b, mut c, mut d] = [half; 4];
                for (one, other, weights) in pairs {
                    let (one, other) = (load(&one[i * LANE..]), load(&other[i * LANE..]));
                    let weights = _mm256_set1_epi32(weights.bits());
                    let low = _mm256_unpacklo_epi8(one, other);
                    let high = _mm256_unpackhi_epi8(one, other);
                    a = _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_unpacklo_epi8(low, zero), weights));
                    b = _mm256_add_epi32(b, _mm256_madd_epi16(_mm256_unpackhi_epi8(low, zero), weights));
                    c = _mm256_add_epi32(c, _mm256_madd_epi16(_mm256_unpacklo_epi8(high, zero), weights));
                    d = _mm256_add_epi32(d, _mm256_madd_epi16(_mm256_unpackhi_epi8(high, zero), weights));
                }
                let (a, b) = (_mm256_srai_epi32::<SHIFT>(a), _mm256_srai_epi32::<SHIFT>(b));
                let (c, d) = (_mm256_srai_epi32::<SHIFT>(c), _mm256_srai_epi32::<SHIFT>(d));
                *lane = cast(_mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d)));
            }
        }
    );

    fearless_simd::kernel!(
        fn sum_pixels_by_eights(
            avx2: Avx2,
            to: &mut [u8],
            row: &[u8],
            taps: &[(usize, usize)],
            eights: &[Eight],
        ) {
            let by_channels: __m256i = cast([BY_CHANNELS; 2]);
            let (half, zero) = (cast([HALF, HALF, HALF, HALF, 0, 0, 0, 0]), _mm256_setzero_si256());
            let mut first = 0;
            for (pixel, (start, end)) in to.as_chunks_mut::<4>().0.iter_mut().zip(taps) {
                let mut sum: __m256i = half;
                for (at, Eight([one, other])) in (start * 4..).step_by(LANE).zip(&eights[first..*end]) {
                    let samples = _mm256_shuffle_epi8(load(&row[at..]), by_channels);
                    let (low, high) =
                        (_mm256_unpacklo_epi8(samples, zero), _mm256_unpackhi_epi8(samples, zero));
                    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(low, cast(*one)));
                    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(high, cast(*other)));
                }
                let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
                let sum = _mm_srai_epi32::<SHIFT>(sum);
                let sum = _mm_packs_epi32(sum, sum);
                *pixel = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum)).to_le_bytes();
                first = *end;
            }
        }
    );
}

#[cfg(not(target_arch = "x86_64"))]
mod avx2 {
    use super::{Eight, PairOfRows};

    pub fn is_here() -> bool {
        false
    }

    pub fn sum_rows(_: &mut [u8], _: &[PairOfRows<'_>]) -> Option<usize> {
        None
    }

    pub fn sum_pixels(_: &mut [u8], _: &[u8], _: &[(usize, usize)], _: &[Eight]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32) -> impl Iterator<Item = u32> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        })
    }

    #[test]
    fn rows_are_summed_alike_however_many_samples_at_a_time() {
        for (length, taps) in
            [(1, 3), (15, 1), (16, 2), (31, 4), (33, 7), (48, 2), (63, 5), (64, 8), (200, 13)]
        {
            let rows: Vec<Vec<u8>> =
                (0..taps).map(|i| noise(i).map(|v| v as u8).take(length).collect()).collect();
            let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
            let weights: Vec<i16> = noise(9).map(|v| (v % 9000) as i16 - 2500).take(rows.len()).collect();
            let exact = |i: usize| {
                let sum: i32 =
                    rows.iter().zip(&weights).map(|(row, w)| i32::from(row[i]) * i32::from(*w)).sum();
                rounded(sum)
            };
            let mut summed = vec![0; length];
            sum_rows(&mut summed, &rows, &weights);
            assert_eq!(summed, (0..length).map(exact).collect::<Vec<_>>(), "{length} samples of {taps} rows");
        }
    }

    #[test]
    fn pixels_are_summed_alike_by_fours_and_by_eights() {
        let row: Vec<u8> = noise(3).map(|v| v as u8).take(50 * 4 + SLACK).collect();
        let weights: Vec<i16> = noise(4).map(|v| (v % 9000) as i16 - 2500).take(20).collect();
        let taps: Vec<(usize, &[i16])> = (0..40)
            .map(|i| (i, &weights[i % 7..i % 7 + 1 + (i * 5) % 13]))
            .filter(|(i, w)| i + w.len() <= 50)
            .collect();
        let sum = |start: usize, weights: &[i16], channel: usize| -> i32 {
            let sample = |i: usize| i32::from(row[(start + i) * 4 + channel]);
            weights.iter().enumerate().map(|(i, weight)| sample(i) * i32::from(*weight)).sum()
        };
        let exact: Vec<u8> = taps
            .iter()
            .flat_map(|(start, weights)| [0, 1, 2, 3].map(|channel| rounded(sum(*start, weights, channel))))
            .collect();
        for by_eights in [false, avx2::is_here()] {
            let mut summed = vec![0; taps.len() * 4];
            Across::with(taps.iter().copied(), by_eights).sum(&mut summed, &row);
            assert_eq!(summed, exact, "by eights: {by_eights}");
        }
    }
}
