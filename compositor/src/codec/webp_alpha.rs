//! The alpha of a lossy WebP: what its `ALPH` chunk holds (RFC 9649, section 2.7.1.2), lossless. Ours, because libwebp
//! takes nearly as long for it as for all colours.

use super::vp8l;

/// Compressed, as the lowest bits of the first byte say it.
const COMPRESSED: u8 = 1;
/// Every row of this many is looked at to choose a filter.
const SAMPLED: usize = 4;

/// What a value is predicted from, by its number in the file.
#[derive(Clone, Copy)]
enum Filter {
    None = 0,
    Left = 1,
    Above = 2,
    Gradient = 3,
}

impl Filter {
    const ALL: [Filter; 4] = [Filter::None, Filter::Left, Filter::Above, Filter::Gradient];

    /// Appends what a row differs from its prediction by. The first row has nothing above, the first value nothing on its
    /// left: each is then predicted from the other.
    fn append(self, above: Option<&[u8]>, row: &[u8], residuals: &mut Vec<u8>) {
        let by_left = row.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
        let Some(above) = above.filter(|_| !matches!(self, Filter::None)) else {
            match self {
                Filter::None => residuals.extend_from_slice(row),
                _ => residuals.extend(row.iter().take(1).copied().chain(by_left)),
            }
            return;
        };
        let by_above = row.iter().zip(above).map(|(value, above)| value.wrapping_sub(*above));
        match self {
            Filter::None | Filter::Above => residuals.extend(by_above),
            Filter::Left => residuals.extend(by_above.take(1).chain(by_left)),
            Filter::Gradient => {
                let inner = row.windows(2).zip(above.windows(2)).map(|(row, above)| {
                    let gradient = i16::from(row[0]) + i16::from(above[1]) - i16::from(above[0]);
                    row[1].wrapping_sub(gradient.clamp(0, 255) as u8)
                });
                residuals.extend(by_above.take(1).chain(inner));
            }
        }
    }

    /// The one that leaves the least, by a sample of rows.
    fn choose(alpha: &[u8], width: usize) -> Filter {
        let mut residuals = Vec::with_capacity(width);
        let mut bits_of = |filter: &Filter| -> u32 {
            let pairs = alpha.chunks_exact(width).zip(alpha.chunks_exact(width).skip(1));
            let sampled = pairs.step_by(SAMPLED).map(|(above, row)| {
                residuals.clear();
                filter.append(Some(above), row, &mut residuals);
                cost(&residuals)
            });
            sampled.sum()
        };
        Filter::ALL.into_iter().min_by_key(|filter| bits_of(filter)).unwrap_or(Filter::None)
    }
}

/// About how many bits residuals take: what is as the one before it is part of a run.
fn cost(residuals: &[u8]) -> u32 {
    let bits = |value: u8| 2 + 8 - value.min(value.wrapping_neg()).leading_zeros();
    residuals.windows(2).map(|pair| if pair[0] == pair[1] { 0 } else { bits(pair[1]) }).sum()
}

/// The data of the chunk for rows of so many values.
pub(super) fn encode(alpha: &[u8], width: usize) -> Vec<u8> {
    let filter = Filter::choose(alpha, width);
    let mut residuals = Vec::with_capacity(alpha.len());
    let mut above = None;
    for row in alpha.chunks_exact(width) {
        filter.append(above, row, &mut residuals);
        above = Some(row);
    }
    let mut chunk = vec![COMPRESSED | (filter as u8) << 2];
    chunk.extend_from_slice(&vp8l::encode_plane(&residuals));
    chunk
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Output, encode as encode_file, webp::chunks};
    use crate::pixmap::Pixmap;

    const OUTPUT: Output = Output { format: Format::Webp, quality: 80, opaque: false };

    fn picture(width: u32, height: u32, alpha: impl Fn(u32, u32) -> u8) -> Pixmap {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let straight = places.flat_map(|(x, y)| [x as u8, y as u8, 90, alpha(x, y)]).collect();
        Pixmap::from_straight_rgba(width, height, straight).unwrap()
    }

    /// By an independent decoder.
    fn alpha_of(file: &[u8]) -> Vec<u8> {
        let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(file)).unwrap();
        let mut samples = vec![0; decoder.output_buffer_size().unwrap()];
        decoder.read_image(&mut samples).unwrap();
        assert!(decoder.has_alpha());
        samples.into_iter().skip(3).step_by(4).collect()
    }

    #[test]
    fn an_independent_decoder_reads_every_alpha_back() {
        let noise = |x: u32, y: u32| (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b)) >> 23;
        let disc =
            |x: u32, y: u32| 300_u32.saturating_sub((x.abs_diff(40).pow(2) + y.abs_diff(30).pow(2)) / 4);
        let kinds: [&dyn Fn(u32, u32) -> u32; 6] =
            [&|_, _| 0, &|_, _| 7, &noise, &|x, y| x + 2 * y, &|x, _| x * 3, &disc];
        for (width, height) in [(1, 1), (1, 70), (70, 1), (2, 3), (129, 67), (5000, 3)] {
            for (number, kind) in kinds.iter().enumerate() {
                let pixmap = picture(width, height, |x, y| kind(x, y).min(255) as u8);
                let alpha: Vec<u8> = pixmap.to_straight_rgba().into_iter().skip(3).step_by(4).collect();
                if alpha.iter().any(|alpha| *alpha != 255) {
                    let file = encode_file(pixmap, OUTPUT).unwrap();
                    assert!(alpha_of(&file) == alpha, "{width}×{height}, kind {number}");
                }
            }
        }
    }

    #[test]
    fn it_is_at_most_a_third_larger_than_that_of_libwebp() {
        let edge = |x: u32, y: u32| {
            let far = f64::from(x.abs_diff(200).pow(2) + y.abs_diff(180).pow(2)).sqrt();
            (1200.0 - far * 8.0).clamp(0.0, 255.0) as u8
        };
        let pixmap = picture(400, 400, edge);
        let samples = pixmap.to_straight_rgba();
        let length = |file: &[u8]| chunks(file).find(|(name, _)| name == b"ALPH").unwrap().1.len();
        let theirs = webp::Encoder::from_rgba(&samples, 400, 400).encode(80.0);
        let (ours, theirs) = (length(&encode_file(pixmap, OUTPUT).unwrap()), length(&theirs));
        assert!(ours * 100 <= theirs * 130, "{ours} bytes, libwebp {theirs}");
    }
}
