//! Undoing the filters of PNG (specification, clause 9), straight to RGBA. A pixel waits for the one to its left; so
//! eight rows are worked on at a time, each a pixel behind the one above it, which is when all it leans on is there.

use wide::bytemuck::cast;
use wide::{u8x16, u16x8, u32x4};

use crate::simd::widest;

/// Vectors that are worked on at a time, four rows in each.
const VECTORS: usize = 2;
/// Rows of a band.
pub(super) const BAND: usize = 4 * VECTORS;
/// Bytes behind the last row that are read, and not used.
pub(super) const ROOM: usize = 16;

/// Filtered rows: each a filter's number and pixels of `N` samples, with [`ROOM`] behind the last one.
struct Filtered<'a> {
    bytes: &'a [u8],
    row_bytes: usize,
}

/// Undoes the filters of some rows: `bytes` are filtered rows of pixels of `N` samples with [`ROOM`] behind them, `out`
/// room for the same rows as RGBA, `above` the row above them, or nothing. `None`: there is no such filter.
pub(super) fn unfilter<const N: usize>(
    bytes: &[u8],
    above: Option<&[u8]>,
    out: &mut [u8],
    width: usize,
) -> Option<()> {
    let filtered = Filtered { bytes, row_bytes: 1 + width * N };
    let zeros = vec![0; if above.is_some() { 0 } else { width * 4 }];
    widest(
        #[inline(always)]
        || filtered.undo::<N>(above.unwrap_or(&zeros), out, width),
    )
}

impl Filtered<'_> {
    fn filter(&self, row: usize) -> u8 {
        self.bytes[row * self.row_bytes]
    }

    /// A row's pixels and what stands behind them.
    #[inline(always)]
    fn from(&self, row: usize) -> &[u8] {
        &self.bytes[row * self.row_bytes + 1..]
    }

    #[inline(always)]
    fn undo<const N: usize>(&self, above: &[u8], out: &mut [u8], width: usize) -> Option<()> {
        let rows = out.len() / (width * 4);
        let mut row = 0;
        while row < rows {
            let filter = self.filter(row);
            let is_serial = width > BAND && matches!(filter, 1 | 3 | 4);
            let band = if is_serial { self.band(row, rows) } else { None };
            let first = band.unwrap_or(row);
            let (done, rest) = out.split_at_mut(first * width * 4);
            let above = if first == 0 { above } else { &done[(first - 1) * width * 4..] };
            if band.is_none() {
                undo_row::<N>(filter, self.from(row), above, &mut rest[..width * 4])?;
                row += 1;
                continue;
            }
            let band = Band { filtered: self, first, above, width };
            let out = &mut rest[..BAND * width * 4];
            match filter {
                1 => band.undo::<N>(out, |a, _, _| a),
                3 => band.undo::<N>(out, |a, b, _| average(a, b)),
                _ => band.undo::<N>(out, paeth),
            }
            row = first + BAND;
        }
        Some(())
    }

    /// The first row of a band with one filter that this row is in. The last band may begin among rows that are done,
    /// which come out the same again.
    fn band(&self, row: usize, rows: usize) -> Option<usize> {
        let first = row.min(rows.checked_sub(BAND)?);
        (first..first + BAND).all(|other| self.filter(other) == self.filter(row)).then_some(first)
    }
}

/// One row.
#[inline(always)]
fn undo_row<const N: usize>(filter: u8, from: &[u8], above: &[u8], out: &mut [u8]) -> Option<()> {
    match filter {
        0 | 2 => undo_steady::<N>(filter == 2, from, above, out),
        1 => undo_serially::<N>(from, above, out, |a, _, _| a),
        3 => undo_serially::<N>(from, above, out, |a, b, _| u16::from(a).midpoint(u16::from(b)) as u8),
        4 => undo_serially::<N>(from, above, out, paeth_of),
        _ => return None,
    }
    Some(())
}

/// A row that leans on nothing or on the row above, where no pixel waits for another.
#[inline(always)]
fn undo_steady<const N: usize>(up: bool, from: &[u8], above: &[u8], out: &mut [u8]) {
    let mut chunks = out.chunks_exact_mut(16);
    let mut at = 0;
    for (out, above) in chunks.by_ref().zip(above.chunks_exact(16)) {
        let above = if up { load::<4>(above) } else { u8x16::ZERO };
        out.copy_from_slice(&opaque::<N>(load::<N>(&from[at * N..]) + above).to_array());
        at += 4;
    }
    let left = chunks.into_remainder();
    let above = &above[at * 4..];
    for ((from, b), out) in
        from[at * N..].chunks_exact(N).zip(above.chunks_exact(4)).zip(left.chunks_exact_mut(4))
    {
        let mut pixel = [255; 4];
        for i in 0..N {
            pixel[i] = if up { from[i].wrapping_add(b[i]) } else { from[i] };
        }
        out.copy_from_slice(&pixel);
    }
}

#[inline(always)]
fn undo_serially<const N: usize>(
    from: &[u8],
    above: &[u8],
    out: &mut [u8],
    predict: impl Fn(u8, u8, u8) -> u8,
) {
    let (mut a, mut c) = ([0; 4], [0; 4]);
    for ((from, b), out) in from.chunks_exact(N).zip(above.chunks_exact(4)).zip(out.chunks_exact_mut(4)) {
        let mut pixel = [255; 4];
        for i in 0..N {
            pixel[i] = from[i].wrapping_add(predict(a[i], b[i], c[i]));
        }
        out.copy_from_slice(&pixel);
        a = pixel;
        c.copy_from_slice(b);
    }
}

/// As the specification has it.
fn paeth_of(a: u8, b: u8, c: u8) -> u8 {
    let (pa, pb) = (b.abs_diff(c), a.abs_diff(c));
    let pc = (i16::from(a) + i16::from(b) - 2 * i16::from(c)).unsigned_abs();
    if pa <= pb && u16::from(pa) <= pc {
        a
    } else if u16::from(pb) <= pc {
        b
    } else {
        c
    }
}

/// Rows that lean on each other by the same filter.
struct Band<'a> {
    filtered: &'a Filtered<'a>,
    first: usize,
    above: &'a [u8],
    width: usize,
}

/// What a step leaves to the next one. Lane `k` of all vectors is `k` pixels behind lane 0.
struct State {
    /// The pixels of this step.
    now: [u8x16; VECTORS],
    /// Those above them.
    above: [u8x16; VECTORS],
}

impl Band<'_> {
    #[inline(always)]
    fn undo<const N: usize>(&self, out: &mut [u8], predict: impl Fn(u8x16, u8x16, u8x16) -> u8x16 + Copy) {
        let mut state = State { now: [u8x16::ZERO; VECTORS], above: [u8x16::ZERO; VECTORS] };
        let mut at = 0;
        while at < self.width + BAND - 1 {
            // A step further left than a row begins would read the row above; one further right than it ends, below.
            if at < BAND || at + 4 > self.width {
                self.four_at_edge::<N>(&mut state, at, out, predict);
            } else {
                self.four::<N>(&mut state, at, out, predict);
            }
            at += 4;
        }
    }

    /// Four steps, each on a pixel of every row: the first row's from `at` on.
    #[inline(always)]
    fn four<const N: usize>(
        &self,
        state: &mut State,
        at: usize,
        out: &mut [u8],
        predict: impl Fn(u8x16, u8x16, u8x16) -> u8x16 + Copy,
    ) {
        let rows: [u8x16; BAND] =
            std::array::from_fn(|k| load::<N>(&self.filtered.from(self.first + k)[(at - k) * N..]));
        let pixels = steps(state, rows, load::<4>(&self.above[at * 4..]), predict, |_, pixels| pixels);
        for (k, pixels) in pixels.into_iter().enumerate() {
            let to = (k * self.width + at - k) * 4;
            out[to..to + 16].copy_from_slice(&opaque::<N>(pixels).to_array());
        }
    }

    /// The same where some of these pixels are none.
    #[inline(always)]
    fn four_at_edge<const N: usize>(
        &self,
        state: &mut State,
        at: usize,
        out: &mut [u8],
        predict: impl Fn(u8x16, u8x16, u8x16) -> u8x16 + Copy,
    ) {
        let columns = |k: usize| (0..4).map(move |i| (i, (at + i).checked_sub(k)));
        let inside = |column: Option<usize>| column.filter(|column| *column < self.width);
        let rows = std::array::from_fn(|k| {
            let from = self.filtered.from(self.first + k);
            gather::<N>(from, columns(k).filter_map(|(i, column)| Some((i, inside(column)?))))
        });
        let above = gather::<4>(self.above, columns(0).filter_map(|(i, column)| Some((i, inside(column)?))));
        // What is left of the first column is 0.
        let begun = |step: usize| {
            std::array::from_fn(|v| {
                let lane = |k: usize| if at + step >= 4 * v + k { u32::MAX } else { 0 };
                cast::<u32x4, u8x16>(u32x4::new([lane(0), lane(1), lane(2), lane(3)]))
            })
        };
        let masked = |step: usize, now: [u8x16; VECTORS]| -> [u8x16; VECTORS] {
            let begun: [u8x16; VECTORS] = begun(step);
            std::array::from_fn(|v| now[v] & begun[v])
        };
        let pixels = steps(state, rows, above, predict, masked);
        for (k, pixels) in pixels.into_iter().enumerate() {
            let pixels = opaque::<N>(pixels).to_array();
            for (i, column) in columns(k) {
                if let Some(column) = inside(column) {
                    let to = (k * self.width + column) * 4;
                    out[to..to + 4].copy_from_slice(&pixels[i * 4..i * 4 + 4]);
                }
            }
        }
    }
}

/// Four steps on four filtered pixels of every row.
#[inline(always)]
fn steps(
    state: &mut State,
    rows: [u8x16; BAND],
    above: u8x16,
    predict: impl Fn(u8x16, u8x16, u8x16) -> u8x16 + Copy,
    keep: impl Fn(usize, [u8x16; VECTORS]) -> [u8x16; VECTORS],
) -> [u8x16; BAND] {
    let columns: [[u8x16; 4]; VECTORS] =
        std::array::from_fn(|v| transposed([rows[4 * v], rows[4 * v + 1], rows[4 * v + 2], rows[4 * v + 3]]));
    let above: [u32; 4] = cast(above);
    let mut done = [[u8x16::ZERO; 4]; VECTORS];
    for step in 0..4 {
        let mut from_above = above[step];
        let (mut now, mut over) = (state.now, state.above);
        for v in 0..VECTORS {
            let (left, corner) = (state.now[v], state.above[v]);
            let lanes: [u32; 4] = cast(left);
            over[v] = cast(u32x4::new([from_above, lanes[0], lanes[1], lanes[2]]));
            from_above = lanes[3];
            now[v] = columns[v][step] + predict(left, over[v], corner);
        }
        *state = State { now: keep(step, now), above: over };
        for (done, now) in done.iter_mut().zip(state.now) {
            done[step] = now;
        }
    }
    let mut pixels = [u8x16::ZERO; BAND];
    for (v, done) in done.into_iter().enumerate() {
        pixels[4 * v..4 * v + 4].copy_from_slice(&transposed(done));
    }
    pixels
}

/// Pixels as lanes, four rows of four, with rows for columns.
#[inline(always)]
fn transposed([a, b, c, d]: [u8x16; 4]) -> [u8x16; 4] {
    let [a, b, c, d]: [u32x4; 4] = [cast(a), cast(b), cast(c), cast(d)];
    let (ac_low, ac_high) = (a.unpack_lo(c), a.unpack_hi(c));
    let (bd_low, bd_high) = (b.unpack_lo(d), b.unpack_hi(d));
    let columns = [
        ac_low.unpack_lo(bd_low),
        ac_low.unpack_hi(bd_low),
        ac_high.unpack_lo(bd_high),
        ac_high.unpack_hi(bd_high),
    ];
    columns.map(cast)
}

/// Four pixels of `N` samples from the start of 16 bytes or more. Where there is no alpha, it is anything.
#[inline(always)]
fn load<const N: usize>(bytes: &[u8]) -> u8x16 {
    let mut sixteen = [0; 16];
    sixteen.copy_from_slice(&bytes[..16]);
    if N == 4 {
        return u8x16::new(sixteen);
    }
    let pixel = |i: usize| u32::from_le_bytes([sixteen[i], sixteen[i + 1], sixteen[i + 2], sixteen[i + 3]]);
    cast(u32x4::new([pixel(0), pixel(3), pixel(6), pixel(9)]))
}

/// Pixels by their lanes and columns.
#[inline(always)]
fn gather<const N: usize>(bytes: &[u8], columns: impl Iterator<Item = (usize, usize)>) -> u8x16 {
    let mut sixteen = [0; 16];
    for (lane, column) in columns {
        sixteen[lane * 4..lane * 4 + N].copy_from_slice(&bytes[column * N..column * N + N]);
    }
    u8x16::new(sixteen)
}

/// Alpha is 255 where a pixel has three samples.
#[inline(always)]
fn opaque<const N: usize>(pixels: u8x16) -> u8x16 {
    if N == 4 {
        pixels
    } else {
        pixels | cast::<u32x4, u8x16>(u32x4::splat(u32::from_le_bytes([0, 0, 0, 255])))
    }
}

/// The mean of two samples, rounded down.
#[inline(always)]
fn average(a: u8x16, b: u8x16) -> u8x16 {
    let halves: u16x8 = cast::<u8x16, u16x8>(a ^ b) >> 1;
    (a & b) + (cast::<u16x8, u8x16>(halves) & u8x16::splat(0x7f))
}

/// Whichever of left, above and corner is nearest to left + above − corner. The distances of left and above are |above −
/// corner| and |left − corner|. Where the corner lies between the two, its own is the difference of these, else their
/// sum, and it is never the nearest.
#[inline(always)]
fn paeth(a: u8x16, b: u8x16, c: u8x16) -> u8x16 {
    let (low, high) = (a.min(b), a.max(b));
    let (pa, pb) = (b.max(c) - b.min(c), a.max(c) - a.min(c));
    let (near, far) = (pa.min(pb), pa.max(pb));
    let nearest = near.simd_eq(pa).bitselect(a, b);
    let beyond = near.saturating_sub(far - near).min(c.saturating_sub(low)).min(high.saturating_sub(c));
    beyond.simd_eq(u8x16::ZERO).bitselect(nearest, c)
}
