//! `admin set-aside`: what the store refused, listed, shown, tried again or dropped.

use std::fmt::Write as _;
use std::sync::Arc;

use activity_domain::act::{Act, Action};
use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{
    ActivitySink, Append, Appended, Batch, KeptAside, Record, SetAside, SetAsideRepo,
};
use activity_ingest::codec;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Opened, note};
use crate::Failure;
use crate::cli::SetAsideAction;
use crate::config::Settings;
use crate::secrets::hex;

/// Entries read at once.
const PAGE: usize = 100;

/// Does it and says what was done.
pub async fn run(settings: &Settings, opened: &Opened, action: SetAsideAction) -> Result<(), Failure> {
    let repo = opened.storage.set_aside.as_ref();
    match action {
        SetAsideAction::List => list(repo).await,
        SetAsideAction::Show { number } => crate::print(&describe(&find(repo, number).await?)),
        SetAsideAction::Replay { numbers, all } => {
            let numbers = if all { every_number(repo).await? } else { numbers };
            for number in &numbers {
                let act = Act::new(Action::SetAsideReplay, None).about("number", &number.to_string());
                note(settings, &opened.storage, &act).await?;
            }
            replay_all(opened.storage.sink.as_ref(), repo, &numbers).await
        }
        SetAsideAction::Drop { number } => {
            find(repo, number).await?;
            let act = Act::new(Action::SetAsideDrop, None).about("number", &number.to_string());
            note(settings, &opened.storage, &act).await?;
            if !repo.remove(number).await? {
                return Err(missing(number));
            }
            crate::print(&format!("{number} is dropped for good"))
        }
    }
}

async fn list(repo: &dyn SetAsideRepo) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = repo.list(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.no;
        let lines = page.iter().map(|kept| format!("{:>8}  {}  {}", kept.no, summary(kept), kept.reason));
        crate::print(&lines.collect::<Vec<_>>().join("\n"))?;
    }
    if after == 0 { crate::print("nothing is set aside") } else { Ok(()) }
}

async fn every_number(repo: &dyn SetAsideRepo) -> Result<Vec<u64>, StoreError> {
    let mut numbers: Vec<u64> = Vec::new();
    loop {
        let page = repo.list(numbers.last().copied().unwrap_or(0), PAGE).await?;
        if page.is_empty() {
            return Ok(numbers);
        }
        numbers.extend(page.iter().map(|kept| kept.no));
    }
}

async fn find(repo: &dyn SetAsideRepo, number: u64) -> Result<KeptAside, Failure> {
    let Some(before) = number.checked_sub(1) else { return Err(missing(number)) };
    let found = repo.list(before, 1).await?.pop().filter(|kept| kept.no == number);
    found.ok_or_else(|| missing(number))
}

fn missing(number: u64) -> Failure {
    format!("nothing with the number {number} is set aside").into()
}

/// What it is, in a few words.
fn summary(kept: &KeptAside) -> String {
    match codec::decode(&kept.payload) {
        Ok(a) => {
            let status = a.status.code().map_or_else(|| "-".to_owned(), |code| code.to_string());
            format!("{} {} {} {} {status}", a.at, a.client, a.method.as_str(), a.endpoint.as_str())
        }
        Err(_) => format!("{} bytes that cannot be read", kept.payload.len()),
    }
}

/// All that can be said of it.
fn describe(kept: &KeptAside) -> String {
    let mut text = format!("number  {}\nreason  {}\nstream  {}\n", kept.no, kept.reason, kept.stream);
    // Writing to a string cannot fail.
    let _ = match codec::decode(&kept.payload) {
        Ok(activity) => writeln!(text, "{activity:#?}"),
        Err(error) => writeln!(text, "it {error}"),
    };
    let _ = writeln!(text, "bytes   {}", hex(&kept.payload));
    text
}

/// What became of an entry.
#[derive(Debug, PartialEq, Eq)]
enum Replayed {
    /// It is stored, or was before, or its client was erased: taken away.
    Done(&'static str),
    /// An earlier replay got as far as the store.
    Earlier,
    /// It is refused again; it stays, with a new number and this reason where they are new.
    Refused,
}

async fn replay_all(
    sink: &dyn ActivitySink,
    repo: &dyn SetAsideRepo,
    numbers: &[u64],
) -> Result<(), Failure> {
    let mut refused = 0;
    for number in numbers {
        let kept = find(repo, *number).await?;
        let outcome = match replay(sink, repo, &kept).await? {
            Replayed::Done(outcome) => outcome,
            Replayed::Earlier => "was replayed before",
            Replayed::Refused => {
                refused += 1;
                "is refused again, and stays set aside"
            }
        };
        crate::print(&format!("{number}  {outcome}"))?;
    }
    crate::print(&format!("{} replayed, {refused} refused again", numbers.len() - refused))
}

/// Offers an entry to the sink, as a stream of its own that has this one record, and takes it away.
/// The stream's id follows from the entry, so that a replay that was cut off between the two is known
/// by its cursor: whatever happens in between, it is stored once, or set aside once.
async fn replay(
    sink: &dyn ActivitySink,
    repo: &dyn SetAsideRepo,
    kept: &KeptAside,
) -> Result<Replayed, StoreError> {
    let payload = kept.payload.clone();
    let (mut records, mut unreadable) = (Vec::new(), Vec::new());
    match codec::decode(&payload) {
        Ok(activity) => records.push(Record { payload, activity }),
        Err(error) if error.0 == kept.reason => return Ok(Replayed::Refused),
        Err(error) => unreadable.push(SetAside { payload, reason: error.0 }),
    }
    let batch = Batch { stream: stream_of(kept), expected: 0, next: 1, records, unreadable };
    let outcome = match sink.append(&Arc::new(batch)).await? {
        Append::Moved(_) => Replayed::Earlier,
        Append::Stored(Appended { stored: 1, .. }) => Replayed::Done("is stored"),
        Append::Stored(Appended { duplicate: 1, .. }) => Replayed::Done("was stored already"),
        Append::Stored(Appended { discarded: 1, .. }) => {
            Replayed::Done("is discarded: its client was erased, or it is older than RAW_RETENTION_DAYS")
        }
        // The sink has set it aside anew, with the reason of today.
        Append::Stored(_) => Replayed::Refused,
    };
    repo.remove(kept.no).await?;
    Ok(outcome)
}

/// A number is never given out again, so that no two entries have one.
fn stream_of(kept: &KeptAside) -> StreamId {
    let mut digest = Sha256::new();
    digest.update(b"activity-tracker set-aside\0");
    digest.update(kept.stream.0.as_bytes());
    digest.update(kept.no.to_be_bytes());
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest.finalize()[..16]);
    StreamId(Uuid::new_v8(bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity_adapter_memory::{MemoryStore, Times};
    use activity_domain::activity::{Activity, Endpoint, Method, Status};
    use activity_domain::id::{ActivityId, ClientId};
    use activity_domain::time::Timestamp;
    use bytes::Bytes;

    fn activity(id: u128) -> Activity {
        Activity {
            client: ClientId::parse("CL-1").unwrap(),
            id: ActivityId(Uuid::from_u128(id)),
            at: Timestamp::from_seconds(1_764_000_000).unwrap(),
            endpoint: Endpoint::parse("/things").unwrap(),
            method: Method::parse("GET").unwrap(),
            status: Status::parse(200).unwrap(),
            response_time: None,
            ip: None,
            user_agent: None,
            request_bytes: None,
            response_bytes: None,
            error_message: None,
            metadata: None,
            audit: None,
        }
    }

    /// A store that has set aside two activities and some junk.
    async fn store() -> MemoryStore {
        let store = MemoryStore::new();
        let payload = |id| Bytes::from(codec::encode(&activity(id), Vec::new()).unwrap());
        let refused = |payload| SetAside { payload, reason: "once refused".to_owned() };
        let unreadable = vec![refused(payload(1)), refused(payload(2)), refused(Bytes::from_static(b"junk"))];
        let stream = StreamId(Uuid::from_u128(9));
        let batch = Batch { stream, expected: 0, next: 3, records: Vec::new(), unreadable };
        store.append(&Arc::new(batch)).await.unwrap();
        store
    }

    async fn kept(store: &MemoryStore) -> Vec<KeptAside> {
        store.list(0, 100).await.unwrap()
    }

    async fn replay_one(store: &MemoryStore, kept: &KeptAside) -> Result<Replayed, StoreError> {
        replay(store, store, kept).await
    }

    #[tokio::test]
    async fn what_can_be_stored_is_stored_and_gone() {
        let store = store().await;
        let all = kept(&store).await;
        assert_eq!(replay_one(&store, &all[1]).await, Ok(Replayed::Done("is stored")));
        assert_eq!(store.rows(), [activity(2)]);
        assert_eq!(kept(&store).await, [all[0].clone(), all[2].clone()]);
    }

    #[tokio::test]
    async fn what_is_refused_again_stays_once_with_the_new_reason() {
        let store = store().await;
        store.refuse_rows(|_| true);
        for _ in 0..3 {
            let all = kept(&store).await;
            let entry =
                all.iter().find(|kept| kept.payload == codec::encode(&activity(1), Vec::new()).unwrap());
            assert_eq!(replay_one(&store, entry.unwrap()).await, Ok(Replayed::Refused));
            assert_eq!(kept(&store).await.len(), 3);
        }
        assert!(kept(&store).await.last().unwrap().reason.contains("refused by a test"));
        // What cannot be read gets the reason that reading gives, and keeps it.
        for round in 0..2 {
            let junk = kept(&store).await.into_iter().find(|kept| kept.payload == "junk").unwrap();
            assert_eq!(junk.reason.contains("is not a record"), round == 1, "{junk:?}");
            assert_eq!(replay_one(&store, &junk).await, Ok(Replayed::Refused));
            assert_eq!(kept(&store).await.len(), 3);
        }
        assert!(store.rows().is_empty());
    }

    /// The answer of the append is lost, or the process ends before the entry is taken away.
    #[tokio::test]
    async fn a_replay_that_was_cut_off_is_finished_by_the_next() {
        for is_refused in [false, true] {
            let store = store().await;
            store.refuse_rows(move |_| is_refused);
            store.lose_answers(Times::Next(1));
            let entry = kept(&store).await[0].clone();
            assert!(replay_one(&store, &entry).await.is_err());
            assert_eq!(kept(&store).await[0], entry, "it is there still");
            assert_eq!(replay_one(&store, &entry).await, Ok(Replayed::Earlier));
            assert_eq!(store.rows().len(), usize::from(!is_refused));
            let copies = kept(&store).await.into_iter().filter(|kept| kept.payload == entry.payload).count();
            assert_eq!(copies, usize::from(is_refused), "it is kept once if it was refused");
        }
    }

    #[tokio::test]
    async fn what_was_stored_in_another_way_is_a_duplicate() {
        let store = store().await;
        let record = Record { payload: Bytes::new(), activity: activity(1) };
        let stream = StreamId(Uuid::from_u128(10));
        let batch = Batch { stream, expected: 0, next: 1, records: vec![record], unreadable: Vec::new() };
        store.append(&Arc::new(batch)).await.unwrap();
        let entry = kept(&store).await[0].clone();
        assert_eq!(replay_one(&store, &entry).await, Ok(Replayed::Done("was stored already")));
        assert_eq!((store.rows().len(), kept(&store).await.len()), (1, 2));
    }
}
