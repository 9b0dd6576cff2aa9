//! Opens logs: plain or gzip, files or standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::error::ReadError;

const BUFFER_BYTES: usize = 64 * 1_024;
/// The first bytes of a gzip file whose method is deflate, the only one there is.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// A log that is open for reading.
pub struct Source {
    name: String,
    reader: Box<dyn BufRead + Send>,
    progress: Progress,
}

/// How far the reading of a source has come. May be asked from another thread.
#[derive(Debug, Clone)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Progress {
    /// Bytes taken from the file as it lies on disk (compressed, if it is), a read buffer ahead of
    /// the lines that were handed out.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The file's length when it was opened, in bytes. None for pipes.
    pub fn bytes_total(&self) -> Option<u64> {
        self.total
    }
}

impl Source {
    /// Opens a file, or standard input for `-`. Whether it is gzip (of one or several members) is
    /// told by its first bytes, never by its name.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        if path == Path::new("-") {
            return Self::over("standard input".to_owned(), io::stdin(), None);
        }
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((about, file)) => Self::over(name, file, about.is_file().then_some(about.len())),
            Err(source) => Err(ReadError::Open { name, source }),
        }
    }

    /// A log, plain or gzip, that comes from anywhere else; the name is for messages.
    pub fn from_reader(
        name: impl Into<String>,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, ReadError> {
        Self::over(name.into(), reader, None)
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A view of how far reading has come.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    pub(crate) fn into_parts(self) -> (String, Box<dyn BufRead + Send>) {
        (self.name, self.reader)
    }

    fn over(name: String, file: impl Read + Send + 'static, total: Option<u64>) -> Result<Self, ReadError> {
        let progress = Progress { read: Arc::default(), total };
        let mut file = Counted { inner: file, read: Arc::clone(&progress.read) };
        let mut head = Vec::with_capacity(GZIP_MAGIC.len());
        if let Err(source) = (&mut file).take(GZIP_MAGIC.len() as u64).read_to_end(&mut head) {
            return Err(ReadError::Open { name, source });
        }
        let zipped = head == GZIP_MAGIC;
        let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(file));
        let reader: Box<dyn BufRead + Send> = if zipped {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        Ok(Self { name, reader, progress })
    }
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
