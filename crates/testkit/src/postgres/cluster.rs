//! A primary with streaming replicas.

use std::path::Path;

use super::{Postgres, Programs, Settings, data};
use crate::folder::Folder;

/// A primary and its replicas, which follow it by streaming, each with a physical slot, and answer reads. The
/// servers are there to be stopped, killed, frozen and asked like any other.
#[derive(Debug)]
pub struct PostgresCluster {
    /// The one that takes writes.
    pub primary: Postgres,
    /// Those that follow it.
    pub replicas: Vec<Postgres>,
}

impl PostgresCluster {
    /// A cluster that is ready, without regard for power failures.
    pub fn start(replicas: usize) -> Self {
        Self::with(&Settings::default(), replicas)
    }

    /// A cluster that is ready.
    pub fn with(settings: &Settings, replicas: usize) -> Self {
        Self::set_up(settings, replicas, |_| Folder::private())
    }

    /// The same in folders of that folder: `primary`, `replica-1` and so on.
    pub fn in_folder(folder: &Path, settings: &Settings, replicas: usize) -> Self {
        Self::set_up(settings, replicas, |name| Folder::named(&folder.join(name)))
    }

    fn set_up(settings: &Settings, replicas: usize, place: impl Fn(&str) -> Folder) -> Self {
        let primary = Postgres::set_up(place("primary"), settings);
        let replica = |number| replica(&primary, place(&format!("replica-{number}")), &slot(number));
        let replicas = (1..=replicas).map(replica).collect();
        Self { primary, replicas }
    }

    /// Waits until all replicas have replayed what the primary has written so far.
    pub fn wait_caught_up(&self) {
        let position = self.primary.written();
        for replica in &self.replicas {
            replica.wait_replayed(&position);
        }
    }

    /// Makes a replica the primary, by its place among the replicas. The others follow it from then on. Returns the
    /// old primary as it is, dead or alive: while it lives it takes writes that nobody will see.
    pub fn promote(&mut self, replica: usize) -> Postgres {
        let promoted = self.replicas.remove(replica);
        promoted.promote();
        for (index, replica) in self.replicas.iter().enumerate() {
            let slot = slot(index + 1);
            promoted.sql(&format!("select pg_create_physical_replication_slot('{slot}')"));
            replica.follow(&promoted, &slot);
        }
        std::mem::replace(&mut self.primary, promoted)
    }
}

fn slot(number: usize) -> String {
    format!("replica_{number}")
}

/// A new replica of a running server.
fn replica(primary: &Postgres, folder: Folder, slot: &str) -> Postgres {
    let programs = Programs::find();
    data::copy(&folder, &programs, &primary.address, slot);
    Postgres::of(folder, programs, primary.address.password.clone())
}
