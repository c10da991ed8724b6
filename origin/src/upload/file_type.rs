//! What kind of file an upload is, image or font: as declared, and as its first bytes say.

use std::fmt;

/// How far into a file an `<svg` may begin: behind a declaration, a document type and a comment.
const SVG_SEARCH_BYTES: usize = 4096;

/// The file types that can become an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    Png,
    Jpeg,
    Webp,
    Gif,
    Svg,
    /// OpenType with TrueType outlines.
    Ttf,
    /// OpenType with CFF outlines.
    Otf,
}

impl FileType {
    const ALL: [Self; 7] = [Self::Png, Self::Jpeg, Self::Webp, Self::Gif, Self::Svg, Self::Ttf, Self::Otf];

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Svg => "image/svg+xml",
            Self::Ttf => "font/ttf",
            Self::Otf => "font/otf",
        }
    }

    /// Is it a font, and no image?
    pub fn is_font(self) -> bool {
        matches!(self, Self::Ttf | Self::Otf)
    }

    /// The type that a `Content-Type` names; its parameters are ignored.
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|kind| kind.media_type().eq_ignore_ascii_case(essence))
    }

    /// The type that a file name ends in.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            "gif" => Some(Self::Gif),
            "svg" => Some(Self::Svg),
            "ttf" => Some(Self::Ttf),
            "otf" => Some(Self::Otf),
            _ => None,
        }
    }

    /// The type that the bytes begin like.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let riff_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', ..] => Some(Self::Gif),
            [0, 1, 0, 0, ..] | [b't', b'r', b'u', b'e', ..] => Some(Self::Ttf),
            [b'O', b'T', b'T', b'O', ..] => Some(Self::Otf),
            _ if riff_webp => Some(Self::Webp),
            _ if looks_like_svg(bytes) => Some(Self::Svg),
            _ => None,
        }
    }
}

fn looks_like_svg(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(SVG_SEARCH_BYTES)];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.trim_ascii_start().starts_with(b"<") && head.windows(4).any(|window| window == b"<svg")
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.media_type())
    }
}

#[cfg(test)]
mod tests {
    use super::FileType::{self, Gif, Jpeg, Otf, Png, Svg, Ttf, Webp};

    #[test]
    fn bytes_tell_the_type() {
        let cases: [(&[u8], Option<FileType>); 12] = [
            (b"\x89PNG\r\n\x1a\n", Some(Png)),
            (b"\xff\xd8\xff\xe0", Some(Jpeg)),
            (b"RIFF\0\0\0\0WEBPVP8L", Some(Webp)),
            (b"RIFF\0\0\0\0WAVE", None),
            (b"GIF89a", Some(Gif)),
            (b"\0\x01\0\0\0\x0f", Some(Ttf)),
            (b"OTTO\0\x0b", Some(Otf)),
            (b"wOF2\0\x01\0\0", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Some(Svg)),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- hat -->\n<svg/>", Some(Svg)),
            (b"<html><body>no</body></html>", None),
            (b"", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(FileType::sniff(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn media_types_are_read_without_their_parameters() {
        assert_eq!(FileType::from_media_type("Image/SVG+xml; charset=utf-8"), Some(Svg));
        assert_eq!(FileType::from_media_type("font/ttf"), Some(Ttf));
        assert_eq!(FileType::from_media_type("application/octet-stream"), None);
        assert_eq!(FileType::from_media_type("text/html"), None);
    }
}
