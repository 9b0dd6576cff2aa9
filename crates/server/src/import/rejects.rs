//! Lines that could not be taken, in a file: place, reason and the line itself, separated by tabs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use activity_domain::error::Invalid;

use super::read::Place;
use crate::Failure;

/// The file is made with the first reject.
pub struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    count: u64,
}

impl Rejects {
    /// Rejects that go to this path.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, count: 0 }
    }

    /// How many there are, and where.
    pub fn found(&self) -> (u64, &PathBuf) {
        (self.count, &self.path)
    }

    /// Writes out what is still in memory.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let flushed = self.file.as_mut().map_or(Ok(()), Write::flush);
        flushed.map_err(|error| {
            format!("the rejects file {} cannot be written: {error}", self.path.display()).into()
        })
    }

    /// Writes one.
    pub fn write(&mut self, place: &Place, reason: &Invalid, raw: &[u8]) -> Result<(), Failure> {
        let file = if let Some(file) = &mut self.file {
            file
        } else {
            let made = File::create(&self.path).map_err(|error| {
                format!("the rejects file {} cannot be made: {error}", self.path.display())
            })?;
            self.file.insert(BufWriter::new(made))
        };
        write!(file, "{place}\t{reason}\t")?;
        file.write_all(raw)?;
        file.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }
}
