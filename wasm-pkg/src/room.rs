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
    filled: u32,
    /// What is not handed over yet; all the rest, once the buffer has no room for it.
    pending: Vec<u8>,
}

impl Room {
    pub fn new(buffer: Uint8Array) -> Self {
        Room { buffer, filled: 0, pending: Vec::new() }
    }

    pub fn take(&mut self, piece: &[u8]) {
        if self.pending.len() + piece.len() > JOINED {
            self.hand_over();
        }
        if !self.pending.is_empty() || piece.len() < WORTH_A_CALL || !self.fill(piece) {
            self.pending.extend_from_slice(piece);
        }
    }

    fn hand_over(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if !self.fill(&pending) {
            self.pending = pending;
        }
    }

    /// Was there room for all of it?
    fn fill(&mut self, bytes: &[u8]) -> bool {
        let end = self.filled as usize + bytes.len();
        if end > self.buffer.length() as usize {
            return false;
        }
        self.buffer.subarray(self.filled, end as u32).copy_from(bytes);
        self.filled = end as u32;
        true
    }

    /// The file: a view of the buffer, or an array of its own if the buffer was too short.
    pub fn file(mut self) -> Uint8Array {
        self.hand_over();
        let begun = self.buffer.subarray(0, self.filled);
        if self.pending.is_empty() {
            return begun;
        }
        let file = Uint8Array::new_with_length(self.filled + self.pending.len() as u32);
        file.set(&begun, 0);
        file.subarray(self.filled, file.length()).copy_from(&self.pending);
        file
    }
}
