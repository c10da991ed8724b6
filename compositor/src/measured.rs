//! Single steps of a render, for `benches/` to measure one by one. Not part of the interface.

use crate::codec::JpegFrame;
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
