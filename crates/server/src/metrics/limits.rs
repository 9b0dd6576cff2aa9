//! Decisions about limits, and how they are made.

use std::fmt;

use activity_adapter_redis::{Mode, SharedLimiter, WithoutRedis};
use activity_domain::service::{Limits, Spending};

use super::page::Page;

const MODES: [&str; 5] = ["exact", "leased", "share", "full", "closed"];

pub fn write(page: &mut Page<'_>, limits: &Limits, shared: Option<&SharedLimiter>) -> fmt::Result {
    let counts = limits.counts();
    let all = || Spending::ALL.map(name_of).into_iter().zip(&counts);
    let decisions = all().flat_map(|(quota, counts)| {
        let verdicts = [
            ("allowed", counts.allowed),
            ("refused", counts.refused),
            ("impossible", counts.impossible),
            ("unknown", counts.unknown),
        ];
        verdicts.map(|(verdict, count)| ([("quota", quota), ("verdict", verdict)], count))
    });
    page.counters("activity_limit_decisions", "Decisions of the limiter", decisions)?;
    let shadow = all().map(|(quota, counts)| ([("quota", quota)], counts.shadow_refusals));
    page.counters(
        "activity_limit_shadow_refusals",
        "Calls that limits in shadow mode would have refused",
        shadow,
    )?;
    let mode = shared.map_or(MODES[0], |shared| mode_of(shared.mode()));
    let modes = MODES.map(|name| ([("mode", name)], u64::from(name == mode)));
    page.gauges("activity_limit_mode", "1 for the mode that limits are in", modes)?;
    let instances = shared.map_or(1, SharedLimiter::instances);
    page.gauge("activity_limit_instances", "Instances that share limits", instances)?;
    let decided: u64 = counts.iter().map(|counts| counts.allowed + counts.refused + counts.impossible).sum();
    let by = match shared.map(SharedLimiter::decided) {
        Some(by) => [by.by_redis.get(), by.by_lease.get(), by.alone.get()],
        None => [0, 0, decided],
    };
    let by = ["redis", "lease", "alone"].into_iter().zip(by).map(|(who, count)| ([("by", who)], count));
    page.counters("activity_limit_decided", "Who decided", by)
}

fn name_of(spending: Spending) -> &'static str {
    match spending {
        Spending::Events => "events",
        Spending::Reads => "reads",
        Spending::Registrations => "registrations",
        Spending::Authentications => "authentications",
    }
}

fn mode_of(mode: Mode) -> &'static str {
    match mode {
        Mode::Shared(false) => "exact",
        Mode::Shared(true) => "leased",
        Mode::Alone(WithoutRedis::Share) => "share",
        Mode::Alone(WithoutRedis::Full) => "full",
        Mode::Alone(WithoutRedis::Closed) => "closed",
    }
}
