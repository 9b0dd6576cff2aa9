//! How many streams there may be: in all, and of one client.

use std::collections::HashMap;
use std::sync::Arc;

use activity_domain::id::ClientId;
use actix_web::http::StatusCode;
use parking_lot::Mutex;

use crate::problem::Problem;

/// When one may try again, in seconds: streams that were left are noticed by then.
const RETRY_AFTER: u64 = 15;

/// The most streams.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// `STREAMS_MAX`: of all clients.
    pub total: usize,
    /// `STREAMS_MAX_PER_CLIENT`.
    pub per_client: usize,
}

/// What a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Server-Sent Events.
    Sse,
    /// A WebSocket.
    WebSocket,
}

/// Streams that are there.
#[derive(Clone)]
pub struct Seats {
    most: StreamLimits,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    /// Of each kind.
    of_kind: [usize; 2],
    /// Clients that have some, and only those.
    by_client: HashMap<ClientId, usize>,
}

impl Seats {
    /// So many.
    pub fn new(most: StreamLimits) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// A place for one more stream of a client: 429 if that client has too many, 503 if all together have.
    pub fn take(&self, client: &ClientId, kind: Kind) -> Result<Seat, Problem> {
        let mut taken = self.taken.lock();
        let own = taken.by_client.get(client).copied().unwrap_or_default();
        if own >= self.most.per_client {
            let detail =
                format!("you have {own} streams open, which is all that you may have; close one first");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(RETRY_AFTER));
        }
        if taken.total >= self.most.total {
            return Err(Problem::unavailable("there are too many streams at present", RETRY_AFTER));
        }
        taken.total += 1;
        taken.of_kind[kind as usize] += 1;
        taken.by_client.insert(client.clone(), own + 1);
        Ok(Seat { taken: self.taken.clone(), client: client.clone(), kind })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.taken.lock().total
    }

    /// How many of a kind are taken.
    pub fn of_kind(&self, kind: Kind) -> usize {
        self.taken.lock().of_kind[kind as usize]
    }
}

/// A stream's place, given back when it is dropped.
pub struct Seat {
    taken: Arc<Mutex<Taken>>,
    client: ClientId,
    kind: Kind,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        taken.total -= 1;
        taken.of_kind[self.kind as usize] -= 1;
        if let Some(own) = taken.by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_and_come_back() {
        let seats = Seats::new(StreamLimits { total: 3, per_client: 2 });
        let [ada, bob] = ["ada", "bob"].map(|id| ClientId::parse(id).unwrap());
        let status =
            |client: &ClientId| seats.take(client, Kind::Sse).err().map(|problem| problem.to_string());
        let first = seats.take(&ada, Kind::Sse).ok().unwrap();
        let second = seats.take(&ada, Kind::WebSocket).ok().unwrap();
        assert_eq!([Kind::Sse, Kind::WebSocket].map(|kind| seats.of_kind(kind)), [1, 1]);
        assert!(status(&ada).unwrap().starts_with("429"));
        let third = seats.take(&bob, Kind::Sse).ok().unwrap();
        assert!(status(&bob).unwrap().starts_with("503"));
        drop(first);
        assert!(seats.take(&bob, Kind::Sse).is_ok() && seats.take(&ada, Kind::Sse).is_ok());
        drop((second, third));
        let left = seats.taken.lock();
        assert_eq!((left.total, left.of_kind, left.by_client.len()), (0, [0, 0], 0));
    }
}
