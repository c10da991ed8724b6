//! What is kept of an interval to write it again when some of its MCUs have changed: the bits of all others are copied.
//!
//! An MCU's bits depend on its own pixels and, by the difference that a DC is coded as, on the DCs before it. So behind
//! MCUs that have changed three codes of the next one are written anew, and all that follows is as it was.

use super::entropy::{Bits, Codes};

/// An interval as it was encoded, for [`Frame::amend`](super::encode::Frame::amend).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seams {
    /// Its bits without stuffing, and [`Bits::READ_AHEAD`] bytes that mean nothing.
    bits: Box<[u8]>,
    marks: Box<[Mark]>,
}

/// One MCU of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Bits of each component: 208 bytes a block at most.
    pub lengths: [u16; 3],
    /// DC of each component's first block.
    pub first: [i16; 3],
    /// DC of the last block of luma; those of chroma have one block.
    pub last_luma: i16,
}

impl Seams {
    pub(super) fn new(bits: &[u8], marks: &[Mark]) -> Self {
        Seams { bits: [bits, &[0; Bits::READ_AHEAD]].concat().into(), marks: marks.into() }
    }

    /// Memory it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.bits.len() + size_of_val(&*self.marks)
    }

    pub(super) fn mcus(&self) -> usize {
        self.marks.len()
    }
}

/// Where in a [`Seams`] copying has come to.
pub(super) struct Splice<'a> {
    ground: &'a Seams,
    /// The next MCU.
    mcu: usize,
    /// Its first bit.
    at: usize,
}

impl<'a> Splice<'a> {
    pub fn new(ground: &'a Seams) -> Self {
        Splice { ground, mcu: 0, at: 0 }
    }

    /// Leaves out an MCU.
    pub fn skip(&mut self) {
        self.at += self.ground.marks.get(self.mcu).map_or(0, Mark::bits);
        self.mcu += 1;
    }

    /// Is an MCU not the next one, so that those before it are to be copied?
    #[inline(always)]
    pub fn is_before(&self, mcu: usize) -> bool {
        self.mcu < mcu
    }

    /// Copies the MCUs before this one. `previous` are the DCs before them in what is written; gives the last of theirs.
    pub fn copy_to(
        &mut self,
        mcu: usize,
        mut bits: Bits,
        codes: [&Codes; 3],
        previous: [i16; 3],
    ) -> (Bits, [i16; 3]) {
        let Some(([first, rest @ ..], before)) =
            self.ground.marks.get(self.mcu..mcu).zip(self.ground.marks.get(..self.mcu))
        else {
            return (bits, previous);
        };
        let before = before.last().map_or([0; 3], Mark::last);
        let mut at = self.at;
        for (i, codes) in codes.into_iter().enumerate() {
            let end = at + usize::from(first.lengths[i]);
            let dc = first.first[i];
            bits.reserve(Bits::MOST_OF_BLOCK);
            bits.put_dc(codes, dc.wrapping_sub(previous[i]));
            at += codes.dc_length(dc.wrapping_sub(before[i]));
            bits.copy(&self.ground.bits, at..end);
            at = end;
        }
        let end = at + rest.iter().map(Mark::bits).sum::<usize>();
        bits.copy(&self.ground.bits, at..end);
        (self.mcu, self.at) = (mcu, end);
        (bits, rest.last().unwrap_or(first).last())
    }
}

impl Mark {
    /// DC of each component's last block.
    fn last(&self) -> [i16; 3] {
        [self.last_luma, self.first[1], self.first[2]]
    }

    fn bits(&self) -> usize {
        self.lengths.iter().map(|length| usize::from(*length)).sum()
    }
}
