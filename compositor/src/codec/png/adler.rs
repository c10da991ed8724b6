//! Adler-32 (RFC 1950, section 8.2) of parts that are summed alone and joined afterwards.

const ADLER: u32 = 65_521;
const MODULUS: u64 = ADLER as u64;

/// Adler-32 of some bytes, and how many they are: enough to join it with that of the bytes behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub adler: u32,
    /// How many bytes, but for whole multiples of the modulus: no more of it counts.
    bytes: u32,
}

impl Checksum {
    /// Of no bytes.
    pub const EMPTY: Checksum = Checksum { adler: 1, bytes: 0 };

    pub fn of(bytes: &[u8]) -> Self {
        let mut adler = simd_adler32::Adler32::new();
        adler.write(bytes);
        Checksum::known(adler.finish(), bytes.len())
    }

    /// Of so many bytes whose Adler-32 is known.
    pub fn known(adler: u32, bytes: usize) -> Self {
        Checksum { adler, bytes: (bytes % ADLER as usize) as u32 }
    }

    /// Of these bytes and those behind them: `a` adds up, and every `a` of the second part was started from the end of
    /// the first.
    pub fn followed_by(self, next: Checksum) -> Checksum {
        let ((a1, b1), (a2, b2)) = (self.halves(), next.halves());
        let before = a1 + MODULUS - 1;
        let bytes = u64::from(self.bytes + next.bytes);
        Checksum::joined(before + a2, b1 + b2 + u64::from(next.bytes) * (before % MODULUS), bytes)
    }

    /// Of what stands behind `start` in bytes that begin with it.
    pub fn without(self, start: Checksum) -> Checksum {
        let ((a1, b1), (a, b)) = (start.halves(), self.halves());
        let bytes = u64::from(self.bytes + ADLER - start.bytes) % MODULUS;
        let grown = bytes * ((a1 + MODULUS - 1) % MODULUS) % MODULUS;
        Checksum::joined(a + MODULUS + 1 - a1, b + 2 * MODULUS - b1 - grown, bytes)
    }

    fn halves(self) -> (u64, u64) {
        (u64::from(self.adler & 0xffff), u64::from(self.adler >> 16))
    }

    fn joined(a: u64, b: u64, bytes: u64) -> Checksum {
        let adler = ((b % MODULUS) << 16) | (a % MODULUS);
        Checksum { adler: adler as u32, bytes: (bytes % MODULUS) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_join() {
        let bytes: Vec<u8> = (0..200_000_u64).map(|i| ((i * i) >> 7) as u8).collect();
        for cut in [0, 1, 65_521, 100_000, 200_000] {
            let (first, second) = bytes.split_at(cut);
            let joined = Checksum::EMPTY.followed_by(Checksum::of(first)).followed_by(Checksum::of(second));
            assert_eq!(joined, Checksum::of(&bytes), "cut at {cut}");
            assert_eq!(joined.without(Checksum::of(first)), Checksum::of(second), "cut at {cut}");
        }
    }
}
