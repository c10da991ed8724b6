//! Writing lossless WebP (RFC 9649, section 3): subtract green, predict by blocks, runs, prefix codes.
//!
//! Ours, because a composite must be the same bytes on every target: the encoder used before sorts with std's unstable
//! sort, whose order of equals depends on the size of `usize`. Integers only; every tie is broken by index.

use super::webp::riff;
use crate::pixmap::Pixmap;

/// log2 of the side of a block that shares one predictor.
const BLOCK_BITS: u32 = 5;
/// Longest run that one code can stand for (section 4.2.2).
const MAX_RUN: usize = 4096;
/// Shorter runs cost more than their pixels.
const MIN_RUN: usize = 3;
/// Literals and run lengths of the green alphabet.
const GREEN_SYMBOLS: usize = 256 + 24;
/// Longest prefix code of a symbol, and of a code length (section 3.7.2.1.2).
const MAX_CODE_BITS: u8 = 15;
const MAX_LENGTH_CODE_BITS: u8 = 7;
/// The order in which lengths of the code length code are written (section 3.7.2.1.2).
const LENGTH_CODE_ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The one distance of all runs: code 2, the pixel to the left (section 4.2.2).
const TO_THE_LEFT: u64 = 1;

const TRANSFORM: u64 = 1;
const PREDICTOR: u64 = 0;
const SUBTRACT_GREEN: u64 = 2;

type Pixel = [u8; 4];

/// A WebP file of a picture with sides of 1 to 16,384 pixels.
pub(super) fn encode(pixmap: Pixmap, opaque: bool) -> Vec<u8> {
    let (width, height) = pixmap.size();
    let straight = if opaque { pixmap.into_data() } else { pixmap.into_straight_rgba() };
    let mut pixels: Vec<Pixel> = straight.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]).collect();

    let mut bits = Bits::default();
    bits.put(0x2f, 8); // signature
    bits.put(u64::from(width - 1), 14);
    bits.put(u64::from(height - 1), 14);
    bits.put(u64::from(!opaque), 1);
    bits.put(0, 3); // version

    bits.put(TRANSFORM | SUBTRACT_GREEN << 1, 3);
    subtract_green(&mut pixels);
    bits.put(TRANSFORM | PREDICTOR << 1, 3);
    bits.put(u64::from(BLOCK_BITS - 2), 3);
    let (modes, residuals) = predict(&pixels, width as usize);
    bits.put(0, 1); // no colour cache
    write_image(&mut bits, &modes);
    bits.put(0, 1); // no more transforms
    bits.put(0, 1); // no colour cache
    bits.put(0, 1); // one group of prefix codes for the whole picture
    write_image(&mut bits, &residuals);
    riff([(*b"VP8L", bits.finish().as_slice())])
}

/// One channel as the green of a picture without anything else, behind no header: as an `ALPH` chunk has it (section
/// 2.7.1.2).
#[cfg(feature = "lossy")]
pub(super) fn encode_plane(plane: &[u8]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0, 1); // no transform
    bits.put(0, 1); // no colour cache
    bits.put(0, 1); // one group of prefix codes for all of it
    let mut green = [0_u32; GREEN_SYMBOLS];
    each_token(plane, |token| green[token.green_symbol()] += 1);
    let green = Code::write(&mut bits, &green);
    (0..3).for_each(|_| write_single_symbol(&mut bits, 0));
    write_single_symbol(&mut bits, TO_THE_LEFT);
    each_token(plane, |token| token.put_green(&mut bits, &green));
    bits.finish()
}

fn subtract_green(pixels: &mut [Pixel]) {
    for [r, g, b, _] in pixels {
        *r = r.wrapping_sub(*g);
        *b = b.wrapping_sub(*g);
    }
}

/// The predictors that are tried for each block, by their numbers (section 4.1).
#[derive(Clone, Copy)]
enum Predictor {
    Left = 1,
    Top = 2,
    ClampedGradient = 12,
}

impl Predictor {
    const ALL: [Predictor; 3] = [Predictor::Top, Predictor::Left, Predictor::ClampedGradient];

    fn predict(self, left: Pixel, top: Pixel, top_left: Pixel) -> Pixel {
        match self {
            Predictor::Left => left,
            Predictor::Top => top,
            Predictor::ClampedGradient => std::array::from_fn(|i| {
                (i16::from(left[i]) + i16::from(top[i]) - i16::from(top_left[i])).clamp(0, 255) as u8
            }),
        }
    }
}

/// The image of predictors, one pixel a block with the number in green, and what prediction leaves over.
fn predict(pixels: &[Pixel], width: usize) -> (Vec<Pixel>, Vec<Pixel>) {
    let height = pixels.len() / width;
    let side = 1 << BLOCK_BITS;
    let mut modes = Vec::new();
    let mut residuals = vec![[0; 4]; pixels.len()];
    for y0 in (0..height).step_by(side) {
        for x0 in (0..width).step_by(side) {
            let (xs, ys) = (x0..(x0 + side).min(width), y0..(y0 + side).min(height));
            let cost = |predictor: &Predictor| -> u32 {
                // Every other row tells enough.
                let rows = ys.clone().step_by(2);
                let inner = rows.flat_map(|y| xs.clone().map(move |x| (x, y)));
                inner.map(|(x, y)| magnitude(residual(pixels, width, x, y, *predictor))).sum()
            };
            let best = Predictor::ALL.into_iter().min_by_key(cost).unwrap_or(Predictor::Top);
            modes.push([0, best as u8, 0, 0]);
            for y in ys {
                for x in xs.clone() {
                    residuals[y * width + x] = residual(pixels, width, x, y, best);
                }
            }
        }
    }
    (modes, residuals)
}

/// What a pixel differs from its prediction by. The first row and column have predictors of their own (section 4.1).
fn residual(pixels: &[Pixel], width: usize, x: usize, y: usize, predictor: Predictor) -> Pixel {
    let i = y * width + x;
    let predicted = match (x, y) {
        (0, 0) => [0, 0, 0, 255],
        (_, 0) => pixels[i - 1],
        (0, _) => pixels[i - width],
        _ => predictor.predict(pixels[i - 1], pixels[i - width], pixels[i - width - 1]),
    };
    std::array::from_fn(|c| pixels[i][c].wrapping_sub(predicted[c]))
}

/// How far a residual is from nothing, a channel being a circle of 256.
fn magnitude(residual: Pixel) -> u32 {
    residual.iter().map(|r| u32::from((*r).min(r.wrapping_neg()))).sum()
}

/// A piece of an entropy-coded image: one pixel, or the last one repeated.
enum Token<P> {
    Literal(P),
    Run(usize),
}

fn each_token<P: Copy + PartialEq>(pixels: &[P], mut see: impl FnMut(Token<P>)) {
    let mut at = 0;
    while let Some(pixel) = pixels.get(at) {
        see(Token::Literal(*pixel));
        at += 1;
        let run = pixels[at..].iter().take(MAX_RUN).take_while(|next| *next == pixel).count();
        if run >= MIN_RUN {
            see(Token::Run(run));
            at += run;
        }
    }
}

/// Five prefix codes and the tokens in them (sections 3.7 and 3.8). Channels are coded green, red, blue, alpha.
fn write_image(bits: &mut Bits, pixels: &[Pixel]) {
    let mut green = [0_u32; GREEN_SYMBOLS];
    let mut others = [[0_u32; 256]; 3];
    each_token(pixels, |token| {
        green[token.green_symbol()] += 1;
        if let Token::Literal([r, _, b, a]) = token {
            for (frequencies, sample) in others.iter_mut().zip([r, b, a]) {
                frequencies[usize::from(sample)] += 1;
            }
        }
    });
    let green = Code::write(bits, &green);
    let [red, blue, alpha] = others.map(|frequencies| Code::write(bits, &frequencies));
    write_single_symbol(bits, TO_THE_LEFT);
    each_token(pixels, |token| {
        token.put_green(bits, &green);
        if let Token::Literal([r, _, b, a]) = token {
            red.put(bits, usize::from(r));
            blue.put(bits, usize::from(b));
            alpha.put(bits, usize::from(a));
        }
    });
}

/// A pixel, or the only channel that is not 0.
trait Green {
    fn green(&self) -> u8;
}

impl Green for Pixel {
    fn green(&self) -> u8 {
        self[1]
    }
}

impl Green for u8 {
    fn green(&self) -> u8 {
        *self
    }
}

impl<P: Green> Token<P> {
    /// What stands for it in the alphabet of green.
    fn green_symbol(&self) -> usize {
        match self {
            Token::Literal(pixel) => usize::from(pixel.green()),
            Token::Run(length) => 256 + run_prefix(*length).symbol,
        }
    }

    fn put_green(&self, bits: &mut Bits, code: &Code) {
        code.put(bits, self.green_symbol());
        if let Token::Run(length) = self {
            let prefix = run_prefix(*length);
            bits.put(prefix.extra, prefix.extra_bits);
        }
    }
}

struct Prefix {
    symbol: usize,
    extra: u64,
    extra_bits: u32,
}

/// A run length as a prefix symbol and extra bits (section 4.2.2).
fn run_prefix(length: usize) -> Prefix {
    let value = length - 1;
    if value < 4 {
        return Prefix { symbol: value, extra: 0, extra_bits: 0 };
    }
    let highest = value.ilog2();
    let second = (value >> (highest - 1)) & 1;
    let extra_bits = highest - 1;
    let extra = value as u64 & ((1 << extra_bits) - 1);
    Prefix { symbol: 2 * highest as usize + second, extra, extra_bits }
}

/// A canonical prefix code.
struct Code {
    lengths: Vec<u8>,
    codes: Vec<u16>,
}

impl Code {
    fn new(frequencies: &[u32], limit: u8) -> Self {
        let lengths = code_lengths(frequencies, limit);
        let codes = canonical_codes(&lengths);
        Code { lengths, codes }
    }

    /// Makes the code of these frequencies and writes it (section 3.7.2.1).
    fn write(bits: &mut Bits, frequencies: &[u32]) -> Self {
        let used = frequencies.iter().filter(|f| **f > 0).count();
        if used <= 1 {
            let symbol = frequencies.iter().position(|f| *f > 0).unwrap_or(0);
            if symbol < 256 {
                write_single_symbol(bits, symbol as u64);
                return Code { lengths: vec![0; frequencies.len()], codes: vec![0; frequencies.len()] };
            }
        }
        let code = Code::new(frequencies, MAX_CODE_BITS);
        bits.put(0, 1); // not the simple form
        let mut length_frequencies = [0; 16];
        for length in &code.lengths {
            length_frequencies[usize::from(*length)] += 1;
        }
        let length_code = Code::new(&length_frequencies, MAX_LENGTH_CODE_BITS);
        bits.put(LENGTH_CODE_ORDER.len() as u64 - 4, 4);
        for symbol in LENGTH_CODE_ORDER {
            let length = length_code.lengths.get(symbol).copied().unwrap_or(0);
            bits.put(u64::from(length), 3);
        }
        bits.put(0, 1); // lengths of the whole alphabet follow
        let one_length = length_frequencies.iter().filter(|f| **f > 0).count() == 1;
        for length in code.lengths.iter().filter(|_| !one_length) {
            length_code.put(bits, usize::from(*length));
        }
        code
    }

    fn put(&self, bits: &mut Bits, symbol: usize) {
        bits.put(u64::from(self.codes[symbol]), u32::from(self.lengths[symbol]));
    }
}

/// The simple form of a code with one symbol, which then takes no bits.
fn write_single_symbol(bits: &mut Bits, symbol: u64) {
    bits.put(1, 1); // simple
    bits.put(0, 1); // one symbol
    bits.put(1, 1); // of eight bits
    bits.put(symbol, 8);
}

/// Optimal code lengths of at most `limit` bits, by package-merge (Larmore and Hirschberg, 1990). A lone symbol gets
/// one bit.
fn code_lengths(frequencies: &[u32], limit: u8) -> Vec<u8> {
    struct Node {
        weight: u64,
        /// A symbol, or two nodes of the level below.
        leaf: Option<usize>,
        pair: (usize, usize),
    }
    let mut lengths = vec![0; frequencies.len()];
    let mut symbols: Vec<usize> = (0..frequencies.len()).filter(|s| frequencies[*s] > 0).collect();
    if let [symbol] = symbols[..] {
        lengths[symbol] = 1;
        return lengths;
    }
    symbols.sort_by_key(|symbol| (frequencies[*symbol], *symbol));
    let mut nodes: Vec<Node> = Vec::new();
    let mut level: Vec<usize> = Vec::new();
    for _ in 0..limit {
        let packages: Vec<Node> = level
            .chunks_exact(2)
            .map(|pair| Node {
                weight: nodes[pair[0]].weight + nodes[pair[1]].weight,
                leaf: None,
                pair: (pair[0], pair[1]),
            })
            .collect();
        let leaves =
            symbols.iter().map(|s| Node { weight: u64::from(frequencies[*s]), leaf: Some(*s), pair: (0, 0) });
        let first = nodes.len();
        let mut merged: Vec<Node> = leaves.chain(packages).collect();
        merged.sort_by_key(|node| node.weight); // stable: of equals the leaves come first
        nodes.extend(merged);
        level = (first..nodes.len()).collect();
    }
    let mut open: Vec<usize> = level.into_iter().take((2 * symbols.len()).saturating_sub(2)).collect();
    while let Some(node) = open.pop() {
        match nodes[node].leaf {
            Some(symbol) => lengths[symbol] += 1,
            None => open.extend([nodes[node].pair.0, nodes[node].pair.1]),
        }
    }
    lengths
}

/// Canonical codes, their bits reversed because they are written from the lowest on.
fn canonical_codes(lengths: &[u8]) -> Vec<u16> {
    let mut codes = vec![0; lengths.len()];
    let mut next = 0_u16;
    for length in 1..=MAX_CODE_BITS {
        next <<= 1;
        for (code, _) in codes.iter_mut().zip(lengths).filter(|(_, l)| **l == length) {
            *code = next.reverse_bits() >> (16 - length);
            next += 1;
        }
    }
    codes
}

/// Bits, written from the lowest on.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl Bits {
    /// Appends the low `count` bits of `value`; at most 32 at a time.
    fn put(&mut self, value: u64, count: u32) {
        self.pending |= value << self.count;
        self.count += count;
        if self.count >= 32 {
            self.bytes.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.count -= 32;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let rest = self.count.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..rest]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an independent decoder reads back.
    fn decoded(file: &[u8]) -> Vec<u8> {
        let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(file)).unwrap();
        let mut samples = vec![0; decoder.output_buffer_size().unwrap()];
        decoder.read_image(&mut samples).unwrap();
        samples
    }

    fn check(name: &str, width: u32, height: u32, pixel: impl Fn(u32, u32) -> Pixel) {
        let samples: Vec<u8> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| pixel(x, y))
            .collect();
        let pixmap = Pixmap::from_straight_rgba(width, height, samples).unwrap();
        let straight = pixmap.to_straight_rgba();
        assert_eq!(decoded(&encode(pixmap.clone(), false)), straight, "{name}, {width}×{height}");
        if pixmap.is_opaque() {
            assert_eq!(
                decoded(&encode(pixmap.clone(), true)),
                pixmap.into_rgb(),
                "{name}, {width}×{height}, opaque"
            );
        }
    }

    fn noise(x: u32, y: u32, salt: u32) -> u8 {
        let mut v =
            x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b) ^ salt.wrapping_mul(0xc2b2_ae35);
        v ^= v >> 15;
        v = v.wrapping_mul(0x2c1b_3c6d);
        (v >> 21) as u8
    }

    #[test]
    fn an_independent_decoder_reads_every_kind_of_picture() {
        for (width, height) in [(1, 1), (1, 70), (70, 1), (2, 3), (31, 33), (32, 32), (100, 65), (5000, 3)] {
            check("one colour", width, height, |_, _| [9, 8, 7, 255]);
            check("nothing", width, height, |_, _| [0; 4]);
            check("noise", width, height, |x, y| [noise(x, y, 1), noise(x, y, 2), noise(x, y, 3), 255]);
            check("clear noise", width, height, |x, y| {
                [noise(x, y, 1), noise(x, y, 2), noise(x, y, 3), noise(x, y, 4)]
            });
            check("gradient", width, height, |x, y| [x as u8, y as u8, (x + y) as u8, 255]);
            check("two colours", width, height, |x, y| {
                if noise(x / 3, y, 5) > 99 { [255, 0, 0, 255] } else { [0, 0, 255, 255] }
            });
        }
    }

    #[test]
    fn codes_never_exceed_the_limit_and_fill_the_tree() {
        // Fibonacci frequencies make the deepest trees there are.
        let mut fibonacci = vec![1_u32, 1];
        while fibonacci.len() < 40 {
            fibonacci.push(fibonacci[fibonacci.len() - 1] + fibonacci[fibonacci.len() - 2]);
        }
        for (frequencies, limit) in [
            (fibonacci, 15),
            (vec![5; 256], 15),
            (vec![1, 0, 9], 15),
            (vec![1, 2, 4, 8, 16, 32, 64, 128, 256, 512], 7),
        ] {
            let lengths = code_lengths(&frequencies, limit);
            assert!(lengths.iter().all(|l| *l <= limit), "{lengths:?}");
            let kraft: u32 = lengths.iter().filter(|l| **l > 0).map(|l| 1 << (limit - l)).sum();
            assert_eq!(kraft, 1 << limit, "{lengths:?}");
        }
    }

    #[test]
    fn deep_trees_survive() {
        // Residuals whose frequencies fall by half, so that the unlimited tree would be deeper than 15 bits.
        check("deep", 512, 300, |x, y| {
            let depth = (noise(x, y, 7).trailing_zeros()
                + noise(x, y, 8).trailing_zeros()
                + noise(x, y, 9).trailing_zeros()) as u8;
            [depth.wrapping_mul(11), 0, 0, 255]
        });
    }
}
