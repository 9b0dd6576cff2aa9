//! The script of leases, and what it says.

use std::time::Duration;

use activity_domain::cache::CacheKey;
use activity_domain::error::Degraded;
use fred::types::Value;

use super::codec;
use crate::limiter::Time;
use crate::link::{Link, Script};

/// Keys live a while longer than what is in them: clocks differ, and those of tests stand still.
const GRACE: Duration = Duration::from_mins(1);

pub(super) struct Leases {
    script: Script,
    prefix: String,
    time: Time,
    /// After what time a lease is given to another.
    good: Duration,
}

/// What the primary says.
pub(super) enum Asked {
    /// This is there.
    Value(Vec<u8>),
    /// Somebody else computes it.
    Busy,
    /// The caller does.
    Yours,
}

impl Leases {
    pub fn new(prefix: &str, time: Time, good: Duration) -> Self {
        let script = Script::new(include_str!("lease.lua"));
        Self { script, prefix: prefix.to_owned(), time, good }
    }

    /// Where the value of a key is. The braces keep it on one server with its lease.
    pub fn place(&self, key: &CacheKey) -> String {
        format!("{}{{{key}}}", self.prefix)
    }

    /// The value of a key, unless it is the one that was seen already; or who may compute it.
    pub async fn ask(
        &self,
        link: &Link,
        key: &CacheKey,
        token: &str,
        seen: Option<&[u8]>,
    ) -> Result<Asked, Degraded> {
        let seen = seen.unwrap_or_default();
        let end = seen.get(seen.len().saturating_sub(codec::END)..).unwrap_or_default();
        let arguments = vec![
            Value::from_static_str("ask"),
            token.into(),
            self.now(),
            self.good_micros(),
            Value::Bytes(end.to_vec().into()),
        ];
        self.run(link, key, arguments).await
    }

    /// Who may compute it, whether it is there or not.
    pub async fn lease(&self, link: &Link, key: &CacheKey, token: &str) -> Result<Asked, Degraded> {
        let arguments = vec![Value::from_static_str("lease"), token.into(), self.now(), self.good_micros()];
        self.run(link, key, arguments).await
    }

    /// Puts a value in. Whether the lease was good.
    pub async fn fill(
        &self,
        link: &Link,
        key: &CacheKey,
        token: &str,
        value: Vec<u8>,
        life: Duration,
    ) -> Result<bool, Degraded> {
        let millis = i64::try_from((life + GRACE).as_millis()).unwrap_or(i64::MAX);
        let value = Value::Bytes(value.into());
        let arguments = vec![Value::from_static_str("fill"), token.into(), value, millis.into()];
        self.run(link, key, arguments).await.map(|said| matches!(said, Said::Yes))
    }

    /// Gives a lease back.
    pub async fn release(&self, link: &Link, key: &CacheKey, token: &str) -> Result<(), Degraded> {
        let arguments = vec![Value::from_static_str("release"), token.into()];
        self.run::<Said>(link, key, arguments).await.map(|_| ())
    }

    fn now(&self) -> Value {
        match &self.time {
            Time::Redis => Value::from_static_str(""),
            Time::Given(clock) => clock.now().as_micros().into(),
        }
    }

    fn good_micros(&self) -> Value {
        i64::try_from(self.good.as_micros()).unwrap_or(i64::MAX).into()
    }

    async fn run<T: Answer>(
        &self,
        link: &Link,
        key: &CacheKey,
        arguments: Vec<Value>,
    ) -> Result<T, Degraded> {
        let place = self.place(key);
        let names = vec![place.clone(), format!("{place}:lease")];
        let run = link.run(async |client| self.script.run(client, names, arguments).await);
        let answer: Vec<Value> = run.await?;
        T::of(&answer).ok_or_else(|| Degraded("Redis answers what the script does not".into()))
    }
}

trait Answer: Sized {
    fn of(answer: &[Value]) -> Option<Self>;
}

impl Answer for Asked {
    fn of(answer: &[Value]) -> Option<Self> {
        match (answer.first()?.as_i64()?, answer.get(1)) {
            (1, Some(value)) => value.as_bytes().map(|bytes| Self::Value(bytes.to_vec())),
            (2, None) => Some(Self::Busy),
            (3, None) => Some(Self::Yours),
            _ => None,
        }
    }
}

/// Whether it was done.
enum Said {
    Yes,
    No,
}

impl Answer for Said {
    fn of(answer: &[Value]) -> Option<Self> {
        match answer.first()?.as_i64()? {
            1 => Some(Self::Yes),
            0 => Some(Self::No),
            _ => None,
        }
    }
}
