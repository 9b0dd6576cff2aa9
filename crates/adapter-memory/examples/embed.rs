//! The tracker inside another Rust service: use cases and ports, and no web framework.
//!
//! `cargo run -p activity-adapter-memory --example embed`

use std::error::Error;
use std::sync::Arc;

use activity_adapter_memory::{ManualClock, MemoryLimiter, MemoryStore, SeededRandomness};
use activity_domain::activity::{Activity, Endpoint, Method, ResponseTime, Status};
use activity_domain::client::{ClientName, Email, RateLimit};
use activity_domain::id::{ActivityId, StreamId};
use activity_domain::limit::Window;
use activity_domain::port::{ActivitySink, Append, Batch, Clock, Record};
use activity_domain::service::{
    Access, Caller, Clients, LimitPolicy, Limited, Limits, Registration, RegistrationMode, Usage,
};
use activity_domain::time::{Timestamp, Zone};
use activity_domain::usage::{DailyQuery, Days};
use uuid::Uuid;

/// Registers a client, records what it does for as long as its limit allows, and reads its usage.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    // A service would take the system's clock, the system's randomness and a store that lasts.
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::parse("2026-03-01T12:00:00Z")?));
    let randomness = Arc::new(SeededRandomness::new(1));
    let store = Arc::new(MemoryStore::default());
    let limit = RateLimit::parse(3)?;

    let clients = Clients::new(store.clone(), clock.clone(), randomness, RegistrationMode::Open, limit);
    let wish = Registration {
        name: ClientName::parse("Shop")?,
        email: Email::parse("shop@example.org")?,
        rate_limit: None,
        role: None,
    };
    let key = clients.register(wish, None).await?.key;
    let caller = Access::new(store.clone(), clock.clone()).by_key(key.reveal()).await?;

    let policy = LimitPolicy {
        window: Window::HOUR,
        reads_per_minute: limit,
        registrations_per_hour: limit,
        failures_per_minute: limit,
    };
    let limits = Limits::new(Arc::new(MemoryLimiter::new(clock.clone())), policy);
    let mut recorded = 0;
    let refusal = loop {
        let activity = call(&caller, recorded, clock.now())?;
        match limits.record(&caller, std::slice::from_ref(&activity)).await {
            Ok(_spent) => record(store.as_ref(), recorded, activity).await?,
            Err(limited) => break limited,
        }
        recorded += 1;
    };
    assert!(matches!(refusal, Limited::Later { .. }));

    let zone = Zone::parse("Europe/Berlin")?;
    let days = Days::last(1, &zone, clock.now())?;
    let question = DailyQuery { days, zone, client: None, limit: 10, after: None };
    let page = Usage::new(store.clone(), store).daily(&caller, question).await?;
    assert_eq!((page.rows.len(), page.rows[0].summary.requests), (1, 3));
    Ok(())
}

fn call(caller: &Caller, number: u64, at: Timestamp) -> Result<Activity, Box<dyn Error>> {
    Ok(Activity {
        client: caller.client.id.clone(),
        id: ActivityId(Uuid::from_u128(number.into())),
        at,
        endpoint: Endpoint::parse("/orders")?,
        method: Method::parse("GET")?,
        status: Status::parse(200)?,
        response_time: Some(ResponseTime::from_millis(12.5)?),
        ip: None,
        user_agent: None,
        request_bytes: None,
        response_bytes: None,
        error_message: None,
        metadata: None,
        audit: None,
    })
}

/// One call, straight into the store. `activity-ingest` puts a durable spool in between.
async fn record(sink: &dyn ActivitySink, number: u64, activity: Activity) -> Result<(), Box<dyn Error>> {
    let record = Record { payload: bytes::Bytes::new(), activity };
    let batch = Batch {
        stream: StreamId(Uuid::from_u128(1)),
        expected: number,
        next: number + 1,
        records: vec![record],
        unreadable: Vec::new(),
    };
    match sink.append(&Arc::new(batch)).await? {
        Append::Stored(_) => Ok(()),
        Append::Moved(at) => Err(format!("the stream stands at {at}, not at {number}").into()),
    }
}
