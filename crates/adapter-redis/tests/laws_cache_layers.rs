//! The cache keeps the laws of its port with one of the process in front, and a read end of its own.

mod cachekit;
mod kit;

activity_contract::cache_laws!(
    cachekit::Harness::on(
        kit::options(kit::server().address()),
        Some(("127.0.0.1".to_owned(), kit::server().port()))
    )
    .layered()
);
