//! How much memory bodies may take at one time: all of them together, and those of one caller. Whoever
//! comes when it is used up is told to come back, before his body is read.

use std::collections::HashMap;
use std::sync::Arc;

use activity_domain::id::ClientId;
use actix_web::http::StatusCode;
use parking_lot::Mutex;

use crate::problem::Problem;

/// What all bodies together may take, in bytes.
const TOTAL: usize = 64 << 20;
/// What the bodies of one caller may take, so that none can keep out all others. Several together can, but
/// only with bytes that they have sent: a promise to send many takes nothing.
const PER_CALLER: usize = TOTAL / 4;
/// Bodies up to this size are not counted: what actix buffers for a connection is as much.
pub const FREE: usize = 64 << 10;
/// Bodies are counted as they arrive, in steps of so many bytes.
const STEP: usize = 256 << 10;

/// The bodies that are in memory. One for the process.
#[derive(Default)]
pub struct BodyMemory(Mutex<Held>);

#[derive(Default)]
struct Held {
    total: usize,
    /// Only those who hold something, so that it stays small.
    by_caller: HashMap<ClientId, usize>,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The caller's other bodies take all that one caller may.
    #[error("the requests of yours that are being read are too large together; send fewer at a time")]
    OfCaller,
    /// The bodies of all callers do.
    #[error("too many large requests are being read at present")]
    OfProcess,
}

impl From<NoRoom> for Problem {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::OfCaller => Self::new(StatusCode::TOO_MANY_REQUESTS, why.to_string()).retry_after(1),
            NoRoom::OfProcess => Self::unavailable(why.to_string(), 1),
        }
    }
}

impl Held {
    /// What a caller would hold with so many bytes more.
    fn with_more(&self, caller: &ClientId, bytes: usize) -> Result<usize, NoRoom> {
        let own = self.by_caller.get(caller).copied().unwrap_or_default() + bytes;
        if own > PER_CALLER {
            return Err(NoRoom::OfCaller);
        }
        if self.total + bytes > TOTAL {
            return Err(NoRoom::OfProcess);
        }
        Ok(own)
    }
}

impl BodyMemory {
    /// Room for a body of this caller, none yet.
    pub fn room(self: Arc<Self>, caller: ClientId) -> Room {
        Room { memory: self, caller, bytes: 0 }
    }

    fn take(&self, caller: &ClientId, bytes: usize) -> Result<(), NoRoom> {
        let mut held = self.0.lock();
        let own = held.with_more(caller, bytes)?;
        held.total += bytes;
        held.by_caller.insert(caller.clone(), own);
        Ok(())
    }

    fn give_back(&self, caller: &ClientId, bytes: usize) {
        let mut held = self.0.lock();
        held.total = held.total.saturating_sub(bytes);
        if let Some(own) = held.by_caller.get_mut(caller) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                held.by_caller.remove(caller);
            }
        }
    }
}

/// What one body may take. Given back when it is dropped.
pub struct Room {
    memory: Arc<BodyMemory>,
    caller: ClientId,
    bytes: usize,
}

impl Room {
    /// Makes sure that the body may take so many bytes.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let more = self.more_for(bytes);
        if more > 0 {
            self.memory.take(&self.caller, more)?;
            self.bytes += more;
        }
        Ok(())
    }

    /// Whether there is room for so many bytes just now. Takes none: they may never come.
    pub fn could_grow_to(&self, bytes: usize) -> Result<(), NoRoom> {
        match self.more_for(bytes) {
            0 => Ok(()),
            more => self.memory.0.lock().with_more(&self.caller, more).map(|_| ()),
        }
    }

    /// Room of the same caller for so many bytes beside the body.
    pub fn beside(&self, bytes: usize) -> Result<Self, NoRoom> {
        self.memory.take(&self.caller, bytes)?;
        Ok(Self { memory: self.memory.clone(), caller: self.caller.clone(), bytes })
    }

    fn more_for(&self, bytes: usize) -> usize {
        let wanted = if bytes <= FREE { 0 } else { bytes.next_multiple_of(STEP) };
        wanted.saturating_sub(self.bytes)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.memory.give_back(&self.caller, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGEST: usize = 10 << 20;

    fn client(name: &str) -> ClientId {
        ClientId::parse(name).unwrap()
    }

    #[test]
    fn a_caller_has_a_quarter_and_all_of_it_comes_back() {
        let memory = Arc::new(BodyMemory::default());
        let mut first = memory.clone().room(client("ada"));
        assert_eq!(first.grow_to(LARGEST), Ok(()));
        assert_eq!(first.grow_to(LARGEST - 1), Ok(()), "it has that already");
        let mut second = memory.clone().room(client("ada"));
        assert_eq!(second.grow_to(LARGEST), Err(NoRoom::OfCaller));
        assert_eq!(second.grow_to(PER_CALLER - LARGEST), Ok(()), "what was refused is not held");
        drop(first);
        assert_eq!(second.grow_to(LARGEST), Ok(()));
        drop(second);
        let held = memory.0.lock();
        assert_eq!((held.total, held.by_caller.len()), (0, 0));
    }

    #[test]
    fn a_promise_takes_nothing_and_is_refused_where_there_is_no_room() {
        let memory = Arc::new(BodyMemory::default());
        let promises: Vec<Room> = (0..9).map(|_| memory.clone().room(client("ada"))).collect();
        assert!(promises.iter().all(|room| room.could_grow_to(LARGEST) == Ok(())));
        assert_eq!(memory.0.lock().total, 0);
        let beside = promises[0].beside(PER_CALLER - LARGEST + 1).unwrap();
        assert_eq!(promises[1].could_grow_to(LARGEST), Err(NoRoom::OfCaller));
        assert_eq!(promises[1].could_grow_to(FREE), Ok(()));
        drop(beside);
        assert_eq!(promises[1].could_grow_to(LARGEST), Ok(()));
        assert_eq!(memory.0.lock().total, 0);
    }

    #[test]
    fn all_callers_together_have_a_bound_and_small_bodies_go_free() {
        let memory = Arc::new(BodyMemory::default());
        let rooms: Vec<Room> = (0..6)
            .map(|n| {
                let mut room = memory.clone().room(client(&format!("c{n}")));
                room.grow_to(LARGEST).unwrap();
                room
            })
            .collect();
        let mut late = memory.clone().room(client("late"));
        assert_eq!(late.grow_to(LARGEST), Err(NoRoom::OfProcess));
        assert_eq!(late.grow_to(FREE), Ok(()));
        assert_eq!(late.bytes, 0);
        drop(rooms);
        assert_eq!(late.grow_to(LARGEST), Ok(()));
    }
}
