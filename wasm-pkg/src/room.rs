//! A buffer of the caller's that a file is written into: engines take longer to find memory for a new array of a picture's
//! size than to copy the picture, and who draws one after the other needs one buffer only.

use js_sys::Uint8Array;

/// Takes a file piece by piece.
pub struct Room {
    buffer: Uint8Array,
    filled: u32,
    /// What the buffer has no room for.
    beyond: Vec<u8>,
}

impl Room {
    pub fn new(buffer: Uint8Array) -> Self {
        Room { buffer, filled: 0, beyond: Vec::new() }
    }

    pub fn take(&mut self, piece: &[u8]) {
        let end = self.filled as usize + piece.len();
        if end > self.buffer.length() as usize || !self.beyond.is_empty() {
            self.beyond.extend_from_slice(piece);
            return;
        }
        self.buffer.subarray(self.filled, end as u32).copy_from(piece);
        self.filled = end as u32;
    }

    /// The file: a view of the buffer, or an array of its own if the buffer was too short.
    pub fn file(self) -> Uint8Array {
        let begun = self.buffer.subarray(0, self.filled);
        if self.beyond.is_empty() {
            return begun;
        }
        let file = Uint8Array::new_with_length(self.filled + self.beyond.len() as u32);
        file.set(&begun, 0);
        file.subarray(self.filled, file.length()).copy_from(&self.beyond);
        file
    }
}
