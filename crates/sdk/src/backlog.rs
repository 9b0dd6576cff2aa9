//! What waits while the tracker is away: one batch in memory, or files in a folder.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::event::Event;
use crate::reporter::{Counts, add};

/// Batches that could not be sent, oldest first.
pub enum Backlog {
    /// Without a folder: the next batch is gathered once this one is gone.
    Memory(Option<Vec<Event>>),
    /// With one.
    Folder(Folder),
}

/// Files of one batch each. Their names order them.
pub struct Folder {
    path: PathBuf,
    files: VecDeque<File>,
    bytes: u64,
    most: u64,
}

struct File {
    path: PathBuf,
    bytes: u64,
    events: usize,
}

impl Backlog {
    /// Opens a folder, if there is one, and counts what waits in it.
    pub fn open(folder: Option<&Path>, most: u64, counts: &Counts) -> io::Result<Self> {
        let Some(path) = folder else { return Ok(Self::Memory(None)) };
        fs::create_dir_all(path)?;
        let mut folder = Folder { path: path.to_owned(), files: VecDeque::new(), bytes: 0, most };
        let mut paths: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
        paths.sort();
        for path in paths {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("batch") => folder.find(path, counts)?,
                // What was being written when its process ended was never counted as kept.
                Some("part") => fs::remove_file(path)?,
                _ => {}
            }
        }
        Ok(Self::Folder(folder))
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Memory(batch) => batch.is_none(),
            Self::Folder(folder) => folder.files.is_empty(),
        }
    }

    /// Whether another batch may be put behind.
    pub fn has_room(&self) -> bool {
        matches!(self, Self::Folder(_) | Self::Memory(None))
    }

    /// Whether what waits outlives the process.
    pub fn is_durable(&self) -> bool {
        matches!(self, Self::Folder(_))
    }

    /// Events that wait.
    pub fn len(&self) -> usize {
        match self {
            Self::Memory(batch) => batch.as_ref().map_or(0, Vec::len),
            Self::Folder(folder) => folder.files.iter().map(|file| file.events).sum(),
        }
    }

    /// Puts a batch behind the others; gives it back if there is no room.
    pub fn push(&mut self, batch: Vec<Event>) -> Result<(), Vec<Event>> {
        match self {
            Self::Memory(held @ None) => {
                *held = Some(batch);
                Ok(())
            }
            Self::Memory(Some(_)) => Err(batch),
            Self::Folder(folder) => match folder.write(&batch) {
                Ok(true) => Ok(()),
                Ok(false) => Err(batch),
                Err(error) => {
                    tracing::warn!(%error, "events that cannot be sent cannot be kept either");
                    Err(batch)
                }
            },
        }
    }

    /// The oldest batch, which stays. A file that cannot be read is set aside, and its events are told.
    pub fn oldest(&mut self) -> Option<Result<Vec<Event>, usize>> {
        match self {
            Self::Memory(batch) => batch.clone().map(Ok),
            Self::Folder(folder) => folder.oldest(),
        }
    }

    /// Leaves of the oldest batch only what has not arrived.
    pub fn shorten(&mut self, rest: Vec<Event>) {
        match self {
            Self::Memory(batch) => *batch = Some(rest),
            Self::Folder(folder) => folder.shorten(&rest),
        }
    }

    /// Takes the oldest batch away: it has arrived.
    pub fn pop(&mut self) {
        match self {
            Self::Memory(batch) => *batch = None,
            Self::Folder(folder) => folder.pop(),
        }
    }
}

impl Folder {
    fn find(&mut self, path: PathBuf, counts: &Counts) -> io::Result<()> {
        let text = fs::read(&path)?;
        let events = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        add(&counts.recovered, events);
        self.bytes += text.len() as u64;
        self.files.push_back(File { path, bytes: text.len() as u64, events });
        Ok(())
    }

    /// False if it is full.
    fn write(&mut self, batch: &[Event]) -> io::Result<bool> {
        let text = lines(batch)?;
        let bytes = text.len() as u64;
        if self.bytes + bytes > self.most {
            return Ok(false);
        }
        let path = self.path.join(format!("{}.batch", Uuid::now_v7().simple()));
        put(&path, &text)?;
        fs::File::open(&self.path)?.sync_data()?;
        self.bytes += bytes;
        self.files.push_back(File { path, bytes, events: batch.len() });
        Ok(true)
    }

    fn oldest(&mut self) -> Option<Result<Vec<Event>, usize>> {
        let file = self.files.front()?;
        let read = fs::read(&file.path).map_err(|error| error.to_string()).and_then(|text| {
            let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.map(|line| serde_json::from_slice(line).map_err(|error| error.to_string())).collect()
        });
        match read {
            Ok(events) => Some(Ok(events)),
            Err(error) => {
                let events = file.events;
                tracing::error!(file = %file.path.display(), error, "kept events cannot be read; they are set aside");
                // If even that fails, it is there again after the next start, and no harm is done.
                let _ = fs::rename(&file.path, file.path.with_extension("bad"));
                if let Some(file) = self.files.pop_front() {
                    self.bytes -= file.bytes;
                }
                Some(Err(events))
            }
        }
    }

    fn shorten(&mut self, rest: &[Event]) {
        let Some(file) = self.files.front_mut() else { return };
        match lines(rest).and_then(|text| put(&file.path, &text).map(|()| text.len() as u64)) {
            Ok(bytes) => {
                self.bytes = self.bytes - file.bytes + bytes;
                (file.bytes, file.events) = (bytes, rest.len());
            }
            // All of it is sent again, and counted once by the tracker.
            Err(error) => tracing::warn!(%error, "kept events that were sent cannot be removed"),
        }
    }

    fn pop(&mut self) {
        let Some(file) = self.files.pop_front() else { return };
        self.bytes -= file.bytes;
        if let Err(error) = fs::remove_file(&file.path) {
            // It is sent again after the next start, and counted once all the same.
            tracing::warn!(file = %file.path.display(), %error, "events that were sent cannot be removed");
        }
    }
}

/// One event a line.
fn lines(batch: &[Event]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for event in batch {
        serde_json::to_writer(&mut text, event)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// Writes a file whole or not at all.
fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = fs::File::create(&part)?;
    file.write_all(text)?;
    file.sync_data()?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

    use super::*;

    fn batch(names: &[&str]) -> Vec<Event> {
        names.iter().map(|name| Event::new("GET", *name, 200)).collect()
    }

    #[test]
    fn batches_come_back_in_order_and_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Backlog::open(Some(folder.path()), 1 << 20, &Counts::default()).unwrap();
        let (first, second) = (batch(&["/a\nb", "/ä"]), batch(&["/c"]));
        let mut backlog = open();
        backlog.push(first.clone()).unwrap();
        backlog.push(second.clone()).unwrap();
        fs::write(folder.path().join("torn.part"), "{").unwrap();
        fs::write(folder.path().join("note.txt"), "mine").unwrap();
        let mut backlog = open();
        assert_eq!((backlog.len(), backlog.oldest()), (3, Some(Ok(first))));
        backlog.pop();
        let mut backlog = open();
        assert_eq!(backlog.oldest(), Some(Ok(second)));
        backlog.pop();
        assert!(backlog.is_empty() && open().is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what is not ours stays");
    }

    #[test]
    fn a_full_folder_takes_no_more_and_a_broken_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let mut backlog = Backlog::open(Some(folder.path()), 250, &Counts::default()).unwrap();
        backlog.push(batch(&["/a"])).unwrap();
        let more = batch(&["/b", "/c"]);
        assert_eq!(backlog.push(more.clone()), Err(more));
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        fs::write(&file, "{}\n").unwrap();
        assert_eq!((backlog.oldest(), backlog.oldest()), (Some(Err(1)), None));
        assert!(file.with_extension("bad").exists());
        backlog.push(batch(&["/d"])).unwrap();
    }
}
