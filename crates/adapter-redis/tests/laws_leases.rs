//! Leases keep the laws of the limiter: all of them where there is one instance, and the bounds where there are several.

mod kit;

mod one {
    use super::kit;

    activity_contract::limiter_laws!(kit::InstancesHarness::leased(1, kit::options(kit::server().address())));
}

mod three {
    use super::kit;

    activity_contract::instances_laws!(kit::InstancesHarness::leased(
        3,
        kit::options(kit::server().address())
    ));
}

mod three_without {
    use super::kit;

    activity_contract::limiter_laws!(kit::InstancesHarness::exact(3, kit::options(kit::server().address())));
}

mod three_behind_sentinels {
    use super::kit;

    activity_contract::instances_laws!(kit::InstancesHarness::leased(3, kit::sentinel_options(kit::group())));
}

mod three_on_a_cluster {
    use super::kit;

    activity_contract::instances_laws!(kit::InstancesHarness::leased(3, kit::cluster_options(kit::cluster())));
}
