//! What a replica can be told and asked besides.

use super::{PATIENCE, Postgres, data};
use crate::until;

impl Postgres {
    /// Stops replay on a replica: it goes on answering, with what it knows by now.
    pub fn pause_replay(&self) {
        self.sql("select pg_wal_replay_pause()");
        self.wait_for("replay to pause", "select pg_get_wal_replay_pause_state() = 'paused'");
    }

    /// Lets it go on.
    pub fn resume_replay(&self) {
        self.sql("select pg_wal_replay_resume()");
    }

    /// How far a primary has written its log.
    pub fn written(&self) -> String {
        self.sql("select pg_current_wal_lsn()")
    }

    /// Waits until a replica has replayed the log of its primary up to there.
    pub fn wait_replayed(&self, written: &str) {
        let sql = format!("select pg_last_wal_replay_lsn() >= '{written}'");
        self.wait_for(&format!("replay up to {written}"), &sql);
    }

    /// Makes a replica a server of its own that takes writes. It replays what it has received first.
    pub fn promote(&self) {
        // Whoever waits in one statement keeps the server from replaying what is in conflict with it, until he is
        // put out.
        self.sql("select pg_promote(false)");
        self.wait_for("the replica to be promoted", "select not pg_is_in_recovery()");
    }

    /// Makes a replica follow another server, by a slot that is there.
    pub(super) fn follow(&self, primary: &Self, slot: &str) {
        let conninfo = data::conninfo(&primary.address, slot);
        self.sql(&format!(
            "alter system set primary_conninfo = '{conninfo}';
             alter system set primary_slot_name = '{slot}';
             select pg_reload_conf()"
        ));
    }

    /// Waits until a question is answered with true.
    fn wait_for(&self, what: &str, question: &str) {
        until(what, PATIENCE, || (self.sql(question) == "t").then_some(()));
    }
}
