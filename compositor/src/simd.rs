//! What vector instructions there are, and weighted sums of 8-bit samples, eight products at a time, through `wide`: SSE2,
//! NEON and simd128 have an instruction for it, and integers are the same everywhere.

use wide::bytemuck::cast;
use wide::{i16x8, i32x4, i32x8, u8x16};

/// Does `work` with AVX2 and BMI2 where the processor has them. What is to be compiled for them must be inlined into it:
/// `widest(#[inline(always)] || …)`, and `#[inline(always)]` on what it calls. Results are the same bits either way: integers,
/// and IEEE arithmetic, which the compiler never contracts.
#[inline]
pub(crate) fn widest<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = fearless_simd::Level::new().as_avx2() {
        return fearless_simd::Simd::vectorize(avx2, work);
    }
    work()
}

/// A pair of weights, for [`weigh`].
#[derive(Clone, Copy)]
pub(crate) struct Pair(i32);

impl Pair {
    pub fn new(first: i16, second: i16) -> Self {
        Pair(cast([first, second]))
    }

    /// Both, the first one lowest.
    pub fn bits(self) -> i32 {
        self.0
    }

    fn everywhere(self) -> i16x8 {
        cast(i32x4::splat(self.0))
    }
}

/// Sixteen samples from the start of a slice.
#[inline]
pub(crate) fn load(samples: &[u8]) -> u8x16 {
    let mut sixteen = [0; 16];
    sixteen.copy_from_slice(&samples[..16]);
    u8x16::new(sixteen)
}

/// `a · first + b · second` of the samples 0 to 3, 4 to 7, 8 to 11 and 12 to 15.
#[inline]
pub(crate) fn weigh(a: u8x16, b: u8x16, weights: Pair) -> [i32x4; 4] {
    let weights = weights.everywhere();
    let (low, high) = (u8x16::unpack_low(a, b), u8x16::unpack_high(a, b));
    [widen_low(low), widen_high(low), widen_low(high), widen_high(high)].map(|pairs| pairs.dot(weights))
}

/// Four neighbouring pixels as two pairs: the products of the first pair, then of the second.
#[inline]
pub(crate) fn weigh_pixels(samples: &[u8], first: Pair, second: Pair) -> i32x4 {
    let (here, next) = (load(samples), load(&samples[4..]));
    let one = widen_low(u8x16::unpack_low(here, next));
    let other = widen_low(u8x16::unpack_high(here, next));
    one.dot(first.everywhere()) + other.dot(second.everywhere())
}

fn widen_low(samples: u8x16) -> i16x8 {
    cast(u8x16::unpack_low(samples, u8x16::ZERO))
}

fn widen_high(samples: u8x16) -> i16x8 {
    cast(u8x16::unpack_high(samples, u8x16::ZERO))
}

/// Sums as samples: held between 0 and 255.
#[inline]
pub(crate) fn pack(sums: [i32x4; 4]) -> [u8; 16] {
    let [a, b, c, d] = sums;
    let narrow = |low: i32x4, high: i32x4| i16x8::from_i32x8_saturate(cast::<[i32x4; 2], i32x8>([low, high]));
    u8x16::narrow_i16x8(narrow(a, b), narrow(c, d)).to_array()
}
