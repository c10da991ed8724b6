//! A buffer of the caller's that a file is written into: engines take longer to find memory for a new array of a picture's
//! size than to copy the picture, and who draws one after the other needs one buffer only.

use js_sys::Uint8Array;

/// Shorter pieces are joined before they are handed over: every time costs about as much as copying this.
const WORTH_A_CALL: usize = 8 << 10;
/// As much as is joined.
const JOINED: usize = 64 << 10;

/// Takes a file piece by piece.
pub struct Room {
    buffer: Uint8Array,
    /// Of the buffer, in bytes: none where its memory was given away.
    length: usize,
    filled: usize,
    /// What is not handed over yet.
    pending: Vec<u8>,
    /// The buffer is too short: all that comes is pending.
    is_full: bool,
}

impl Room {
    pub fn new(buffer: Uint8Array) -> Self {
        let length = buffer.length() as usize;
        Room { buffer, length, filled: 0, pending: Vec::new(), is_full: false }
    }

    pub fn take(&mut self, piece: &[u8]) {
        if self.pending.len() + piece.len() > JOINED {
            self.hand_over();
        }
        if self.is_full || !self.pending.is_empty() || piece.len() < WORTH_A_CALL || !self.fill(piece) {
            self.pending.extend_from_slice(piece);
        }
    }

    fn hand_over(&mut self) {
        if self.is_full || self.pending.is_empty() {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        if self.fill(&pending) {
            pending.clear();
        }
        self.pending = pending;
    }

    /// Was there room for all of it?
    fn fill(&mut self, bytes: &[u8]) -> bool {
        let end = self.filled + bytes.len();
        self.is_full = end > self.length;
        if !self.is_full {
            self.buffer.subarray(self.filled as u32, end as u32).copy_from(bytes);
            self.filled = end;
        }
        !self.is_full
    }

    /// The file: a view of the buffer, or an array of its own if the buffer was too short.
    pub fn file(mut self) -> Uint8Array {
        self.hand_over();
        if self.filled == 0 {
            return Uint8Array::from(self.pending.as_slice());
        }
        let begun = self.buffer.subarray(0, self.filled as u32);
        if self.pending.is_empty() {
            return begun;
        }
        let file = Uint8Array::new_with_length((self.filled + self.pending.len()) as u32);
        file.set(&begun, 0);
        file.subarray(self.filled as u32, file.length()).copy_from(&self.pending);
        file
    }
}
