//! Advisory locks of the database, by number. They hold over all instances.

use diesel::sql_types::Integer;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::statement::statement;

/// The first half of each lock's key, so that other programs on the database are not met: "acti".
const CLASS: i32 = 0x6163_7469;

/// What is locked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lock {
    /// The schema's versions.
    Schema = 1,
    /// Which rows are taken. Who stores rows or gives out numbers shares it; who erases a client or moves
    /// the floor of retention has it alone, so that nobody stores by what was decided before.
    Gate = 2,
    /// Blocks, and the names of endpoints.
    Blocks = 3,
    // 4 is taken by `make_activity_day`.
    /// Days of raw rows that are dropped.
    Retention = 5,
}

statement! {
    /// Waits until nobody else has it.
    Alone { class: i32 => Integer, lock: i32 => Integer } -> () =
        "SELECT pg_advisory_xact_lock($1, $2)"
}

statement! {
    /// Waits until nobody has it alone.
    Shared { class: i32 => Integer, lock: i32 => Integer } -> () =
        "SELECT pg_advisory_xact_lock_shared($1, $2)"
}

statement! {
    /// Waits for nobody.
    Try { class: i32 => Integer, lock: i32 => Integer } -> diesel::sql_types::Bool =
        "SELECT pg_try_advisory_xact_lock($1, $2)"
}

impl Lock {
    /// The two numbers that stand for it.
    pub const fn key(self) -> (i32, i32) {
        (CLASS, self as i32)
    }

    /// Has it alone until the transaction ends.
    pub async fn alone(self, c: &mut AsyncPgConnection) -> diesel::QueryResult<()> {
        let (class, lock) = self.key();
        Alone { class, lock }.execute(c).await.map(|_| ())
    }

    /// Shares it until the transaction ends.
    pub async fn shared(self, c: &mut AsyncPgConnection) -> diesel::QueryResult<()> {
        let (class, lock) = self.key();
        Shared { class, lock }.execute(c).await.map(|_| ())
    }

    /// Has it alone until the transaction ends, if it is to be had at once.
    pub async fn try_alone(self, c: &mut AsyncPgConnection) -> diesel::QueryResult<bool> {
        let (class, lock) = self.key();
        Try { class, lock }.get_result(c).await
    }
}
