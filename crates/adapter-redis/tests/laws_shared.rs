//! The limiter keeps the laws of its port on Redis with limiters of its own beside it, whether Redis is there or not.

mod kit;

mod with_redis {
    use super::kit;

    activity_contract::limiter_laws!(kit::SharedHarness::on(kit::options(kit::server().address())));
}

mod with_leases {
    use super::kit;

    activity_contract::limiter_laws!(kit::SharedHarness::leased(kit::options(kit::server().address())));
}

mod without_redis {
    use super::kit;

    /// Nobody listens there.
    fn nowhere() -> activity_adapter_redis::Options {
        activity_adapter_redis::Options::one("127.0.0.1", 1)
    }

    activity_contract::limiter_laws!(kit::SharedHarness::without(nowhere()));
}
