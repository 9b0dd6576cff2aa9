//! How many questions of one client the store answers at one time: a minute's worth of them that comes at
//! once would keep all others from it. More wait for their turn, but not for long.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::id::ClientId;
use actix_web::http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Questions of one client at a time. Fewer than a store has readers by default.
const PER_CLIENT: usize = 3;
/// How long one waits for its turn.
const WAIT: Duration = Duration::from_secs(2);

/// Clients that have questions, and only those, so that it stays small. One for the process.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<ClientId, Arc<Semaphore>>>>);

impl Turns {
    /// Waits for the turn of a client's question.
    pub async fn wait(&self, client: &ClientId) -> Result<Turn, Problem> {
        let semaphore = self.0.lock().entry(client.clone()).or_insert_with(unused).clone();
        // From here on it is tidied up, also when nobody waits any more.
        let mut turn = Turn { turns: self.clone(), client: client.clone(), permit: None };
        let permit = tokio::time::timeout(WAIT, semaphore.acquire_owned()).await;
        turn.permit = permit.ok().and_then(Result::ok);
        if turn.permit.is_some() { Ok(turn) } else { Err(too_many()) }
    }
}

fn unused() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(PER_CLIENT))
}

fn too_many() -> Problem {
    let detail = "too many questions of yours are being answered at present; send fewer at a time";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(1)
}

/// A question's turn. It ends when it is dropped.
pub struct Turn {
    turns: Turns,
    client: ClientId,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.turns.0.lock();
        self.permit = None;
        // Those who wait and those whose turn it is hold it too; nobody else gets it while it is locked.
        if turns.get(&self.client).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            turns.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_client_has_so_many_turns_and_nothing_is_left_behind() {
        let turns = Turns::default();
        let (ada, bob) = (ClientId::parse("ada").unwrap(), ClientId::parse("bob").unwrap());
        let mut held = Vec::new();
        for _ in 0..PER_CLIENT {
            held.push(turns.wait(&ada).now_or_never().unwrap().ok().unwrap());
        }
        assert!(turns.wait(&ada).await.is_err(), "none is given back in time");
        assert!(turns.wait(&bob).now_or_never().unwrap().is_ok(), "others do not wait");
        let mut next = Box::pin(turns.wait(&ada));
        assert!(next.as_mut().now_or_never().is_none());
        held.pop();
        let next = next.await.ok().unwrap();
        // One that is given up.
        held.push(next);
        assert!(turns.wait(&ada).now_or_never().is_none());
        assert_eq!(turns.0.lock().len(), 1);
        held.clear();
        assert_eq!(turns.0.lock().len(), 0);
    }
}
