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

    activity_contract::instances_laws!(kit::InstancesHarness::exact(
        3,
        kit::options(kit::server().address())
    ));
}

mod three_though_time_is_put_back {
    use super::kit;

    activity_contract::put_back_laws!(kit::InstancesHarness::exact(3, kit::options(kit::server().address())));
}

/// What is exact where there are no leases.
mod three_exactly {
    use super::kit;

    activity_contract::tests_of! { kit::InstancesHarness::exact(3, kit::options(kit::server().address()));
        limiter {
            no_window_holds_more_than_the_limit,
            nothing_is_refused_without_need,
            a_retry_after_the_wait_is_admitted,
            remaining_rises_by_time_only,
            remaining_is_the_limit_less_the_window,
            a_refund_gives_back_exactly_what_was_taken,
            a_changed_limit_acts_at_once,
            a_changed_window_forgets_nothing_too_early,
            a_changed_window_keeps_what_still_counts,
            a_refused_call_costs_nothing,
            a_batch_is_taken_whole_or_not_at_all,
            a_peek_costs_nothing_and_foretells,
            subjects_and_quotas_are_counted_apart_and_taken_together,
            what_a_call_does_not_touch_does_not_refuse_it,
            the_wait_is_that_of_the_slowest_quota,
            a_retry_after_the_wait_is_admitted_by_all_quotas,
            of_concurrent_calls_exactly_the_limit_is_admitted,
            a_quota_counts_while_calls_name_it,
            a_shadow_quota_says_what_a_real_one_would_do,
            a_refund_gives_shadow_quotas_what_they_counted,
            a_late_refund_gives_back_nothing,
            a_refund_goes_to_all_quotas_of_the_call,
            a_reset_forgets_one_subject,
            a_refund_after_a_reset_gives_back_nothing,
        }
    }
}

mod three_behind_sentinels {
    use super::kit;

    activity_contract::instances_laws!(kit::InstancesHarness::leased(3, kit::sentinel_options(kit::group())));
}

mod three_on_a_cluster {
    use super::kit;

    activity_contract::instances_laws!(kit::InstancesHarness::leased(
        3,
        kit::cluster_options(kit::cluster())
    ));
}
