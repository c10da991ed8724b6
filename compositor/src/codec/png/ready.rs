//! Kept files (`keep.rs`) whose strips are those of a composite, where the picture lies bare at its own size: written when
//! it was imported, copied ever after. What something lies on is decoded, strip by strip.

use super::adler::Checksum;
use super::chunk::is_sound;
use super::filter::Filter;
use super::inflate::Segment;
use super::read::KeptFile;
use super::strips::Frame;
use super::unfilter::unfilter;
use crate::pixmap::{Pixmap, premultiply};

/// A kept file that has the strips of a composite.
pub(crate) struct Ready<'a> {
    kept: KeptFile<'a>,
    checksums: &'a [[u8; 4]],
    segments: Vec<Segment>,
}

impl<'a> Ready<'a> {
    /// The strips of a file, if they are those of a composite of this shape.
    pub fn recognise(file: &'a [u8], frame: &Frame) -> Option<Self> {
        let kept = KeptFile::recognise(file)?;
        let checksums = kept.ready?;
        if Frame::new(kept.width, kept.height, kept.opaque) != *frame || kept.strip_rows != frame.rows(0).end
        {
            return None;
        }
        let (segments, of_all) = kept.segments()?;
        let ready = Ready { kept, checksums, segments };
        let joined = (0..frame.strips())
            .fold(Checksum::EMPTY, |checksum, strip| checksum.followed_by(ready.checksum(strip as usize)));
        (joined.adler == of_all).then_some(ready)
    }

    /// The picture's width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.kept.width, self.kept.height)
    }

    /// How many strips there are.
    pub fn count(&self) -> usize {
        self.segments.len()
    }

    fn checksum(&self, strip: usize) -> Checksum {
        Checksum::known(u32::from_be_bytes(self.checksums[strip]), self.segments[strip].bytes)
    }

    /// The chunk of a strip, with the checksum of what it stands for. `None`: it is damaged.
    pub fn strip(&self, strip: usize) -> Option<(&'a [u8], Checksum)> {
        let chunk = self.kept.chunk(self.segments.get(strip)?);
        is_sound(chunk).then(|| (chunk, self.checksum(strip)))
    }

    /// Decodes some strips to their place in a picture of the size. `None`: one is damaged, and what is in the picture is
    /// worth nothing.
    pub fn decode(&self, wanted: &[usize], pixmap: &mut Pixmap) -> Option<()> {
        if self.kept.opaque {
            self.decode_as::<3>(wanted, pixmap)
        } else {
            self.decode_as::<4>(wanted, pixmap)
        }
    }

    fn decode_as<const N: usize>(&self, wanted: &[usize], pixmap: &mut Pixmap) -> Option<()> {
        let (width, row) = (self.kept.width as usize, self.kept.width as usize * 4);
        let mut places = wanted.iter();
        self.kept.inflate(wanted.iter().map(|strip| &self.segments[*strip]), |segment, filtered| {
            let strip = *places.next()?;
            let start = strip * self.kept.strip_rows as usize * row;
            let rows = &mut pixmap.data_mut()[start..start + segment.bytes / (1 + width * N) * row];
            let leans_on_nothing = filtered[0] <= Filter::Sub as u8;
            if !leans_on_nothing || Checksum::of(&filtered[..segment.bytes]) != self.checksum(strip) {
                return None;
            }
            unfilter::<N>(filtered, None, rows, width)?;
            if N == 4 {
                premultiply(rows);
            }
            Some(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::keep::{ready_length, write_ready};
    use super::super::strips::Scratch;
    use super::super::tests::pictures;
    use super::*;

    fn ready_file(pixmap: &Pixmap, opaque: bool) -> Option<Vec<u8>> {
        ready_length(pixmap, opaque).map(|length| write_ready(pixmap, opaque, length))
    }

    /// All strips; `None`: one is damaged.
    fn strips<'a>(ready: &Ready<'a>) -> Option<Vec<(&'a [u8], Checksum)>> {
        (0..ready.count()).map(|strip| ready.strip(strip)).collect()
    }

    #[test]
    fn the_strips_of_an_import_are_those_of_a_composite() {
        let mut compared = 0;
        for (pixmap, opaque) in pictures() {
            let (width, height) = pixmap.size();
            let frame = Frame::new(width, height, opaque);
            let Some(file) = ready_file(&pixmap, opaque) else { continue };
            let ready = Ready::recognise(&file, &frame).unwrap();
            for (number, (chunk, checksum)) in (0..).zip(strips(&ready).unwrap()) {
                let made = frame.encode(pixmap.rows(), number, false, &mut Scratch::default());
                assert!(chunk == &*made.chunk, "{pixmap:?} {opaque}, strip {number}");
                assert_eq!(checksum, made.checksum);
                compared += 1;
            }
            let others = [
                Frame::new(width, height, !opaque),
                Frame::new(width + 1, height, opaque),
                Frame::new(width, height + 1, opaque),
            ];
            assert!(others.iter().all(|other| Ready::recognise(&file, other).is_none()));
        }
        assert!(compared > 500, "{compared} strips");
    }

    #[test]
    fn some_strips_are_decoded_alone() {
        for (pixmap, opaque) in pictures() {
            let (width, height) = pixmap.size();
            let frame = Frame::new(width, height, opaque);
            let Some(file) = ready_file(&pixmap, opaque) else { continue };
            let ready = Ready::recognise(&file, &frame).unwrap();
            for wanted in (0..3).map(|from| (from..ready.count()).step_by(3).collect::<Vec<_>>()) {
                let mut some = Pixmap::filled(width, height, [0; 4]);
                ready.decode(&wanted, &mut some).unwrap();
                for strip in 0..ready.count() {
                    let rows = frame.rows(strip as u32);
                    let nothing = vec![0; rows.len() * width as usize * 4];
                    let is_there = wanted.contains(&strip);
                    let expected = if is_there { pixmap.rows().range(rows.clone()) } else { &nothing };
                    assert!(some.rows().range(rows) == expected, "{pixmap:?} {opaque}, strip {strip}");
                }
            }
        }
    }

    #[test]
    fn strips_of_another_version_are_decoded_and_not_copied() {
        let (pixmap, opaque) = pictures().last().unwrap();
        let (width, height) = pixmap.size();
        let mut file = ready_file(&pixmap, opaque).unwrap();
        let kind = file.windows(4).position(|name| name == b"stRP").unwrap();
        file[kind + 8 + 3] ^= 1;
        assert!(Ready::recognise(&file, &Frame::new(width, height, opaque)).is_none());
        let decoded = KeptFile::recognise(&file).and_then(|kept| kept.decode()).unwrap();
        assert!(decoded == pixmap.to_straight_rgba());
    }

    #[test]
    fn damage_is_noticed_or_does_no_harm() {
        for (pixmap, opaque) in pictures().filter(|(pixmap, _)| pixmap.size() == (300, 90)) {
            let frame = Frame::new(300, 90, opaque);
            let file = ready_file(&pixmap, opaque).unwrap();
            let whole = strips(&Ready::recognise(&file, &frame).unwrap());
            for at in (0..file.len()).step_by(file.len() / 300 + 1).chain(0..120) {
                let mut damaged = file.clone();
                damaged[at] ^= 1 << (at % 8);
                let Some(ready) = Ready::recognise(&damaged, &frame) else { continue };
                let copied = strips(&ready);
                assert!(copied.is_none() || copied == whole, "byte {at}");
                let mut decoded = Pixmap::filled(300, 90, [0; 4]);
                let wanted: Vec<usize> = (0..ready.count()).collect();
                assert!(ready.decode(&wanted, &mut decoded).is_none() || decoded == pixmap, "byte {at}");
            }
        }
    }
}
