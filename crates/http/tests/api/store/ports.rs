//! The ports, handed on to the store that is behind them.

use std::sync::Arc;

use activity_domain::act::{Act, ActQuery, Entry, Signature};
use activity_domain::client::{Client, ClientChange};
use activity_domain::error::{AddKeyError, InsertError, StoreError, UpdateError};
use activity_domain::id::{ClientId, KeyId, StreamId, TicketId};
use activity_domain::key::{KeyDigest, KeyRecord};
use activity_domain::port::{
    Account, ActLog, ActivitySink, Append, Batch, Changes, ClientRepo, Read, TicketRepo, UsageRepo,
};
use activity_domain::time::Timestamp;
use activity_domain::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};
use async_trait::async_trait;

use super::Store;

#[async_trait]
impl ClientRepo for Store {
    fn signed(&self, by: Signature) -> Arc<dyn ClientRepo> {
        Arc::new(Self { clients: self.clients.signed(by), ..self.clone() })
    }

    async fn insert(&self, client: &Client, key: Option<&KeyRecord>) -> Result<(), InsertError> {
        self.clients()?.insert(client, key).await
    }

    async fn insert_missing(&self, clients: &[Client]) -> Result<u64, InsertError> {
        self.clients()?.insert_missing(clients).await
    }

    async fn update(
        &self,
        id: &ClientId,
        change: &ClientChange,
        now: Timestamp,
    ) -> Result<Option<Client>, UpdateError> {
        self.clients()?.update(id, change, now).await
    }

    async fn by_id(&self, id: &ClientId, read: Read) -> Result<Option<Client>, StoreError> {
        self.clients()?.by_id(id, read).await
    }

    async fn by_key(
        &self,
        digest: &KeyDigest,
        read: Read,
    ) -> Result<Option<(Client, KeyRecord)>, StoreError> {
        self.clients()?.by_key(digest, read).await
    }

    async fn account(&self, id: &ClientId, read: Read) -> Result<Option<Account>, StoreError> {
        let account = self.clients()?.account(id, read).await;
        self.pass().await;
        account
    }

    async fn list(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        read: Read,
    ) -> Result<Vec<Account>, StoreError> {
        self.clients()?.list(after, limit, read).await
    }

    async fn add_key(
        &self,
        id: &ClientId,
        key: &KeyRecord,
        overlap: Option<Timestamp>,
    ) -> Result<(), AddKeyError> {
        self.clients()?.add_key(id, key, overlap).await
    }

    async fn revoke_key(&self, id: &ClientId, key: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        self.clients()?.revoke_key(id, key, now).await
    }

    async fn erase(&self, id: &ClientId, anonymous: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
        self.clients()?.erase(id, anonymous, now).await
    }

    async fn touch(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        self.clients()?.touch(uses).await
    }

    async fn changes_since(&self, version: u64) -> Result<Changes, StoreError> {
        self.clients()?.changes_since(version).await
    }
}

#[async_trait]
impl ActivitySink for Store {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        self.reach()?.sink.position(stream).await
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        self.reach()?.sink.append(batch).await
    }
}

#[async_trait]
impl UsageRepo for Store {
    async fn daily(&self, query: &DailyQuery, read: Read) -> Result<DailyPage, StoreError> {
        self.reach()?.usage.daily(query, read).await
    }

    async fn top(&self, query: &TopQuery, read: Read) -> Result<Vec<TopRow>, StoreError> {
        self.reach()?.usage.top(query, read).await
    }

    async fn series(&self, query: &SeriesQuery, read: Read) -> Result<Vec<Series>, StoreError> {
        self.reach()?.usage.series(query, read).await
    }

    async fn endpoints(&self, query: &EndpointsQuery, read: Read) -> Result<Vec<EndpointRow>, StoreError> {
        self.reach()?.usage.endpoints(query, read).await
    }

    async fn activities(&self, query: &LogQuery, read: Read) -> Result<LogPage, StoreError> {
        self.reach()?.usage.activities(query, read).await
    }
}

#[async_trait]
impl TicketRepo for Store {
    async fn redeem(&self, id: TicketId, until: Timestamp) -> Result<bool, StoreError> {
        self.reach()?.tickets.redeem(id, until).await
    }
}

#[async_trait]
impl ActLog for Store {
    async fn note(&self, by: &Signature, act: &Act) -> Result<(), StoreError> {
        self.reach()?.acts.note(by, act).await
    }

    async fn acts(&self, query: &ActQuery, read: Read) -> Result<Vec<Entry>, StoreError> {
        self.reach()?.acts.acts(query, read).await
    }
}
