//! A body of events of any bytes, as JSON and as lines: never a panic, every item is taken or refused with
//! a short reason, and what is taken goes through the spool unchanged.

#![no_main]

use std::cell::RefCell;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use activity_adapter_memory::{ManualClock, MemoryStore};
use activity_domain::activity::{Activity, AgePolicy};
use activity_domain::audit::Sealed;
use activity_domain::client::{Client, ClientLimits, ClientName, RateLimit, Role};
use activity_domain::error::{Invalid, Unopened};
use activity_domain::id::{ClientId, KeyId};
use activity_domain::port::Vault;
use activity_domain::service::{Access, Caller};
use activity_domain::time::Timestamp;
use activity_http::audit::{Audit, Capture};
use activity_http::extract::Media;
use activity_http::operations::events::{Checks, Items, Rejection, parse, split};
use activity_ingest::codec;
use libfuzzer_sys::fuzz_target;

static ACCESS: LazyLock<Access> = LazyLock::new(|| {
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    Access::new(Arc::new(MemoryStore::default()), clock)
});
static AUDIT: LazyLock<Audit> =
    LazyLock::new(|| Audit::keeping(Capture::Full, 1_000, Arc::new(Glass)));
static CALLERS: LazyLock<[Caller; 2]> = LazyLock::new(|| [Role::Client, Role::Service].map(caller));

/// Seals nothing: what would be sealed goes through the spool as it is.
struct Glass;

impl Vault for Glass {
    fn seal(&self, plaintext: &[u8], _: &[u8]) -> Result<Sealed, Invalid> {
        Sealed::parse(plaintext)
    }

    fn mark(&self) -> Vec<u8> {
        Vec::new()
    }

    fn open(&self, sealed: &Sealed, _: &[u8]) -> Result<Vec<u8>, Unopened> {
        Ok(sealed.as_bytes().to_vec())
    }
}

fn caller(role: Role) -> Caller {
    let client = Client {
        id: ClientId::parse("CL-fuzz").expect("an id"),
        name: ClientName::parse("Ada").expect("a name"),
        email: None,
        role,
        rate_limit: RateLimit::parse(1).expect("a limit"),
        limits: ClientLimits::default(),
        is_active: true,
        created_at: Timestamp::from_seconds(0).expect("a time"),
    };
    Caller { client: Arc::new(client), key: KeyId::from_bits([0; 12]), key_ends: None, request: None }
}

fuzz_target!(|body: &[u8]| {
    for media in [Media::Json, Media::Ndjson] {
        for caller in CALLERS.iter() {
            check(media, body, caller);
        }
    }
});

fn check(media: Media, body: &[u8], caller: &Caller) {
    let items = match split(media, body) {
        Ok(Items::One(item)) => vec![item],
        Ok(Items::Many(items)) => items,
        Err(problem) => {
            assert!(problem.to_string().len() < 400);
            return;
        }
    };
    let checks = Checks {
        caller,
        access: &ACCESS,
        ages: AgePolicy { client_max_days: 7, retention_days: None },
        now: Timestamp::from_seconds(1_790_000_000).expect("a time"),
        known: RefCell::default(),
    };
    let (mut accepted, mut rejected) = (0, 0);
    for item in &items {
        let activity = parse(item).and_then(|mut event| {
            let activity = now(checks.activity(&event)).expect("the store is there")?;
            let Some(sent) = AUDIT.wanted(&mut event) else { return Ok(activity) };
            let sealed = AUDIT.seal(&sent, &activity);
            let audit = sealed.map_err(|(field, reason)| Rejection::new(field, reason.0))?;
            Ok(Activity { audit, ..activity })
        });
        match activity {
            Ok(activity) => {
                let record = codec::encode(&activity, Vec::new()).expect("it can be encoded");
                assert_eq!(codec::decode(&record), Ok(activity));
                accepted += 1;
            }
            Err(rejection) => {
                let sentence = rejection.sentence();
                assert!(!sentence.is_empty() && sentence.len() < 1_000, "{}", sentence.len());
                assert!(rejection.pointer("#/0").starts_with("#/0"));
                rejected += 1;
            }
        }
    }
    assert_eq!(accepted + rejected, items.len());
}

/// Nothing is waited for in memory.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}
