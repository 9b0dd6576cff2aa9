//! Answers from the cache where it has them, else from the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::assembly::Assembly;
use super::following::Following;
use crate::cache::{CacheKey, CacheValue, CacheVersion, CachedDay, Lifetime, Question};
use crate::error::StoreError;
use crate::port::{Background, Clock, Filled, Lease, Lookup, Read, UsageCache, UsageRepo, Wait};
use crate::time::{Date, Timestamp};
use crate::usage::{
    DailyPage, DailyQuery, Days, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery,
    TopQuery, TopRow,
};

/// A span is closed when its end lies so many seconds back: most of what belongs to it has arrived.
/// Nothing depends on that being all of it.
const CLOSED_AFTER: i64 = 60;

/// What is kept, and for how long.
#[derive(Debug, Clone)]
pub struct CachePolicy {
    /// The generation of the keys.
    pub version: CacheVersion,
    /// For closed days; `None` keeps none.
    pub daily: Option<Lifetime>,
    /// For the busiest clients of closed spans; `None` keeps none.
    pub top: Option<Lifetime>,
    /// The most rows of a day that are kept.
    pub day_rows: usize,
}

/// A [`UsageRepo`] with a cache in front of it. What is closed comes from the cache, what is still going
/// on from the store; [`Read::Latest`] passes the cache by. Its answers are those of the store, as long as
/// whoever changes the store makes the cache forget. A cache in trouble costs time and nothing else.
pub struct CachedUsage {
    pub(super) repo: Arc<dyn UsageRepo>,
    pub(super) cache: Arc<dyn UsageCache>,
    pub(super) clock: Arc<dyn Clock>,
    background: Arc<dyn Background>,
    pub(super) policy: CachePolicy,
    following: Option<Arc<Following>>,
}

impl CachedUsage {
    /// A cache in front of a repository.
    pub fn new(
        repo: Arc<dyn UsageRepo>,
        cache: Arc<dyn UsageCache>,
        clock: Arc<dyn Clock>,
        background: Arc<dyn Background>,
        policy: CachePolicy,
    ) -> Self {
        Self { repo, cache, clock, background, policy, following: None }
    }

    /// With others who change the store, and somebody who knows what they did.
    #[must_use]
    pub fn following(self, following: Arc<Following>) -> Self {
        Self { following: Some(following), ..self }
    }

    /// The key of one day of a question.
    pub(super) fn day(&self, query: &DailyQuery, date: Date) -> CacheKey {
        let (zone, client) = (query.zone.clone(), query.client.clone());
        self.key(Question::Day { zone, date, client })
    }

    pub(super) fn key(&self, question: Question) -> CacheKey {
        CacheKey { version: self.policy.version.clone(), question }
    }

    /// The latest instant at which something closed can have ended; `None` while the cache has to be passed by.
    pub(super) fn sealed(&self) -> Option<Timestamp> {
        let settled = self.clock.now().plus_seconds(-CLOSED_AFTER);
        match &self.following {
            Some(following) => Some(following.sealed()?.min(settled)),
            None => Some(settled),
        }
    }

    fn lifetime(&self, question: &Question) -> Option<Lifetime> {
        match question {
            Question::Day { .. } => self.policy.daily,
            Question::Top { .. } => self.policy.top,
        }
    }

    /// Computes a value and puts it in, if it is missing or not fresh after some time from now, and nobody
    /// else is at it. Says whether it did.
    pub(super) async fn warm(&self, key: &CacheKey, within: Duration) -> Result<bool, StoreError> {
        let lifetime = self.lifetime(&key.question).filter(|_| key.version == self.policy.version);
        let Some(lifetime) = lifetime.filter(|_| self.sealed().is_some()) else { return Ok(false) };
        let Ok(Some(lease)) = self.cache.renew(key, within).await else { return Ok(false) };
        let value = compute(self.repo.as_ref(), &key.question, self.policy.day_rows).await?;
        Ok(lease.fill(value, lifetime).await == Ok(Filled::Kept))
    }

    /// Has a value that is getting old computed anew, beside the caller and once.
    pub(super) async fn refresh(&self, key: CacheKey, lifetime: Lifetime) {
        if let Ok(Some(lease)) = self.cache.renew(&key, Duration::ZERO).await {
            let (repo, day_rows) = (self.repo.clone(), self.policy.day_rows);
            self.background.run(Box::pin(async move {
                // Without an answer the lease is given back, and the next who asks tries again.
                if let Ok(value) = compute(repo.as_ref(), &key.question, day_rows).await {
                    put(lease, value, lifetime).await;
                }
            }));
        }
    }

    async fn top_from_cache(&self, query: &TopQuery, lifetime: Lifetime) -> Result<Vec<TopRow>, StoreError> {
        let key = self.key(Question::Top { span: query.span, limit: query.limit });
        match self.cache.get(&key, Wait::Bounded).await {
            Ok(Lookup::Fresh(CacheValue::Top(rows))) => Ok(rows.to_vec()),
            Ok(Lookup::Stale(CacheValue::Top(rows))) => {
                self.refresh(key, lifetime).await;
                Ok(rows.to_vec())
            }
            Ok(Lookup::Missing(lease)) => {
                let rows = self.repo.top(query, Read::Latest).await?;
                put(lease, CacheValue::Top(rows.as_slice().into()), lifetime).await;
                Ok(rows)
            }
            // Somebody is at it for too long, or the cache is in trouble, or holds what it should not.
            _ => self.repo.top(query, Read::Eventual).await,
        }
    }
}

#[async_trait]
impl UsageRepo for CachedUsage {
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError> {
        let lifetime = self.policy.daily.filter(|_| read == Read::Eventual && query.limit > 0);
        match lifetime {
            Some(lifetime) => Assembly::of(self, query, lifetime).page().await,
            None => self.repo.daily(query, read).await,
        }
    }

    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError> {
        let is_closed = self.sealed().is_some_and(|sealed| Timestamp::from(query.span.to) <= sealed);
        match self.policy.top {
            Some(lifetime) if is_closed && read == Read::Eventual => {
                self.top_from_cache(query, lifetime).await
            }
            _ => self.repo.top(query, read).await,
        }
    }

    async fn series(&self, query: &SeriesQuery, read: Read) -> Result<Vec<Series>, StoreError> {
        self.repo.series(query, read).await
    }

    async fn endpoints(&self, query: &EndpointsQuery, read: Read) -> Result<Vec<EndpointRow>, StoreError> {
        self.repo.endpoints(query, read).await
    }

    async fn activities(&self, query: &LogQuery, read: Read) -> Result<LogPage, StoreError> {
        self.repo.activities(query, read).await
    }
}

/// The answer to a question. A cache may hold it only if nothing that was stored before is missing from
/// it, so a replica that lags behind will not do.
async fn compute(
    repo: &dyn UsageRepo,
    question: &Question,
    day_rows: usize,
) -> Result<CacheValue, StoreError> {
    match question {
        Question::Day { zone, date, client } => {
            // A range of one day is in order, and within the bound.
            let days = Days::between(*date, *date).map_err(|error| StoreError::Refused(error.to_string()))?;
            let (zone, client) = (zone.clone(), client.clone());
            let query = DailyQuery { days, zone, client, limit: day_rows, after: None };
            let page = repo.daily(&query, Read::Latest).await?;
            let day = if page.next.is_some() { CachedDay::TooLong } else { CachedDay::of(page.rows) };
            Ok(CacheValue::Day(Arc::new(day)))
        }
        Question::Top { span, limit } => {
            let rows = repo.top(&TopQuery { span: *span, limit: *limit }, Read::Latest).await?;
            Ok(CacheValue::Top(rows.into()))
        }
    }
}

/// Puts a value in. What becomes of it is the cache's business.
pub(super) async fn put(lease: Box<dyn Lease>, value: CacheValue, lifetime: Lifetime) {
    if let Err(_degraded) = lease.fill(value, lifetime).await {
        // The next who asks computes it again.
    }
}
