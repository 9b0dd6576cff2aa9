//! A private Redis: what it keeps, and that it can be stopped, killed, frozen and paused.

use std::time::{Duration, Instant};

use activity_testkit::{Redis, RedisSettings, until};

const SOON: Duration = Duration::from_secs(40);

fn durable() -> Redis {
    Redis::with(&RedisSettings { durable: true, ..RedisSettings::default() })
}

/// Whether nobody answers while it is frozen or paused, and the answer comes afterwards.
fn is_silent_until(server: &Redis, end: impl FnOnce()) {
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.cli(&["GET", "kept"]));
        let moment = Instant::now() + Duration::from_millis(200);
        while Instant::now() < moment {
            assert!(!asked.is_finished(), "it answers");
            std::thread::yield_now();
        }
        end();
        assert_eq!(asked.join().unwrap(), "1");
    });
}

#[test]
fn a_fresh_redis_answers() {
    let begun = Instant::now();
    let server = Redis::start();
    println!("ready after {:?}", begun.elapsed());
    assert_eq!(server.cli(&["SET", "a key", "a\r\nvalue"]), "OK");
    assert_eq!(server.cli(&["MGET", "a key", "none"]), "a\r\nvalue\n");
    let error = server.try_cli(&["INCR", "a key"]).unwrap_err();
    assert!(error.contains("not an integer"), "{error}");
}

#[test]
fn strangers_do_not_get_in_and_users_may_what_they_may() {
    let user = Some(("reader".to_owned(), "~* +get".to_owned()));
    let server = Redis::with(&RedisSettings { user, ..RedisSettings::default() });
    let mut stranger = server.address().clone();
    stranger.password = "guessed".to_owned();
    assert!(stranger.try_cli(&["PING"]).unwrap_err().contains("WRONGPASS"));
    let reader = server.address().of("reader");
    assert_eq!(reader.cli(&["GET", "x"]), "");
    assert!(reader.try_cli(&["SET", "x", "1"]).unwrap_err().contains("NOPERM"));
}

#[test]
fn a_durable_redis_keeps_its_data_and_port_and_another_forgets() {
    let (mut durable, mut forgetful) = (durable(), Redis::start());
    for (server, kept) in [(&mut durable, "1"), (&mut forgetful, "")] {
        let url = server.url();
        for end in [Redis::stop, Redis::kill] {
            server.cli(&["SET", "kept", "1"]);
            end(server);
            assert!(!server.is_running());
            assert!(server.try_cli(&["PING"]).is_err());
            server.start_again();
            assert_eq!(server.cli(&["GET", "kept"]), kept);
        }
        assert_eq!(server.url(), url);
    }
}

#[test]
fn a_frozen_redis_answers_when_it_thaws() {
    let server = Redis::start();
    server.cli(&["SET", "kept", "1"]);
    server.freeze();
    is_silent_until(&server, || server.thaw());
}

#[test]
fn a_paused_redis_answers_when_the_pause_is_over() {
    let server = Redis::start();
    server.cli(&["SET", "kept", "1"]);
    server.client_pause(Duration::from_secs(1));
    is_silent_until(&server, || {});
}

#[test]
fn settings_reach_the_server() {
    let configuration = vec![("maxmemory".to_owned(), "7mb".to_owned())];
    let server = Redis::with(&RedisSettings { configuration, ..RedisSettings::default() });
    assert_eq!(server.cli(&["CONFIG", "GET", "maxmemory"]), "maxmemory\n7340032");
}

#[test]
fn two_servers_share_nothing() {
    let servers = [Redis::start(), Redis::start()];
    servers[0].cli(&["SET", "kept", "1"]);
    assert_eq!(servers[1].cli(&["GET", "kept"]), "");
    until("its log", SOON, || servers[0].log().contains("Ready to accept connections").then_some(()));
}
