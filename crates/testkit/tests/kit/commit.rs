//! A connection to PostgreSQL that breaks in the middle of a commit.

use std::time::Duration;

use activity_testkit::{Moment, Postgres, Proxy, until};

const SOON: Duration = Duration::from_secs(20);
/// Clients besides the one that asks.
const OTHERS: &str = "select count(*) from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()";

#[test]
fn a_commit_is_cut_off_before_or_after_it_is_done() {
    let server = Postgres::start();
    let proxy = Proxy::to_port(server.address().port);
    let address = server.address().at(proxy.port());
    server.sql("create table kept (n int)");
    for (n, moment, kept) in [(1, Moment::After, "1"), (2, Moment::Before, "0")] {
        let trap = proxy.cut_at(b"commit", moment);
        let error = address.try_sql(&format!("begin; insert into kept values ({n}); commit;")).unwrap_err();
        assert!(
            error.contains("closed the connection unexpectedly") || error.contains("reset by peer"),
            "{error}"
        );
        trap.wait(SOON);
        until("the server to notice", SOON, || (server.sql(OTHERS) == "0").then_some(()));
        assert_eq!(server.sql(&format!("select count(*) from kept where n = {n}")), kept, "{moment:?}");
        assert_eq!(address.sql("select 'it goes on'"), "it goes on");
    }
}
