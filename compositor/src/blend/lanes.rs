//! Some pixels at a time, as words: taking them apart is shifts of whole registers, and what is done to each is done to all of
//! them by one instruction.

/// Pixels worked on at once: a 256-bit register of `f32`.
pub(super) const LANES: usize = 8;

/// A lane of what `value` says for each pixel. (`array::map` is not inlined, and so not compiled
/// for AVX2.)
#[inline(always)]
pub(super) fn lanes<T: Copy + Default>(value: impl Fn(usize) -> T) -> [T; LANES] {
    let mut lane = [T::default(); LANES];
    for (i, place) in lane.iter_mut().enumerate() {
        *place = value(i);
    }
    lane
}

/// Goes through a row; `keeps_uncovered`: where there is nothing above, all stays as it is.
#[inline(always)]
pub(super) fn steps<const N: usize>(
    below: &mut [u8],
    above: &[u8],
    keeps_uncovered: bool,
    step: impl Fn(&mut [u8], &[u32; N]),
) {
    let whole = below.len() / (N * 4) * (N * 4);
    let (below, last_below) = below.split_at_mut(whole);
    let (above, last_above) = above.split_at(whole);
    for (below, above) in below.chunks_exact_mut(N * 4).zip(above.chunks_exact(N * 4)) {
        let above = words(above);
        // Around most layers there is much of nothing, which most operators leave as it is.
        if keeps_uncovered && above.iter().fold(0, |any, word| any | word) == 0 {
            continue;
        }
        step(below, &above);
    }
    if last_below.is_empty() {
        return;
    }
    let (mut padded_below, mut padded_above) = ([[0; 4]; N], [[0; 4]; N]);
    let (padded_below, padded_above) = (padded_below.as_flattened_mut(), padded_above.as_flattened_mut());
    padded_below[..last_below.len()].copy_from_slice(last_below);
    padded_above[..last_above.len()].copy_from_slice(last_above);
    step(padded_below, &words(padded_above));
    last_below.copy_from_slice(&padded_below[..last_below.len()]);
}

/// Pixels as words, so that taking them apart is shifts of whole registers.
#[inline(always)]
pub(super) fn words<const N: usize>(samples: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, pixel) in words.iter_mut().zip(samples.as_chunks().0) {
        *word = u32::from_le_bytes(*pixel);
    }
    words
}

/// Words as pixels.
#[inline(always)]
pub(super) fn put<const N: usize>(words: &[u32; N], samples: &mut [u8]) {
    for (pixel, word) in samples.as_chunks_mut().0.iter_mut().zip(words) {
        *pixel = word.to_le_bytes();
    }
}
