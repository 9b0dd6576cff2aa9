//! One server that many processes use at once: tests are processes of their own, and a database costs a tenth
//! of what a server costs.

mod database;
mod place;

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

pub use database::Database;
use place::{Place, Running};

use super::{Address, Programs, Settings, data, launch};
use crate::folder::{self, Folder};

/// How long the server waits for the next test after the last one.
const LINGER: Duration = Duration::from_secs(10);

/// A share in the server that all tests of this user have in common. The first one starts it; it ends a little
/// after the last share is gone, be it dropped or its process killed.
#[derive(Debug)]
pub struct Shared {
    address: Address,
    place: Place,
    /// The share: the watcher of the server waits for all of these to go.
    _lease: File,
}

impl Shared {
    /// A share in the server of this user.
    pub fn join() -> Self {
        Self::join_at(&place::usual(), LINGER)
    }

    /// The same for those who meet in a folder, which has to be there; the server lingers that long.
    pub fn join_at(folder: &Path, linger: Duration) -> Self {
        let place = Place::new(folder);
        // One at a time, so that only one starts the server. What the lease waits for does not need the door.
        let _door = place.door();
        let lease = folder::hold(&place.lease());
        let running = place.running().unwrap_or_else(|| start(&place, linger));
        Self { address: running.address, place, _lease: lease }
    }

    /// Its database `postgres`, for the superuser.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

/// Starts a server that outlives us, and tells where it is.
fn start(place: &Place, linger: Duration) -> Running {
    let programs = Programs::find();
    let folder = Folder::shared(&place.lease(), linger);
    let password = data::create(&folder, &programs, &Settings::default());
    let (process, port) = launch::anywhere(&folder, &programs);
    folder::reap(process);
    let folder: PathBuf = folder.path().to_owned();
    let running = Running { folder, address: Address::new(port, password) };
    place.tell(&running);
    running
}

#[cfg(test)]
mod tests;
