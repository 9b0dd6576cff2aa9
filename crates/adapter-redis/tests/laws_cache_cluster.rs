//! The cache keeps the laws of its port on a cluster.

mod cachekit;
mod kit;

activity_contract::cache_laws!(together cachekit::Harness::on(kit::cluster_options(kit::cluster()), None));
