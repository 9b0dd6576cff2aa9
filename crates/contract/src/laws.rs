//! The list of laws.

/// Makes one test of each law. Takes a [`Harness`](crate::Harness): the name of an
/// `async fn fresh() -> Stores`, or any expression that is one. Once per file, at its top level.
#[macro_export]
macro_rules! laws {
    ($harness:expr) => {
        $crate::tests_of! { $harness;
            clients {
                inserted_clients_are_found_as_they_were,
                what_is_missing_is_none,
                a_taken_email_is_refused_whole,
                a_taken_id_or_key_is_refused_whole,
                clients_without_an_email_do_not_collide,
                limits_are_found_as_they_were_and_in_order,
                missing_clients_are_inserted_and_others_left,
                ids_that_differ_in_case_are_different_clients,
                of_concurrent_inserts_with_one_email_one_wins,
                latest_sees_its_own_write,
                eventual_is_old_or_right,
                a_client_may_be_registered_after_its_activities,
            }
            keys {
                a_change_changes_what_it_names,
                a_change_to_a_taken_email_is_refused_whole,
                of_concurrent_changes_to_one_email_one_wins,
                a_list_has_every_client_once_in_order,
                added_keys_are_found_as_they_were,
                a_key_without_client_or_with_a_taken_id_is_refused,
                an_overlap_shortens_older_keys_only,
                a_client_has_a_bounded_number_of_keys,
                of_concurrent_keys_no_more_than_fit_are_added,
                a_revoked_key_is_gone,
                the_latest_use_is_kept,
            }
            changes {
                every_change_has_the_next_version,
                many_changes_come_in_pages,
                forgotten_changes_are_told,
                a_follower_beside_writers_misses_nothing,
            }
            acts {
                what_is_done_is_written_down,
                a_change_is_told_field_by_field,
                what_is_refused_or_does_nothing_is_not_written_down,
                without_a_signature_nothing_is_written_down,
                acts_come_newest_first_in_pages_and_by_what_is_asked_for,
                entries_name_nobody,
                of_concurrent_acts_every_one_is_written_down,
                acts_are_forgotten_after_two_years,
            }
            erase {
                an_erased_client_is_gone,
                erasing_nobody_changes_nothing,
                an_erased_clients_counts_stay_anonymous,
                paths_of_its_own_lose_their_names,
                a_shared_path_is_named_until_the_last_is_erased,
                its_rows_are_not_shown,
                later_rows_of_an_erased_client_are_discarded,
                a_replay_after_an_erasure_changes_nothing,
                an_erased_id_stays_taken_and_the_email_is_free,
                a_taken_anonymous_id_is_refused,
                erasing_beside_appends_loses_and_revives_nothing,
            }
            erasures {
                any_history_of_erasures_counts_everything_once,
            }
            sink {
                a_new_stream_stands_at_zero,
                a_stored_batch_moves_its_cursor,
                streams_do_not_share_a_cursor,
                outcomes_add_up_to_the_length,
                an_activity_is_known_by_client_id_and_time,
                clients_that_are_not_registered_are_kept,
                a_batch_without_records_moves_the_cursor,
                unreadable_records_are_set_aside,
                a_large_batch_is_stored_whole,
                extremes_are_stored,
            }
            retries {
                a_wrong_expectation_changes_nothing,
                a_replayed_batch_changes_nothing,
                rows_from_another_stream_are_duplicates,
                duplicates_within_a_batch_count_once,
                the_first_of_two_versions_stays,
                of_concurrent_appends_of_a_batch_one_is_stored,
                concurrent_streams_with_the_same_rows_count_them_once,
            }
            set_aside {
                what_is_set_aside_is_listed_in_order_and_in_pages,
                what_is_removed_is_gone_and_its_number_too,
            }
            tickets {
                a_ticket_is_used_once,
                of_concurrent_uses_of_a_ticket_one_wins,
                used_tickets_are_forgotten_long_after_their_time,
            }
            usage {
                an_empty_store_has_empty_answers,
                a_client_without_activities_has_no_days,
                a_span_is_half_open,
                a_day_is_what_the_zone_calls_a_day,
                the_busiest_come_first,
                ties_go_by_client_in_byte_order,
                top_knows_names_and_has_no_percentiles,
                last_seen_is_the_latest_event_not_the_last_arrival,
                ten_years_of_sparse_days_come_in_pages,
                late_rows_count_on_the_day_of_the_event,
            }
            upkeep {
                compacting_ends_and_changes_no_answer,
                forgetting_minutes_loses_no_counts,
                compacting_beside_appends_and_questions_loses_nothing,
            }
            recounted {
                daily_equals_a_recount,
                daily_pages_join_to_the_recount,
                top_equals_a_recount,
            }
            over_time {
                series_equal_a_recount,
                endpoints_equal_a_recount,
                what_is_beyond_the_busiest_is_one_series,
            }
            log {
                pages_join_to_the_rows,
                rows_come_back_as_they_were,
                a_client_is_found_among_many,
                a_page_is_bounded_in_bytes_of_trails,
            }
            retention {
                rows_go_and_counts_stay,
                what_was_dropped_does_not_come_back,
                the_instant_never_moves_back,
                many_rows_go_in_steps,
            }
            hygiene {
                so_many_endpoints_have_a_name_and_the_rest_counts,
                everybody_has_a_bounded_number_of_endpoints,
            }
        }
    };
}

/// Makes one test of each law of the limiter. Takes a [`LimiterHarness`](crate::limiter::LimiterHarness), as [`laws!`]
/// takes its harness; with `together` before it, one test has all laws: for servers that take longer to start than a
/// law takes. The laws of the cache and of the feed may be had so too.
#[macro_export]
macro_rules! limiter_laws {
    ($($harness:tt)+) => {
        $crate::tests_of! { $($harness)+;
            limiter {
                no_window_holds_more_than_the_limit,
                no_window_is_too_short_by_a_microsecond,
                nothing_is_refused_without_need,
                a_retry_after_the_wait_is_admitted,
                a_changed_limit_acts_at_once,
                a_changed_window_forgets_nothing_too_early,
                a_changed_window_keeps_what_still_counts,
                remaining_rises_by_time_only,
                remaining_is_the_limit_less_the_window,
                a_refused_call_costs_nothing,
                a_batch_is_taken_whole_or_not_at_all,
                a_peek_costs_nothing_and_foretells,
                after_the_reset_everything_remains,
                a_cost_above_the_limit_is_impossible,
                subjects_and_quotas_are_counted_apart_and_taken_together,
                what_a_call_does_not_touch_does_not_refuse_it,
                the_wait_is_that_of_the_slowest_quota,
                a_retry_after_the_wait_is_admitted_by_all_quotas,
                of_concurrent_calls_exactly_the_limit_is_admitted,
                a_quota_counts_while_calls_name_it,
                a_quota_that_is_not_named_counts_on,
                a_shadow_quota_says_what_a_real_one_would_do,
                a_refund_gives_shadow_quotas_what_they_counted,
                a_refund_gives_back_exactly_what_was_taken,
                a_late_refund_gives_back_nothing,
                a_refund_goes_to_all_quotas_of_the_call,
                a_reset_forgets_one_subject,
                a_refund_after_a_reset_gives_back_nothing,
            }
        }
    };
}

/// Makes one test of each law of a limiter that sends calls to several instances, which may have a part of limits in hand.
/// Takes a [`LimiterHarness`](crate::limiter::LimiterHarness), as [`laws!`] takes its harness.
#[macro_export]
macro_rules! instances_laws {
    ($harness:expr) => {
        $crate::tests_of! { $harness;
            limiter {
                no_window_is_too_short_by_a_microsecond,
                no_window_over_instances_holds_more,
                when_nothing_is_in_hand_what_remains_is_exact,
                what_remains_is_no_older_than_a_lease,
                a_retry_after_the_wait_is_admitted_by_any_instance,
                a_lowered_limit_acts_at_once_everywhere,
                several_quotas_hold_over_instances,
                a_cost_above_the_limit_is_impossible,
                a_quota_that_is_not_named_counts_on,
                a_reset_ends_what_is_in_hand,
            }
        }
    };
}

/// Makes one test of each law of a limiter without leases, of one instance or of several, that is about a clock put back.
/// Takes a [`LimiterHarness`](crate::limiter::LimiterHarness), as [`laws!`] takes its harness.
#[macro_export]
macro_rules! put_back_laws {
    ($harness:expr) => {
        $crate::tests_of! { $harness;
            limiter {
                a_clock_put_back_admits_nobody_more,
            }
        }
    };
}

/// Makes one test of each law of the cache. Takes a [`CacheHarness`](crate::cache::CacheHarness), as
/// [`laws!`] takes its harness.
#[macro_export]
macro_rules! cache_laws {
    ($($harness:tt)+) => {
        $crate::tests_of! { $($harness)+;
            cache {
                a_value_comes_out_as_it_went_in,
                keys_do_not_share_a_value,
                a_value_is_fresh_then_stale_then_gone,
                a_clock_put_back_prolongs_nothing,
                a_stale_value_is_served_while_one_renews_it,
                a_value_is_renewed_ahead_of_its_time,
                of_many_callers_one_computes,
                a_dropped_lease_goes_to_the_next,
                a_cancelled_caller_gives_its_lease_back,
                waiting_is_bounded,
                an_old_lease_gives_way,
                dropping_an_old_lease_changes_nothing,
                what_depends_on_a_minute_is_forgotten,
                names_and_everything_are_forgotten,
                a_forgotten_value_is_not_served_stale,
                forgetting_voids_leases,
                a_void_lease_yields_to_a_new_one,
                who_waits_for_a_void_lease_computes_anew,
                no_interleaving_brings_back_what_was_forgotten,
                beside_a_writer_no_reader_sees_what_was_forgotten,
                every_question_counts_once,
                keys_are_hot_by_use_or_by_cost,
            }
        }
    };
}

/// Makes one test of each law of a store with a cache in front of it. Takes a
/// [`CachedHarness`](crate::cached::CachedHarness), as [`laws!`] takes its harness.
#[macro_export]
macro_rules! cached_laws {
    ($harness:expr) => {
        $crate::tests_of! { $harness;
            cached {
                cached_answers_are_those_of_the_store,
                a_late_event_shows_at_once,
                a_day_of_many_clients_comes_whole,
            }
        }
    };
}

/// Makes one test of each law of what comes late. Takes a [`LateHarness`](crate::late::LateHarness), as [`laws!`]
/// takes its harness.
#[macro_export]
macro_rules! late_laws {
    ($harness:expr) => {
        $crate::tests_of! { $harness;
            late {
                the_first_answer_is_from_the_beginning,
                what_comes_late_is_told_once,
                what_comes_in_time_is_not_told,
                duplicates_are_not_told,
                a_change_is_numbered_within_what_was_open,
                a_position_of_another_history_is_a_new_beginning,
                a_follower_beside_writers_misses_nothing_and_hears_nothing_twice,
            }
        }
    };
}

/// Makes one test of each law of `LiveFeed`. Takes a [`FeedHarness`](crate::feed::FeedHarness), as [`laws!`] takes
/// its harness.
#[macro_export]
macro_rules! feed_laws {
    ($($harness:tt)+) => {
        $crate::tests_of! { $($harness)+;
            feed {
                a_reader_sees_its_scope_through_its_filter_in_order,
                an_event_has_its_numbers_and_is_shown_once,
                events_are_wanted_while_there_are_readers,
                a_slow_reader_is_told_how_many_it_missed,
                what_is_skipped_is_missed,
                lost_count_is_told,
                who_comes_back_is_told_what_it_missed,
                what_is_not_kept_any_more_is_counted,
                a_place_that_nobody_knows_is_told,
                a_place_tells_nothing_of_others,
                hints_come_to_those_who_wait_for_them,
                many_hints_are_one,
                what_was_erased_is_not_shown,
                a_closed_feed_ends_its_readers,
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! tests_of {
    (together $harness:expr; $($group:ident { $($law:ident,)+ })+) => {
        $(#[test]
        fn $group() {
            $crate::run(async {
                $(println!("{}", stringify!($law));
                $crate::$group::$law(&$harness).await;)+
            });
        })+
    };
    ($harness:expr; $($group:ident { $($law:ident,)+ })+) => {
        $(mod $group {
            #[allow(unused_imports, reason = "the harness may be an expression without names")]
            use super::*;
            $(#[test]
            fn $law() {
                $crate::run(async { $crate::$group::$law(&$harness).await });
            })+
        })+
    };
}

#[cfg(test)]
mod tests {
    /// A law that is not on the list would be a law that nobody keeps.
    #[test]
    fn every_law_is_listed() {
        let list = include_str!("laws.rs");
        let groups = [
            include_str!("clients.rs"),
            include_str!("keys.rs"),
            include_str!("changes.rs"),
            include_str!("erase.rs"),
            include_str!("erasures.rs"),
            include_str!("sink.rs"),
            include_str!("retries.rs"),
            include_str!("set_aside.rs"),
            include_str!("tickets.rs"),
            include_str!("usage.rs"),
            include_str!("upkeep.rs"),
            include_str!("recounted.rs"),
            include_str!("over_time.rs"),
            include_str!("log.rs"),
            include_str!("retention.rs"),
            include_str!("hygiene.rs"),
            include_str!("late.rs"),
            include_str!("limiter/windows.rs"),
            include_str!("limiter/answers.rs"),
            include_str!("limiter/together.rs"),
            include_str!("limiter/names.rs"),
            include_str!("limiter/shadow.rs"),
            include_str!("limiter/refunds.rs"),
            include_str!("limiter/instances.rs"),
            include_str!("cache/values.rs"),
            include_str!("cache/leases.rs"),
            include_str!("cache/forgetting.rs"),
            include_str!("cache/uses.rs"),
            include_str!("cached.rs"),
            include_str!("feed/seeing.rs"),
            include_str!("feed/lagging.rs"),
            include_str!("feed/resuming.rs"),
            include_str!("feed/hinting.rs"),
        ];
        let written = groups.iter().flat_map(|group| group.split("pub async fn ").skip(1));
        for law in written.map(|rest| rest.split('(').next().unwrap_or_default()) {
            assert!(list.contains(&format!("    {law},")), "{law} is not listed");
        }
    }
}
