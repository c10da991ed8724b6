//! The limits of a render: a value passed in, checked from headers, spent before anything is allocated. And how they are
//! told to people: in megapixels and MiB.

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

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::source_pixels`]
    SourcePixels,
    /// Longer side of a source image.
    SourceSide,
    /// [`Limits::canvas_pixels`]
    CanvasPixels,
    /// Longer side of the canvas.
    CanvasSide,
    /// [`Limits::canvas_pixels`], of a text that repeats.
    TextPixels,
    /// [`Limits::drawn_pixels`]
    DrawnPixels,
    /// [`Limits::working_bytes`]
    WorkingBytes,
    /// [`Limits::body_bytes`]
    BodyBytes,
    /// [`Limits::layers`]
    Layers,
}

impl Limit {
    /// The field of [`Limits`] that sets it; `None`: nothing does.
    pub fn field(self) -> Option<&'static str> {
        match self {
            Limit::SourcePixels => Some("source_pixels"),
            Limit::CanvasPixels | Limit::TextPixels => Some("canvas_pixels"),
            Limit::DrawnPixels => Some("drawn_pixels"),
            Limit::WorkingBytes => Some("working_bytes"),
            Limit::BodyBytes => Some("body_bytes"),
            Limit::Layers => Some("layers"),
            Limit::SourceSide | Limit::CanvasSide => None,
        }
    }

    /// `the canvas has 67.1 megapixels; at most 50 are allowed`
    pub(crate) fn told(self, needed: u64, allowed: u64) -> String {
        let (what, unit) = (self.sentence(), self.unit());
        let (given, most) = (unit.in_large(needed), unit.in_large(allowed));
        // Rounded, small amounts would look like nothing, and close ones alike.
        if given == most || (needed.min(allowed) as f64) < unit.size / 10.0 {
            return format!("{what} {needed} {}; at most {allowed} are allowed", unit.small);
        }
        format!("{what} {given} {}; at most {most} are allowed", unit.large)
    }

    fn unit(self) -> &'static Unit {
        match self {
            Limit::SourcePixels | Limit::CanvasPixels | Limit::TextPixels | Limit::DrawnPixels => &PIXELS,
            Limit::SourceSide | Limit::CanvasSide => &SIDE,
            Limit::WorkingBytes | Limit::BodyBytes => &BYTES,
            Limit::Layers => &LAYERS,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Limit::SourcePixels => "the image has",
            Limit::SourceSide => "the image's longer side has",
            Limit::CanvasPixels => "the canvas has",
            Limit::CanvasSide => "the canvas's longer side has",
            Limit::TextPixels => "the repeated text covers",
            Limit::DrawnPixels => "all layers together cover",
            Limit::WorkingBytes => "the render needs",
            Limit::BodyBytes => "the file has",
            Limit::Layers => "the recipe has",
        }
    }
}

/// How an amount is told: in small units, and in large ones of so many small ones.
struct Unit {
    small: &'static str,
    large: &'static str,
    size: f64,
}

const PIXELS: Unit = Unit { small: "pixels", large: "megapixels", size: 1e6 };
const BYTES: Unit = Unit { small: "bytes", large: "MiB", size: (1 << 20) as f64 };
const SIDE: Unit = Unit { small: "pixels", large: "", size: f64::INFINITY };
const LAYERS: Unit = Unit { small: "layers", large: "", size: f64::INFINITY };

impl Unit {
    /// One digit behind the point, none where it would be 0.
    fn in_large(&self, amount: u64) -> String {
        let text = format!("{:.1}", amount as f64 / self.size);
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Limit;

    #[test]
    fn amounts_are_told_in_the_units_people_count_in() {
        for (limit, needed, allowed, told) in [
            (
                Limit::CanvasPixels,
                67_108_864,
                50_000_000,
                "the canvas has 67.1 megapixels; at most 50 are allowed",
            ),
            (
                Limit::CanvasPixels,
                50_000_001,
                50_000_000,
                "the canvas has 50000001 pixels; at most 50000000 are allowed",
            ),
            (Limit::CanvasPixels, 5000, 1000, "the canvas has 5000 pixels; at most 1000 are allowed"),
            (Limit::WorkingBytes, 4 << 30, 768 << 20, "the render needs 4096 MiB; at most 768 are allowed"),
            (Limit::BodyBytes, 65, 10, "the file has 65 bytes; at most 10 are allowed"),
            (Limit::Layers, 9, 8, "the recipe has 9 layers; at most 8 are allowed"),
            (
                Limit::SourceSide,
                70_000,
                65_535,
                "the image's longer side has 70000 pixels; at most 65535 are allowed",
            ),
        ] {
            assert_eq!(limit.told(needed, allowed), told);
        }
    }
}
