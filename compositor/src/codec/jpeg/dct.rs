//! The forward transform and quantisation (T.81, sections A.3.3 and A.3.4), eight or sixteen blocks at a time.
//!
//! A lane is a block: every step does the same to all numbers of a row, with no transposition and no shuffle, so
//! that the compiler turns it into vector code on every target. 16-bit integers only: the same results everywhere.

use super::tables::ZIGZAG;

/// Blocks that are transformed together: as many 16-bit numbers as a register holds, which has 256 bits with AVX2.
pub(super) const LANES: usize = if cfg!(target_arch = "x86_64") { 16 } else { 8 };

/// So many blocks, each number next to its like: `[position in the block][block]`.
pub(super) type Blocks = [[i16; LANES]; 64];

/// Samples come multiplied by this: as many fraction bits as 16 bits leave to the first pass.
pub(super) const SAMPLE_SCALE: i16 = 1 << 5;

/// Coefficients leave multiplied by this.
const COEFFICIENT_SCALE: u16 = 32;

/// Transforms samples (in −128..128, times [`SAMPLE_SCALE`]) into coefficients (times [`COEFFICIENT_SCALE`]), both row
/// by row.
#[inline(always)]
pub(super) fn transform(samples: &Blocks, coefficients: &mut Blocks) {
    let mut columns = [[0; LANES]; 64];
    for x in 0..8 {
        for lane in 0..LANES {
            let column = pass(std::array::from_fn(|y| samples[8 * y + x][lane]));
            for (y, value) in column.into_iter().enumerate() {
                // Three of the five fraction bits make room for what the second pass adds up.
                columns[8 * y + x][lane] = value.wrapping_add(4) >> 3;
            }
        }
    }
    for y in 0..8 {
        for lane in 0..LANES {
            let row = pass(std::array::from_fn(|x| columns[8 * y + x][lane]));
            for (x, value) in row.into_iter().enumerate() {
                coefficients[8 * y + x][lane] = value;
            }
        }
    }
}

/// One dimension of eight points, scaled by √8: the graph of Loeffler, Ligtenberg and Moschytz (1989) with rotations of
/// four multiplications.
///
/// No sum leaves 16 bits while inputs are in −4096..4096: no output is more than eight times the largest input.
#[inline(always)]
fn pass(x: [i16; 8]) -> [i16; 8] {
    let add = i16::wrapping_add;
    let sub = i16::wrapping_sub;
    let (t0, t7) = (add(x[0], x[7]), sub(x[0], x[7]));
    let (t1, t6) = (add(x[1], x[6]), sub(x[1], x[6]));
    let (t2, t5) = (add(x[2], x[5]), sub(x[2], x[5]));
    let (t3, t4) = (add(x[3], x[4]), sub(x[3], x[4]));

    let (s0, s3) = (add(t0, t3), sub(t0, t3));
    let (s1, s2) = (add(t1, t2), sub(t1, t2));
    let y2 = add(times(s3, SQRT_2_SIN_6), times(s2, SQRT_2_COS_6));
    let y6 = sub(times(s3, SQRT_2_COS_6), times(s2, SQRT_2_SIN_6));

    let p = add(times(t4, COS_3), times(t7, SIN_3));
    let q = sub(times(t7, COS_3), times(t4, SIN_3));
    let r = add(times(t5, COS_1), times(t6, SIN_1));
    let s = sub(times(t6, COS_1), times(t5, SIN_1));
    let (qr, ps) = (add(q, r), add(p, s));
    let (y3, y5) = (times(sub(q, r), SQRT_2), times(sub(p, s), SQRT_2));
    [add(s0, s1), add(qr, ps), y2, y3, sub(s0, s1), y5, y6, sub(qr, ps)]
}

/// A factor as a whole number and what is left, in −½..½, times 2^16: a product of two signed 16-bit numbers.
type Factor = (i16, i16);

const COS_1: Factor = (1, -1259); // cos π/16
const SIN_1: Factor = (0, 12785);
const COS_3: Factor = (1, -11045); // cos 3π/16
const SIN_3: Factor = (1, -29126);
const SQRT_2_COS_6: Factor = (1, -30068); // √2 cos 6π/16
const SQRT_2_SIN_6: Factor = (1, 20091);
const SQRT_2: Factor = (1, 27146);

#[inline(always)]
fn times(a: i16, (whole, fraction): Factor) -> i16 {
    let product = (i32::from(a) * i32::from(fraction)) >> 16;
    a.wrapping_mul(whole).wrapping_add(product as i16)
}

type Table = [[u16; LANES]; 64];

/// Division by the steps of a quantisation table, as multiplication; each number once for every lane.
pub(super) struct Quantiser {
    /// Half of each divisor, so that quotients are rounded to nearest.
    halves: Table,
    /// 2^15 to 2^16 over each divisor, times the power of two next above it.
    reciprocals: Table,
    /// That power of two taken off again: a multiplication, because SSE2 cannot shift each lane by its own count.
    scales: Table,
}

impl Quantiser {
    /// For a table in zigzag order.
    pub fn new(steps: &[u8; 64]) -> Self {
        let zeros = [[0; LANES]; 64];
        let mut quantiser = Quantiser { halves: zeros, reciprocals: zeros, scales: zeros };
        for (step, at) in steps.iter().zip(ZIGZAG) {
            let at = usize::from(at);
            let divisor = u32::from((*step).max(1)) * u32::from(COEFFICIENT_SCALE);
            let bits = divisor.next_power_of_two().ilog2();
            quantiser.halves[at] = [(divisor / 2) as u16; LANES];
            quantiser.reciprocals[at] = [(1_u32 << (15 + bits)).div_ceil(divisor) as u16; LANES];
            quantiser.scales[at] = [1 << (17 - bits); LANES];
        }
        quantiser
    }

    /// Quantises what [`transform`] gives, rounding to nearest and halves away from zero, and puts it in zigzag order.
    /// Returns, for each block, a bit for each coefficient that is not zero, from the lowest on.
    #[inline(always)]
    pub fn quantise(&self, coefficients: &mut Blocks, zigzag: &mut Blocks) -> [u64; LANES] {
        let divisors = self.halves.as_flattened().iter().zip(self.reciprocals.as_flattened());
        let divisors = divisors.zip(self.scales.as_flattened());
        for (value, ((half, reciprocal), scale)) in coefficients.as_flattened_mut().iter_mut().zip(divisors) {
            let sign = *value >> 15;
            let magnitude = (*value ^ sign).wrapping_sub(sign) as u16;
            let quotient = high(high(magnitude.wrapping_add(*half), *reciprocal), *scale);
            *value = (quotient as i16 ^ sign).wrapping_sub(sign);
        }
        for (row, at) in zigzag.iter_mut().zip(ZIGZAG) {
            *row = coefficients[usize::from(at) % 64];
        }
        nonzero(zigzag)
    }
}

#[inline(always)]
fn nonzero(quantised: &Blocks) -> [u64; LANES] {
    let mut quarters = [[0_u16; LANES]; 4];
    for (quarter, rows) in quarters.iter_mut().zip(quantised.as_chunks::<16>().0) {
        for (lane, set) in quarter.iter_mut().enumerate() {
            for (bit, row) in rows.iter().enumerate() {
                *set |= u16::from(row[lane] != 0) << bit;
            }
        }
    }
    std::array::from_fn(|lane| {
        quarters.iter().rev().fold(0, |set, quarter| set << 16 | u64::from(quarter[lane]))
    })
}

#[inline(always)]
fn high(a: u16, b: u16) -> u16 {
    ((u32::from(a) * u32::from(b)) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    /// The transform by its definition (T.81, section A.3.3), times the scale.
    fn exact(samples: &[f64; 64]) -> [f64; 64] {
        let basis = |at: usize, frequency: usize| {
            let scale = if frequency == 0 { 0.125_f64.sqrt() } else { 0.5 };
            scale * ((2 * at + 1) as f64 * frequency as f64 * PI / 16.0).cos()
        };
        std::array::from_fn(|i| {
            let sum: f64 = (0..64).map(|j| samples[j] * basis(j % 8, i % 8) * basis(j / 8, i / 8)).sum();
            sum * f64::from(COEFFICIENT_SCALE) / f64::from(SAMPLE_SCALE)
        })
    }

    /// The largest and the mean square error of what the transform gives for a block, in coefficients.
    fn errors(sample: impl Fn(usize) -> i16) -> (f64, f64) {
        let mut blocks = [[0; LANES]; 64];
        let expected = exact(&std::array::from_fn(|i| f64::from(sample(i))));
        transform(&std::array::from_fn(|i| [sample(i); LANES]), &mut blocks);
        assert!(blocks.iter().all(|row| row.iter().all(|value| *value == row[0])));
        let errors = blocks.iter().zip(expected).map(|(row, exact)| (f64::from(row[0]) - exact).abs() / 32.0);
        errors.fold((0.0, 0.0), |(most, square), error| (error.max(most), square + error * error / 64.0))
    }

    fn noise(seed: u32) -> u32 {
        let mut v = seed.wrapping_mul(0x9e37_79b1) ^ 0x1234_5678;
        v = (v ^ (v >> 15)).wrapping_mul(0x2c1b_3c6d);
        v ^ (v >> 13)
    }

    #[test]
    fn transform_is_as_exact_as_sixteen_bits_allow() {
        let mut mean = 0.0;
        for seed in 0..1000 {
            let (most, square) = errors(|i| ((noise(seed * 64 + i as u32) >> 8) % 8160) as i16 - 4096);
            assert!(most < 0.4, "{most} in block {seed}");
            mean += square / 1000.0;
        }
        // A quantisation step of 1 has an error of 1/12 of its own.
        assert!(mean < 1.0 / 120.0, "{mean}");
    }

    #[test]
    fn largest_samples_do_not_overflow() {
        for sign in 0..64_u32 {
            // Black and white by the signs of one basis function: the largest that its coefficient can be.
            let (u, v) = (sign % 8, sign / 8);
            let wave = |at: usize, f: u32| (f64::from(2 * at as u32 + 1) * f64::from(f) * PI / 16.0).cos();
            for bright in [true, false] {
                let (most, _) =
                    errors(|i| if (wave(i % 8, u) * wave(i / 8, v) > 0.0) == bright { 4064 } else { -4096 });
                assert!(most < 0.4, "{most} at {u}, {v}");
            }
        }
    }

    #[test]
    fn quotients_are_rounded_to_nearest() {
        for step in 1..=255_u8 {
            let quantiser = Quantiser::new(&[step; 64]);
            let divisor = 32 * i32::from(step);
            let coefficients: Vec<i16> = (-32768..=32767).step_by(3).map(|c| c as i16).collect();
            for chunk in coefficients.chunks(64) {
                let blocks: Blocks = std::array::from_fn(|i| [chunk.get(i).copied().unwrap_or(0); LANES]);
                let mut quantised = [[0; LANES]; 64];
                let nonzero = quantiser.quantise(&mut blocks.clone(), &mut quantised);
                let mut expected = 0;
                for (k, at) in ZIGZAG.iter().enumerate() {
                    let c = i32::from(blocks[usize::from(*at)][0]);
                    let rounded = (c.abs() + divisor / 2) / divisor * c.signum();
                    assert_eq!(quantised[k], [rounded as i16; LANES], "{c} / {divisor}");
                    expected |= u64::from(rounded != 0) << k;
                }
                assert_eq!(nonzero, [expected; LANES]);
            }
        }
    }
}
