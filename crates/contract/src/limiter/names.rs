//! Quotas that come and go.

use activity_domain::limit::{Quota, Verdict};

use super::exact::World;
use super::{LimiterHarness, SECOND, charges, each, quota};

/// However often the names of a subject's other quotas change, one that calls go on naming counts on,
/// also through calls that do not touch it.
pub async fn a_quota_counts_while_calls_name_it(harness: &dyn LimiterHarness) {
    let mut world = World::fresh(harness).await;
    let (kept, touched) = (quota("kept", 3, 3_600), quota("touched", 1_000_000, 2_678_400));
    for _ in 0..3 {
        assert!(admits(&world, &[(touched, 1), (kept, 1)]).await);
    }
    for number in 0..200 {
        let [mine, other] =
            [format!("mine-{number}"), format!("other-{number}")].map(|n| quota(&n, 1, 86_400));
        assert!(admits(&world, &[(touched, 1), (kept, 0), (mine, 1), (other, 1)]).await, "{number}");
        assert!(!admits(&world, &[(touched, 1), (kept, 0), (mine, 1), (other, 0)]).await, "{number}");
        assert!(!admits(&world, &[(touched, 1), (kept, 1)]).await, "{number}");
        world.advance(SECOND).await;
    }
    world.advance(3_660 * SECOND).await;
    assert!(admits(&world, &[(touched, 1), (kept, 3)]).await);
    assert_eq!(world.peek(touched).await.remaining, 1_000_000 - 3 - 200 - 1);
}

/// A quota that a few calls do not name goes on counting.
pub async fn a_quota_that_is_not_named_counts_on(harness: &dyn LimiterHarness) {
    let world = World::fresh(harness).await;
    let all: Vec<_> = (0..8).map(|number| quota(&format!("old-{number}"), 1, 60)).collect();
    let new: Vec<_> = (0..8).map(|number| quota(&format!("new-{number}"), 9, 60)).collect();
    let takes = async |charges| {
        let decision = world.under.limiter.take(&world.subject, &charges).await.expect("a decision");
        matches!(decision.verdict, Verdict::Admitted(_))
    };
    assert!(takes(each(&all, 1)).await);
    for _ in 0..3 {
        assert!(takes(each(&new, 1)).await);
    }
    for old in all {
        assert!(!takes(each(&[old], 1)).await, "{:?}", old.name);
    }
}

async fn admits(world: &World, costs: &[(Quota, u64)]) -> bool {
    let call = charges(costs.iter().copied());
    let decision = world.under.limiter.take(&world.subject, &call).await.expect("a decision");
    matches!(decision.verdict, Verdict::Admitted(_))
}
