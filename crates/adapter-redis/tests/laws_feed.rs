//! Feeds of two instances keep the laws of their port on one Redis.

mod feedkit;
mod kit;

activity_contract::feed_laws!(feedkit::Harness::on(kit::options(kit::server().address())));
