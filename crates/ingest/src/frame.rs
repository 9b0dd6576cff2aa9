//! A frame: `length u32 | crc32c u32 | sequence u64 | payload`, little-endian.
//!
//! The checksum covers length, sequence and payload, and starts from the stream's id. The id is
//! random and never leaves the server, so no sender can plant bytes in a payload that would pass for
//! a frame when the reader looks for one behind a damaged place.

use activity_domain::id::StreamId;

/// Bytes before the payload.
pub const HEADER: usize = 16;
/// The longest payload.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// A stream's checksum.
#[derive(Debug, Clone, Copy)]
pub struct Checksum(u32);

impl Checksum {
    /// The checksum that a stream's frames use.
    pub fn of(stream: StreamId) -> Self {
        Self(crc32c::crc32c(stream.0.as_bytes()))
    }

    fn over(self, length: [u8; 4], sequence: [u8; 8], payload: &[u8]) -> u32 {
        let crc = crc32c::crc32c_append(self.0, &length);
        crc32c::crc32c_append(crc32c::crc32c_append(crc, &sequence), payload)
    }
}

/// Makes room for a frame's header at the end of a buffer; the payload follows, then [`close`].
pub fn open(buffer: &mut Vec<u8>) -> usize {
    let at = buffer.len();
    buffer.resize(at + HEADER, 0);
    at
}

/// Writes the length of the frame that [`open`] began at `at`. Returns false if its payload is too long.
pub fn close(buffer: &mut [u8], at: usize) -> bool {
    let length = buffer.len() - at - HEADER;
    match u32::try_from(length) {
        Ok(word) if length <= MAX_PAYLOAD => {
            buffer[at..at + 4].copy_from_slice(&word.to_le_bytes());
            true
        }
        _ => false,
    }
}

/// Numbers the frames in a buffer from `first` on and seals them. Returns the number after the last.
pub fn seal(buffer: &mut [u8], checksum: Checksum, first: u64) -> u64 {
    let mut sequence = first;
    let mut rest = buffer;
    while let Some((head, tail)) = rest.split_first_chunk_mut::<HEADER>() {
        let length = [head[0], head[1], head[2], head[3]];
        let (payload, next) = tail.split_at_mut(u32::from_le_bytes(length) as usize);
        head[8..].copy_from_slice(&sequence.to_le_bytes());
        let crc = checksum.over(length, sequence.to_le_bytes(), payload);
        head[4..8].copy_from_slice(&crc.to_le_bytes());
        sequence += 1;
        rest = next;
    }
    sequence
}

/// The parts of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Length of the payload in bytes.
    pub length: usize,
    /// The frame's number in its stream.
    pub sequence: u64,
    crc: u32,
}

/// Reads a header, without knowing yet whether it is one. `None` if it cannot be.
pub fn header(bytes: &[u8; HEADER]) -> Option<Header> {
    let [l0, l1, l2, l3, c0, c1, c2, c3, sequence @ ..] = *bytes;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let sequence = u64::from_le_bytes(sequence);
    // The last number cannot be given out: none comes after it.
    let plausible = (1..=MAX_PAYLOAD).contains(&length) && sequence < u64::MAX;
    plausible.then(|| Header { length, sequence, crc: u32::from_le_bytes([c0, c1, c2, c3]) })
}

/// Whether header and payload belong together in this stream.
#[expect(clippy::cast_possible_truncation, reason = "a header's length is at most MAX_PAYLOAD")]
pub fn matches(header: Header, payload: &[u8], checksum: Checksum) -> bool {
    let length = (header.length as u32).to_le_bytes();
    checksum.over(length, header.sequence.to_le_bytes(), payload) == header.crc
}
