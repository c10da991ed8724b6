//! Single steps of a render, for `benches/` to measure and `fuzz/` to try one by one. Not part of the interface.

use crate::codec::{self, Format, JpegFrame, Output, Scratch, Strips};
use crate::error::RenderError;
use crate::pixmap::Pixmap;

/// The JPEG encoder for one size and quality.
pub struct Jpeg(JpegFrame);

impl Jpeg {
    /// For pictures of this size.
    ///
    /// # Errors
    /// The format has no such size.
    pub fn new(width: u32, height: u32, quality: u8) -> Result<Self, RenderError> {
        JpegFrame::new(width, height, quality).map(Jpeg)
    }

    /// How many restart intervals a file has.
    pub fn intervals(&self) -> u32 {
        self.0.intervals()
    }

    /// Appends the bytes of one restart interval of a picture of the size.
    pub fn encode(&self, picture: &Pixmap, interval: u32, out: &mut Vec<u8>) {
        self.0.encode(picture.rows(), interval, out);
    }

    /// A whole file.
    pub fn encode_all(&self, picture: &Pixmap) -> Vec<u8> {
        let mut bytes = self.0.head();
        for interval in 0..self.intervals() {
            self.encode(picture, interval, &mut bytes);
            bytes.extend_from_slice(&self.0.marker_after(interval));
        }
        bytes
    }
}

/// A file of these pixels, as a composite is written.
///
/// # Errors
/// The format has no pictures of this size.
pub fn encode(pixmap: &Pixmap, format: Format, quality: u8, opaque: bool) -> Result<Vec<u8>, RenderError> {
    let output = Output { format, quality, opaque };
    let Some(strips) = Strips::new(output, pixmap.size())? else {
        return codec::encode(pixmap.clone(), output);
    };
    let mut scratch = Scratch::default();
    let mut bytes = Vec::new();
    let mut sink = |piece: &[u8]| bytes.extend_from_slice(piece);
    let mut file = strips.file(&mut sink);
    for number in 0..strips.parts() {
        file.push(&strips.encode(pixmap.rows(), number, false, &mut scratch));
    }
    file.end();
    Ok(bytes)
}
