//! A private server: what it keeps, and that it can be stopped, killed and frozen.

use std::time::{Duration, Instant};

use activity_testkit::{Postgres, Settings, Stop};

const TABLE: &str = "create table kept (n int); insert into kept select generate_series(1, 1000);";

#[test]
fn a_fresh_server_answers() {
    let begun = Instant::now();
    let server = Postgres::start();
    println!("ready after {:?}", begun.elapsed());
    assert_eq!(server.sql("select 1, 'a'; show fsync; show server_encoding;"), "1|a\noff\nUTF8");
    let begun = Instant::now();
    drop(server);
    println!("gone after {:?}", begun.elapsed());
}

#[test]
fn wrong_sql_is_told() {
    let server = Postgres::start();
    let error = server.try_sql("select 1; select nonsense; select 2").unwrap_err();
    assert!(error.contains("nonsense"), "{error}");
}

#[test]
fn a_wrong_password_does_not_get_in() {
    let server = Postgres::start();
    let mut stranger = server.address().clone();
    stranger.password = "guessed".to_owned();
    let error = stranger.try_sql("select 1").unwrap_err();
    assert!(error.contains("password authentication failed"), "{error}");
}

#[test]
fn a_stopped_server_keeps_its_data_and_port() {
    let mut server = Postgres::start();
    let url = server.url();
    server.sql(TABLE);
    for how in [Stop::Smart, Stop::Fast, Stop::Immediate] {
        server.stop(how);
        assert!(!server.is_running());
        assert!(server.try_sql("select 1").is_err(), "it answers after {how:?}");
        server.start_again();
        assert_eq!(server.sql("select count(*) from kept"), "1000", "{how:?}");
    }
    assert_eq!(server.url(), url);
}

#[test]
fn a_killed_server_keeps_what_it_committed() {
    let mut server = Postgres::with(&Settings { durable: true, ..Settings::default() });
    assert_eq!(server.sql("show fsync"), "on");
    server.sql(TABLE);
    server.kill();
    assert!(server.try_sql("select 1").is_err());
    server.start_again();
    assert_eq!(server.sql("select count(*) from kept"), "1000");
    assert!(server.log().contains("automatic recovery in progress"), "{}", server.log());
}

#[test]
fn settings_reach_the_server() {
    let lines = [("work_mem", "7MB"), ("cluster_name", "it's")];
    let configuration = lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let server = Postgres::with(&Settings { configuration, ..Settings::default() });
    assert_eq!(server.sql("show work_mem; show cluster_name"), "7MB\nit's");
}

#[test]
fn a_frozen_server_answers_when_it_thaws() {
    let server = Postgres::start();
    let processes = processes(&server);
    assert!(processes.len() > 3, "{processes:?}");
    server.freeze();
    assert!(processes.iter().all(|pid| state(*pid) == 'T'));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.sql("select 1"));
        let end = Instant::now() + Duration::from_millis(300);
        while Instant::now() < end {
            assert!(!asked.is_finished(), "a frozen server answered");
            std::thread::yield_now();
        }
        server.thaw();
        assert_eq!(asked.join().unwrap(), "1");
    });
    assert!(processes.iter().all(|pid| state(*pid) != 'T'));
}

/// The processes that a server has in the background, by number.
fn processes(server: &Postgres) -> Vec<u32> {
    let processes = server.sql("select pid from pg_stat_activity where backend_type <> 'client backend'");
    processes.lines().map(|pid| pid.parse().unwrap()).collect()
}

/// The state of a process, by proc(5).
fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}
