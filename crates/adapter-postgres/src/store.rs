//! The store, and how work runs on its connections.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::act::Signature;
use activity_domain::error::StoreError;
use activity_domain::port::Read;
use activity_domain::service::{EmailVault, Emails};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::breaker::Breaker;
use crate::condition;
use crate::counts::{Counters, Counts};
use crate::days::Days;
use crate::error::{Ending, Failure, out_of_reach};
use crate::novelty::Novelty;
use crate::numbers::NumberCache;
use crate::options::{Options, Server};
use crate::pools::{Connections, NotConnected, PoolState, Work};
use crate::readiness::Readiness;
use crate::replicas::{ReplicaState, Replicas};

/// How a transaction begins.
#[derive(Debug, Clone, Copy)]
enum Begin {
    /// Each statement sees what is committed when it begins.
    Write,
    /// All statements see one state.
    Snapshot,
}

/// After this, the primary is looked at, whether it is still there.
const DOUBT: Duration = Duration::from_secs(2);
/// What is new is asked for again after this.
const NEWS_LIMIT: Duration = Duration::from_secs(2);
/// After this, another server is asked.
const REPLICA_LIMIT: Duration = Duration::from_secs(3);

/// The store for several instances. All ports of storage are implemented by it.
#[derive(Clone)]
pub struct PostgresStore {
    writers: Connections,
    readers: Connections,
    /// For those who ask how it is, so that many questions do not look like an outage.
    pub(crate) checks: Connections,
    /// For following what changes, which many questions are not to hold up.
    news: Connections,
    replicas: Arc<Replicas>,
    options: Arc<Options>,
    runtime: Handle,
    readiness: Readiness,
    breaker: Breaker,
    counters: Arc<Counters>,
    pub(crate) numbers: Arc<NumberCache>,
    pub(crate) days: Arc<Days>,
    pub(crate) novelty: Arc<Novelty>,
    /// In whose name clients are changed, if that is to be written down.
    pub(crate) signature: Option<Signature>,
}

impl PostgresStore {
    /// A store that connects when it is first asked for something, and looks then whether it may work on the
    /// database: see [`Self::ready`]. So a start works while the database is out of reach. Its work is done by the
    /// runtime that this is called on, which has to have more than one thread.
    pub fn new(options: Options) -> Self {
        let (runtime, counters) = (Handle::current(), Arc::<Counters>::default());
        let breaker = Breaker::new(&options.primary, &runtime, &counters);
        let to_primary =
            |size, wait, work| Connections::to_primary(&options.primary, size, wait, work, &breaker);
        Self {
            writers: to_primary(options.writers, options.writer_wait, Work::Writing),
            readers: to_primary(options.readers, options.reader_wait, Work::Reading).refused_by(&breaker),
            checks: to_primary(1, condition::WAIT, Work::Reading),
            news: to_primary(1, NEWS_LIMIT, Work::Reading).refused_by(&breaker),
            replicas: Arc::new(Replicas::new(&options, &breaker, &runtime)),
            readiness: Readiness::new(&options, &breaker, runtime.clone()),
            breaker,
            counters,
            runtime,
            numbers: Arc::default(),
            days: Arc::default(),
            novelty: Arc::default(),
            signature: None,
            options: Arc::new(options),
        }
    }

    /// Makes the first contact, if that was not done yet: an empty database is set up. A schema of another
    /// version and secrets that differ from those of other instances are [`StoreError::Refused`], and stay so until
    /// somebody does something about them; all other failures may pass by themselves.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.readiness.wait(self.options.writer_wait).await
    }

    /// Whether it was made.
    pub fn is_ready(&self) -> bool {
        self.readiness.is_done()
    }

    /// Whether the primary is in reach, as far as is known. While it is not, questions to it are refused.
    pub fn is_reached(&self) -> bool {
        self.is_ready() && self.breaker.trouble().is_none()
    }

    /// How its connections to the primary do.
    pub fn pools(&self) -> [PoolState; 2] {
        [self.writers.state("write"), self.readers.state("read")]
    }

    /// How its replicas do.
    pub fn replicas(&self) -> Vec<ReplicaState> {
        self.replicas.states()
    }

    /// What it has met since its start.
    pub fn counts(&self) -> Counts {
        self.counters.now()
    }

    /// The same store, in somebody's name.
    pub(crate) fn signed_by(&self, by: Signature) -> Self {
        Self { signature: Some(by), ..self.clone() }
    }

    pub(crate) fn max_endpoints(&self) -> usize {
        self.options.max_endpoints
    }

    pub(crate) fn emails(&self) -> Emails {
        self.options.emails.clone()
    }

    pub(crate) fn vault(&self) -> Option<EmailVault> {
        self.options.emails.vault().cloned()
    }

    pub(crate) fn primary(&self) -> &Server {
        &self.options.primary
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Does something as a task of the store's runtime, within the time of a write.
    pub(crate) async fn on_runtime<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let limit = self.options.writer_limit;
        let task = self
            .runtime
            .spawn(async move { timeout(limit, work).await.unwrap_or_else(|_| Err(no_answer(limit))) });
        task.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    /// Runs work in one write transaction. It runs to its end even if the caller goes away.
    pub(crate) async fn write<T, F>(
        &self,
        work: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, Result<T, F>> + Send + 'static,
    ) -> Result<T, F::Told>
    where
        T: Send + 'static,
        F: Ending,
    {
        self.readiness.wait_for(self.options.writer_wait).await?;
        self.run(&self.writers, Begin::Write, self.options.writer_limit, work).await
    }

    /// Runs work on one snapshot of a server that shows what the read has to see. It is begun anew elsewhere
    /// where a replica fails.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: Read,
        work: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, Result<T, Failure>>
        + Clone
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        self.first_contact().await?;
        if read == Read::Eventual {
            for replica in self.replicas.in_turn() {
                let asked = self.run(&replica.connections, Begin::Snapshot, REPLICA_LIMIT, work.clone());
                let answer = tokio::select! {
                    answer = asked => answer,
                    // What was asked goes on until its time is over; nobody waits for it.
                    () = replica.lost() => Err(out_of_reach(&"the replica is lost")),
                };
                match answer {
                    Err(error @ (StoreError::Unavailable(_) | StoreError::Refused(_))) => {
                        self.counters.moved_reads.add();
                        replica.suspect(&error);
                    }
                    answer => {
                        self.counters.replica_reads.add();
                        return answer;
                    }
                }
            }
        }
        self.counters.primary_reads.add();
        tokio::select! {
            answer = self.run(&self.readers, Begin::Snapshot, self.options.reader_limit, work) => answer,
            trouble = self.loss() => Err(out_of_reach(&format_args!("{}: {trouble}", self.options.primary))),
        }
    }

    /// Returns when a question that takes long turns out to be put to nobody.
    async fn loss(&self) -> NotConnected {
        sleep(DOUBT).await;
        self.breaker.doubt();
        self.breaker.refusal(|| true).await
    }

    /// Returns when there was one. While the primary is lost, those who make it go on trying; questions do not wait.
    async fn first_contact(&self) -> Result<(), StoreError> {
        match self.breaker.trouble() {
            Some(trouble) if !self.is_ready() => {
                self.counters.refused.add();
                Err(out_of_reach(&format_args!("{}: {trouble}", self.options.primary)))
            }
            _ => self.readiness.wait_for(self.options.reader_wait).await,
        }
    }

    /// Runs work on one snapshot of the primary, on a connection that is there for it.
    pub(crate) async fn follow<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.first_contact().await?;
        self.run(&self.news, Begin::Snapshot, NEWS_LIMIT, work).await
    }

    /// Runs work on a writer's connection outside a transaction, for what cannot be in one.
    pub(crate) async fn maintain<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readiness.wait_for(self.options.writer_wait).await?;
        let connections = self.writers.clone();
        self.on_runtime(async move {
            let mut connection = connections.get().await?;
            Ok(work(&mut connection).await?)
        })
        .await
    }

    /// Runs a transaction as a task of the runtime that the store was made on. A caller that goes away (a
    /// request's time-out, a lost connection) only stops waiting: a transaction that is dropped halfway
    /// would cost its connection, and nobody would know what became of it.
    async fn run<T, F>(
        &self,
        connections: &Connections,
        begin: Begin,
        limit: Duration,
        work: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, Result<T, F>> + Send + 'static,
    ) -> Result<T, F::Told>
    where
        T: Send + 'static,
        F: Ending,
    {
        let connections = connections.clone();
        let task = self.runtime.spawn(async move {
            let mut connection = connections.get().await?;
            // What is cut off here leaves a transaction open: the pool closes such a connection.
            match timeout(limit, transaction(&mut connection, begin, work)).await {
                Ok(result) => result.map_err(Ending::told),
                Err(_) => Err(no_answer(limit).into()),
            }
        });
        task.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

fn no_answer(limit: Duration) -> StoreError {
    StoreError::Unavailable(format!("no end of it within {} seconds", limit.as_secs()))
}

/// An error of the commit leaves open whether it was done: whoever has to know asks the database.
async fn transaction<T, F: Ending>(
    c: &mut AsyncPgConnection,
    begin: Begin,
    work: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, Result<T, F>>,
) -> Result<T, F> {
    let begin = match begin {
        Begin::Write => "BEGIN",
        Begin::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    };
    AnsiTransactionManager::begin_transaction_sql(c, begin).await?;
    match work(c).await {
        Ok(done) => {
            AnsiTransactionManager::commit_transaction(c).await?;
            Ok(done)
        }
        Err(error) => {
            if let Err(error) = AnsiTransactionManager::rollback_transaction(c).await {
                tracing::debug!(%error, "a transaction was not taken back in good order");
            }
            Err(error)
        }
    }
}

/// Lets statements of this transaction take longer than usual.
pub(crate) async fn be_patient(c: &mut AsyncPgConnection) -> diesel::QueryResult<()> {
    c.batch_execute("SET LOCAL statement_timeout = '50s'").await
}
