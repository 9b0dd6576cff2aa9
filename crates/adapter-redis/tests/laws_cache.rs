//! The cache keeps the laws of its port on one Redis.

mod cachekit;
mod kit;

activity_contract::cache_laws!(cachekit::Harness::on(kit::options(kit::server().address()), None));
