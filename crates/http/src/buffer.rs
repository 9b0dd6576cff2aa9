//! The memory of one body.
//!
//! A large body has a mapping of its own, which goes back to the system with it. From the allocator it
//! would come once for every thread that ever reads one, and stay.

use std::io;
use std::ops::Deref;

use memmap2::MmapMut;

/// What is longer has a mapping of its own.
const LARGE: usize = 128 << 10;

/// Bytes that are added to at their end.
pub enum Buffer {
    /// From the allocator.
    Small(Vec<u8>),
    /// From the system.
    Large(Mapping),
}

impl Buffer {
    /// A buffer for so many bytes.
    pub fn with_capacity(length: usize) -> io::Result<Self> {
        if length > LARGE {
            Ok(Self::Large(Mapping::new(length)?))
        } else {
            Ok(Self::Small(Vec::with_capacity(length)))
        }
    }

    /// Adds bytes; `most` is the longest that it will ever be.
    pub fn push(&mut self, part: &[u8], most: usize) -> io::Result<()> {
        match self {
            Self::Small(bytes) if bytes.len() + part.len() <= LARGE => bytes.extend_from_slice(part),
            Self::Small(bytes) => {
                let mut mapping = Mapping::new(most)?;
                mapping.push(bytes)?;
                mapping.push(part)?;
                *self = Self::Large(mapping);
            }
            Self::Large(mapping) => mapping.push(part)?,
        }
        Ok(())
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(mapping) => mapping.map.get(..mapping.written).unwrap_or_default(),
        }
    }
}

/// Memory of the system's, of which the first bytes are written. The rest is address space and costs nothing.
pub struct Mapping {
    map: MmapMut,
    written: usize,
}

impl Mapping {
    /// A mapping for so many bytes.
    pub fn new(length: usize) -> io::Result<Self> {
        Ok(Self { map: MmapMut::map_anon(length)?, written: 0 })
    }

    /// How many bytes are written.
    pub fn len(&self) -> usize {
        self.written
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// All of it, and where what is written ends, for a decoder that looks back at what it wrote. It says
    /// afterwards where it ends then.
    pub fn write(&mut self, decode: impl FnOnce(&mut [u8], usize) -> io::Result<usize>) -> io::Result<()> {
        self.written = decode(&mut self.map, self.written)?;
        Ok(())
    }

    fn push(&mut self, part: &[u8]) -> io::Result<()> {
        let end = self.written + part.len();
        let place = self.map.get_mut(self.written..end).ok_or(io::ErrorKind::OutOfMemory)?;
        place.copy_from_slice(part);
        self.written = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_whatever_the_steps() {
        let whole: Vec<u8> = (0u8..251).cycle().take(3 * LARGE).collect();
        for (capacity, step) in [(0, 70_001), (0, LARGE), (whole.len(), 300_007), (0, whole.len())] {
            let mut buffer = Buffer::with_capacity(capacity).unwrap();
            for part in whole.chunks(step) {
                buffer.push(part, whole.len()).unwrap();
            }
            assert!(*buffer == *whole);
            assert!(buffer.push(b"x", whole.len()).is_err(), "it holds no more than was said");
            assert!(*buffer == *whole);
        }
    }
}
