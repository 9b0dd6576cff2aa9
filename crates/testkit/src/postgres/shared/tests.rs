//! Sharing a server, in places of the tests' own.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::until;

const SOON: Duration = Duration::from_secs(20);

fn join(place: &Path) -> Shared {
    Shared::join_at(place, Duration::ZERO)
}

/// The folder of the server that was started in a place.
fn folder(place: &Path) -> PathBuf {
    Place::new(place).running().expect("a server runs").folder
}

#[test]
fn those_who_come_at_once_share_one_server() {
    let place = tempfile::tempdir().unwrap();
    let shares: Vec<Shared> = thread::scope(|scope| {
        let joining: Vec<_> = (0..4).map(|_| scope.spawn(|| join(place.path()))).collect();
        joining.into_iter().map(|joining| joining.join().unwrap()).collect()
    });
    for share in &shares {
        assert_eq!(share.address, shares[0].address);
    }
}

#[test]
fn the_server_ends_with_the_last_share_and_another_takes_its_place() {
    let place = tempfile::tempdir().unwrap();
    let first = join(place.path());
    let second = join(place.path());
    let folder = folder(place.path());
    drop(first);
    assert_eq!(second.address.sql("select 1"), "1");
    let address = second.address.clone();
    drop(second);
    until("the folder to go", SOON, || (!folder.exists()).then_some(()));
    assert!(address.try_sql("select 1").is_err());
    let third = join(place.path());
    assert_ne!(third.address.password, address.password);
    assert_eq!(third.address.sql("select 1"), "1");
}

#[test]
fn a_server_lingers_for_the_next_user() {
    let linger = Duration::from_secs(2);
    let place = tempfile::tempdir().unwrap();
    let first = Shared::join_at(place.path(), linger);
    let (address, folder) = (first.address.clone(), folder(place.path()));
    let left = Instant::now();
    drop(first);
    while left.elapsed() < linger / 4 {
        assert!(folder.exists(), "it is gone after {:?}", left.elapsed());
        thread::yield_now();
    }
    let second = Shared::join_at(place.path(), linger);
    assert!(left.elapsed() > linger || second.address == address, "it did not linger");
    drop(second);
    until("the folder to go", SOON, || (!folder.exists()).then_some(()));
}

#[test]
fn a_template_is_prepared_once_and_copies_are_apart() {
    let place = tempfile::tempdir().unwrap();
    let prepared = AtomicUsize::new(0);
    let copy = || {
        Database::from_template_on(join(place.path()), "one table", |address| {
            prepared.fetch_add(1, Ordering::Relaxed);
            address.sql("create table filled as select generate_series(1, 100) as n");
        })
    };
    let _share = join(place.path());
    let copies: Vec<Database> = thread::scope(|scope| {
        let making: Vec<_> = (0..4).map(|_| scope.spawn(copy)).collect();
        making.into_iter().map(|making| making.join().unwrap()).collect()
    });
    assert_eq!(prepared.load(Ordering::Relaxed), 1);
    for (nth, copy) in copies.iter().enumerate() {
        copy.sql(&format!("delete from filled where n <= {nth}"));
    }
    for (nth, copy) in copies.iter().enumerate() {
        assert_eq!(copy.sql("select count(*) from filled"), (100 - nth).to_string());
    }
    let begun = Instant::now();
    let more: Vec<Database> = (0..5).map(|_| copy()).collect();
    println!("a database by template takes {:?}", begun.elapsed() / 5);
    let address = more[0].address().clone();
    drop(more);
    assert!(address.try_sql("select 1").unwrap_err().contains("does not exist"));
}

#[test]
fn a_template_that_failed_is_made_anew() {
    let place = tempfile::tempdir().unwrap();
    let _share = join(place.path());
    let failing = thread::scope(|scope| {
        let make = || {
            Database::from_template_on(join(place.path()), "key", |address| {
                address.sql("create table half (n int)");
                panic!("on purpose");
            })
        };
        scope.spawn(make).join().map(|_| ())
    });
    assert!(failing.is_err());
    let database = Database::from_template_on(join(place.path()), "key", |address| {
        address.sql("create table whole (n int)");
    });
    assert_eq!(database.sql("select to_regclass('half') is null, to_regclass('whole') is null"), "t|f");
}
