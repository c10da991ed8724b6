//! The limits of a render: a value passed in, checked from headers, spent before anything is allocated.

/// What one render, or one upload, may cost. Every field has a default that suits a server with a gigabyte to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of one source image. Default 50,000,000.
    pub source_pixels: u64,
    /// Device pixels of the canvas. Default 50,000,000.
    pub canvas_pixels: u64,
    /// Canvas pixels that all layers of one recipe may cover together: what bounds a render's time. Default 200,000,000.
    pub drawn_pixels: u64,
    /// Working memory of one render in bytes, everything counted. Default 768 MiB.
    pub working_bytes: u64,
    /// Length of an uploaded file in bytes. Default 32 MiB.
    pub body_bytes: u64,
    /// Layers of one recipe. Default (and most) 16.
    pub layers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            source_pixels: 50_000_000,
            canvas_pixels: 50_000_000,
            drawn_pixels: 200_000_000,
            working_bytes: 768 << 20,
            body_bytes: 32 << 20,
            layers: crate::recipe::MAX_LAYERS,
        }
    }
}
