//! Chunks, which a PNG file is a row of (PNG specification, clause 5).

pub(super) const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
/// Length and type of a chunk.
pub(super) const CHUNK_HEAD: usize = 8;
/// The CRC behind a chunk's data.
pub(super) const CHUNK_TAIL: usize = 4;

/// Starts an `IDAT` chunk in a buffer: length (still 0) and type.
pub(super) fn start_chunk(buffer: &mut Vec<u8>) {
    buffer.resize(buffer.len().max(CHUNK_HEAD), 0);
    buffer[4..CHUNK_HEAD].copy_from_slice(b"IDAT");
}

/// The chunk that starts a buffer and whose data end at `end`: its length filled in, its CRC behind it.
pub(super) fn finished(buffer: &mut [u8], end: usize) -> Box<[u8]> {
    buffer[..4].copy_from_slice(&((end - CHUNK_HEAD) as u32).to_be_bytes());
    let crc = crc32fast::hash(&buffer[4..end]);
    let mut chunk = Vec::with_capacity(end + CHUNK_TAIL);
    chunk.extend_from_slice(&buffer[..end]);
    chunk.extend_from_slice(&crc.to_be_bytes());
    chunk.into_boxed_slice()
}

/// Does a whole chunk have the CRC that it says it has?
pub(super) fn is_sound(chunk: &[u8]) -> bool {
    let Some((counted, crc)) = chunk.split_last_chunk() else { return false };
    counted.get(4..).is_some_and(|counted| crc32fast::hash(counted) == u32::from_be_bytes(*crc))
}

/// Appends a chunk.
pub(super) fn append_chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&kind);
    out.extend_from_slice(data);
    let crc = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&crc.to_be_bytes());
}

/// Appends the header of a picture of 8 bits a sample, RGB or RGBA, not interlaced (clause 11.2.1).
pub(super) fn append_header(out: &mut Vec<u8>, width: u32, height: u32, opaque: bool) {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend_from_slice(&[8, if opaque { 2 } else { 6 }, 0, 0, 0]);
    append_chunk(out, *b"IHDR", &header);
}
