//! The limiter keeps the laws of its port on a primary that Sentinels name.

mod kit;

activity_contract::limiter_laws!(kit::Harness::on(kit::sentinel_options(kit::group())));
