//! Usage and limits as they are now, as JSON.

use std::sync::Arc;

use activity_domain::client::Role;
use activity_domain::live::Scope;
use activity_domain::port::Clock;
use activity_domain::service::{Access, Caller, Limits, Usage};
use activity_domain::span::Span;
use activity_domain::time::{Timestamp, Zone};
use activity_domain::usage::{DailyQuery, Days, TopQuery};
use bytes::Bytes;
use serde::Serialize;

use crate::dto::{DailyResponse, RateLimitResponse, TopClient, TopResponse};

/// Days up to today, of UTC.
const DAYS: i64 = 7;
/// Rows of usage by day: a reader is not to be sent megabytes every second.
const DAILY_ROWS: usize = 100;
/// Hours up to the current minute, and clients, of the top.
const HOURS: i64 = 24;
const TOP_ROWS: usize = 10;

/// Something that is as it is, until it changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Usage of the last days.
    Daily(Scope),
    /// The busiest clients.
    Top,
    /// Where quotas of a client stand.
    RateLimit(Scope),
}

/// What something is now.
pub struct Snapshot {
    /// Without what changes with every look.
    pub essence: Vec<u8>,
    /// For readers.
    pub body: Bytes,
}

/// Looks at what is now.
#[derive(Clone)]
pub struct Snapshots {
    access: Arc<Access>,
    usage: Arc<Usage>,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
}

impl Snapshots {
    /// By these use cases.
    pub fn new(access: Arc<Access>, usage: Arc<Usage>, limits: Arc<Limits>, clock: Arc<dyn Clock>) -> Self {
        Self { access, usage, limits, clock }
    }

    /// How a subject is now, for one who may know it; `None` if that cannot be found out at present.
    pub async fn look(&self, subject: &Subject, caller: &Caller) -> Option<Snapshot> {
        match subject {
            Subject::Daily(scope) => self.daily(scope, caller).await,
            Subject::Top => self.top(caller).await,
            Subject::RateLimit(_) => self.rate_limit(caller).await,
        }
    }

    async fn daily(&self, scope: &Scope, caller: &Caller) -> Option<Snapshot> {
        let now = self.clock.now();
        let client = match scope {
            Scope::Everybody => None,
            Scope::Client(id) => Some(id.clone()),
        };
        let days = Days::last(DAYS, &Zone::utc(), now).ok()?;
        let query = DailyQuery { days, zone: Zone::utc(), client, limit: DAILY_ROWS, after: None };
        let page = self.usage.daily(caller, query.clone()).await.ok()?;
        let response = |at: String, data| DailyResponse {
            from: query.days.from().to_string(),
            to: query.days.to().to_string(),
            timezone: query.zone.name().to_owned(),
            generated_at: at,
            next_cursor: None,
            data,
        };
        let rows = || page.rows.iter().cloned().map(Into::into).collect();
        snapshot(&response(String::new(), rows()), &response(now.to_string(), rows()))
    }

    async fn top(&self, caller: &Caller) -> Option<Snapshot> {
        let now = self.clock.now();
        let end = Timestamp::from(now.minute()).plus_seconds(60);
        let span = Span::around(end.plus_seconds(-3_600 * HOURS), end, now);
        let rows = self.usage.top(caller, &TopQuery { span, limit: TOP_ROWS }).await.ok()?;
        let response = |from: String, to: String, at: String| TopResponse {
            from,
            to,
            generated_at: at,
            data: rows.iter().enumerate().map(|(index, row)| TopClient::new(index, row)).collect(),
        };
        let text = |at: Timestamp| at.to_string();
        let full = response(text(span.from.into()), text(span.to.into()), text(now));
        snapshot(&response(String::new(), String::new(), String::new()), &full)
    }

    async fn rate_limit(&self, caller: &Caller) -> Option<Snapshot> {
        // Limits may be others by now.
        let client = self.access.client(&caller.client.id).await.ok().flatten();
        let client = client.unwrap_or_else(|| caller.client.clone());
        let states = self.limits.state(&client).await?;
        let (default, others) = states.split_first()?;
        let response = RateLimitResponse::new(&client, default, others, self.clock.now());
        // When it is whole again moves with the clock as long as nothing is spent.
        let is_limited = client.role == Role::Client;
        let limited = states.iter().filter(|_| is_limited);
        let essence: Vec<_> = limited.map(|state| (state.quota.limit.get(), state.remaining)).collect();
        snapshot(&essence, &response)
    }
}

fn snapshot(essence: &impl Serialize, body: &impl Serialize) -> Option<Snapshot> {
    let [essence, body] = [serde_json::to_vec(essence).ok()?, serde_json::to_vec(body).ok()?];
    Some(Snapshot { essence, body: body.into() })
}
