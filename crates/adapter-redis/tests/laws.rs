//! The limiter keeps the laws of its port on one Redis.

mod kit;

activity_contract::limiter_laws!(kit::Harness::on(kit::options(kit::server().address())));
