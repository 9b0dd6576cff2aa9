//! The limiter keeps the laws of its port on a cluster, where a script may touch the keys of one server only.

mod kit;

activity_contract::limiter_laws!(together kit::Harness::on(kit::cluster_options(kit::cluster())));
