//! Why a picture file cannot be used, in sentences that say what to do instead.

use super::words;

/// A file that went away between being chosen and being read.
pub const GONE: &str = "The file could not be read. Choose it again, or another one.";

/// Where an iPhone is told to take pictures that everybody reads.
const HEIC: &str = "This is a HEIC photo, which the studio does not read. Save it as JPEG and choose that. On an iPhone: \
    Settings, Camera, Formats, Most Compatible; on a Mac: open it in Preview and export it as JPEG.";
const AVIF: &str =
    "This is an AVIF picture, which the studio does not read. Save it as JPEG or PNG and choose that.";
const SVG: &str =
    "This is a drawing (SVG), which the studio does not read. Export it as PNG and choose that.";
const TIFF: &str = "This is a TIFF or raw picture, which the studio does not read. Export it as JPEG or PNG and choose that.";
const EMPTY: &str = "This file is empty. Choose another one.";

/// Pictures of a kind that many people have and the studio does not read, told by how the file begins.
pub fn foreign(head: &[u8]) -> Option<&'static str> {
    let brand = head.get(4..12).filter(|name| name.starts_with(b"ftyp")).map(|name| &name[4..]);
    match brand {
        Some(b"avif" | b"avis") => Some(AVIF),
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => Some(HEIC),
        _ if head.is_empty() => Some(EMPTY),
        _ if head.starts_with(b"II*\0") || head.starts_with(b"MM\0*") => Some(TIFF),
        _ if head.starts_with(b"<svg") || head.starts_with(b"<?xml") => Some(SVG),
        _ => None,
    }
}

/// A file over the limit.
pub fn too_long(bytes: u64, limit: u64) -> String {
    let (size, most) = (words::bytes(bytes), words::bytes(limit));
    format!("This file is {size}. Choose one of {most} at most, or make it smaller first.")
}

/// Whatever the decoder said.
pub fn unusable(reason: &str) -> String {
    format!("This picture cannot be used: {reason}. Choose a PNG, JPEG, WebP or GIF.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_picture_is_known_by_its_beginning() {
        for (head, expected) in [
            (b"\0\0\0\x18ftypheic\0\0\0\0".as_slice(), Some(HEIC)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0", Some(HEIC)),
            (b"\0\0\0\x1cftypavif\0\0\0\0", Some(AVIF)),
            (b"<svg xmlns=", Some(SVG)),
            (b"II*\0\x08", Some(TIFF)),
            (b"", Some(EMPTY)),
            (b"\x89PNG\r\n\x1a\n", None),
            (b"\xff\xd8\xff\xe0", None),
            (b"\0\0\0\x18ftypmp42", None),
        ] {
            assert_eq!(foreign(head), expected, "{head:?}");
        }
    }

    #[test]
    fn a_long_file_is_told_how_long() {
        assert!(too_long(40_000_000, 33_554_432).starts_with("This file is 40.0 MB. Choose one of 33.6 MB"));
    }
}
