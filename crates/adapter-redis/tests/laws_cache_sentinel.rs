//! The cache keeps the laws of its port where values are read from a replica that Sentinels name.

mod cachekit;
mod kit;

activity_contract::cache_laws!(cachekit::Harness::on(kit::sentinel_options(kit::group()), None));
