//! Feeds of two instances keep the laws of their port on a primary that Sentinels name.

mod feedkit;
mod kit;

activity_contract::feed_laws!(together feedkit::Harness::on(kit::sentinel_options(kit::group())));
