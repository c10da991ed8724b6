//! Copying what a match of deflate repeats, eight bytes at a time: they may run into themselves, and over the end by as
//! much as there is room for.

/// Copies bytes that may run into themselves. There is [`ROOM`](super::inflate::ROOM) behind `to + length`.
#[inline(always)]
pub(super) fn repeat(out: &mut [u8], from: usize, to: usize, length: usize) {
    let distance = to - from;
    if length > 48 {
        return repeat_long(out, from, to, length);
    }
    if distance < 8 {
        return repeat_near(out, from, to, length);
    }
    // Most matches are short: sixteen bytes without a question.
    copy_eight(out, from, to);
    copy_eight(out, from + 8, to + 8);
    let mut done = 16;
    while done < length {
        copy_eight(out, from + done, to + done);
        done += 8;
    }
}

/// By as much at a time as there is: twice as much every time, where bytes run into themselves.
#[inline(never)]
fn repeat_long(out: &mut [u8], from: usize, to: usize, length: usize) {
    if from + 1 == to {
        let byte = out[from];
        return out[to..to + length].fill(byte);
    }
    let mut done = 0;
    while done < length {
        let more = (to - from + done).min(length - done);
        out.copy_within(from..from + more, to + done);
        done += more;
    }
}

/// From fewer than eight bytes before: as a word of eight that repeats by as many whole distances as it has room for.
#[inline(always)]
fn repeat_near(out: &mut [u8], from: usize, to: usize, length: usize) {
    let distance = to - from;
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&out[from..from + 8]);
    let bits = 8 * distance as u32;
    let once = u64::from_le_bytes(bytes) & ((1 << bits) - 1);
    let mut word = once | once << bits;
    if distance < 4 {
        word |= word << (2 * bits);
    }
    if distance == 1 {
        word |= word << 32;
    }
    let step = 8 / distance * distance;
    for at in (to..to + length).step_by(step) {
        out[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
}

#[inline(always)]
fn copy_eight(out: &mut [u8], from: usize, to: usize) {
    let mut eight = [0; 8];
    eight.copy_from_slice(&out[from..from + 8]);
    out[to..to + 8].copy_from_slice(&eight);
}
