//! A disk that fails on command.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use activity_ingest::disk::{Disk, RealDisk, SegmentFile};

/// The file system, with switches for what fails.
#[derive(Default)]
pub struct FaultyDisk {
    pub is_full: AtomicBool,
    pub fails_writes: AtomicBool,
    pub fails_syncs: AtomicBool,
    pub fails_truncates: AtomicBool,
    pub created: AtomicU64,
}

struct FaultyFile {
    disk: Arc<FaultyDisk>,
    file: Box<dyn SegmentFile>,
}

fn fail_if(switch: &AtomicBool, error: io::ErrorKind) -> io::Result<()> {
    if switch.load(Ordering::SeqCst) { Err(error.into()) } else { Ok(()) }
}

pub struct Faulty(pub Arc<FaultyDisk>);

impl Disk for Faulty {
    fn create(&self, path: &Path, len: u64) -> io::Result<Box<dyn SegmentFile>> {
        fail_if(&self.0.is_full, io::ErrorKind::StorageFull)?;
        self.0.created.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FaultyFile { disk: self.0.clone(), file: RealDisk.create(path, len)? }))
    }
}

impl SegmentFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.disk.fails_writes.load(Ordering::SeqCst) {
            // Half of it arrives, as with a disk that fills up.
            self.file.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        fail_if(&self.disk.fails_syncs, io::ErrorKind::Other)?;
        self.file.sync()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        fail_if(&self.disk.fails_truncates, io::ErrorKind::Other)?;
        self.file.truncate(len)
    }
}

pub fn switch(switch: &AtomicBool, on: bool) {
    switch.store(on, Ordering::SeqCst);
}
