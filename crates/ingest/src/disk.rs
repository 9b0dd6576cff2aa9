//! The few file operations that can fail in ways that matter.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

/// Creates segments.
pub trait Disk: Send + Sync {
    /// Creates a file of `len` zero bytes with room for all of them, its directory entry durable.
    /// On failure nothing is left behind.
    fn create(&self, path: &Path, len: u64) -> io::Result<Box<dyn SegmentFile>>;
}

/// A segment that is being written.
pub trait SegmentFile: Send {
    /// Writes all bytes at an offset.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes everything written durable (fdatasync). After an error the file must not be trusted again.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&self, len: u64) -> io::Result<()>;
}

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path, len: u64) -> io::Result<Box<dyn SegmentFile>> {
        // The name is this process's own; what may lie under it is left of an attempt that failed.
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        let made = reserve(&file, len).and_then(|()| sync_directory(path));
        if let Err(error) = made {
            // Best effort: a leftover without a header is ignored by the next opening.
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(Box::new(file))
    }
}

/// Reserves the blocks now, so that a full disk shows up here and not in the middle of a write, and
/// so that fdatasync need not write the file's size.
fn reserve(file: &File, len: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, len) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(len),
        Err(error) => Err(error.into()),
    }?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

impl SegmentFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.sync_all()
    }
}
