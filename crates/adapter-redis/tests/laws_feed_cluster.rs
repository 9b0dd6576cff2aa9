//! Feeds of two instances keep the laws of their port on a cluster.

mod feedkit;
mod kit;

activity_contract::feed_laws!(together feedkit::Harness::on(kit::cluster_options(kit::cluster())));
