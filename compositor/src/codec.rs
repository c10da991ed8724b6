//! Image formats: one match on [`Format`]; a file per format.

/// A format a composite can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `png`
    Png,
    /// `jpg`
    Jpeg,
    /// `webp`
    Webp,
    /// `avif`
    Avif,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 4] = [Format::Png, Format::Jpeg, Format::Webp, Format::Avif];

    /// The ending in a URL, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpeg => "jpg",
            Format::Webp => "webp",
            Format::Avif => "avif",
        }
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Webp => "image/webp",
            Format::Avif => "image/avif",
        }
    }

    /// The format with this ending.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Format::ALL.into_iter().find(|format| format.extension() == extension)
    }
}
