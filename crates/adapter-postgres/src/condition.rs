//! How the primary is, for those who ask again and again.

use std::time::Duration;

use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use tokio::time::timeout;

use crate::ailment::Ailment;
use crate::statement::statement;
use crate::store::PostgresStore;

/// How long a connection may take. Attempts are repeated meanwhile.
pub(crate) const WAIT: Duration = Duration::from_millis(400);
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_millis(800);

statement! {
    TakesWrites {} -> Bool = "SELECT current_setting('transaction_read_only') = 'off'"
}

impl PostgresStore {
    /// Asks the primary whether it takes writes. Within a second.
    pub async fn condition(&self) -> Result<(), Ailment> {
        let checks = self.checks.clone();
        let asked = async move {
            let mut connection = checks.get().await.map_err(|_| checks.ailment())?;
            TakesWrites {}.get_result::<bool>(&mut *connection).await.map_err(|_| Ailment::Away)
        };
        // A web worker's runtime is not to keep the connection.
        let task = self.runtime().spawn(async move { timeout(PATIENCE, asked).await });
        match task.await {
            Ok(Ok(Ok(true))) if self.is_ready() => Ok(()),
            Ok(Ok(Ok(true))) => Err(Ailment::NotReady),
            Ok(Ok(Ok(false))) => Err(Ailment::ReadOnly),
            Ok(Ok(Err(ailment))) => Err(ailment),
            Ok(Err(_)) => Err(Ailment::Silent),
            Err(_) => Err(Ailment::Unknown),
        }
    }
}
