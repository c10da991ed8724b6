//! Pixels by eights, as words: taking them apart is shifts of whole registers, and what is done to each is done to all of
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
pub(super) fn steps(
    below: &mut [u8],
    above: &[u8],
    keeps_uncovered: bool,
    step: impl Fn(&mut [u8], &[u32; LANES]),
) {
    const STEP: usize = LANES * 4;
    let mut below = below.chunks_exact_mut(STEP);
    let mut above = above.chunks_exact(STEP);
    for (below, above) in (&mut below).zip(&mut above) {
        let above = words(above);
        // Around what is turned there is much of nothing, which most operators leave as it is.
        if keeps_uncovered && above.iter().fold(0, |any, word| any | word) == 0 {
            continue;
        }
        step(below, &above);
    }
    let (below, above) = (below.into_remainder(), above.remainder());
    let (mut padded_below, mut padded_above) = ([0; STEP], [0; STEP]);
    padded_below[..below.len()].copy_from_slice(below);
    padded_above[..above.len()].copy_from_slice(above);
    step(&mut padded_below, &words(&padded_above));
    below.copy_from_slice(&padded_below[..below.len()]);
}

/// Pixels as words, so that taking them apart is shifts of whole registers.
#[inline(always)]
pub(super) fn words(samples: &[u8]) -> [u32; LANES] {
    let mut words = [0; LANES];
    for (word, pixel) in words.iter_mut().zip(samples.as_chunks().0) {
        *word = u32::from_le_bytes(*pixel);
    }
    words
}

/// Words as pixels.
#[inline(always)]
pub(super) fn put(words: &[u32; LANES], samples: &mut [u8]) {
    for (pixel, word) in samples.as_chunks_mut().0.iter_mut().zip(words) {
        *pixel = word.to_le_bytes();
    }
}
