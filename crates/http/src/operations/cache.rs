//! GET /api/cache/stats and POST /api/cache/prewarm

use std::sync::Arc;

use activity_domain::act::{Act, Action};
use activity_domain::cache::Heat;
use activity_domain::client::Role;
use activity_domain::error::Degraded;
use activity_domain::port::UsageCache;
use activity_domain::service::{Acts, Caller, Prewarm};
use actix_web::http::StatusCode;

use super::prelude::*;
use crate::auth::Authenticated;
use crate::dto::{CacheStatsResponse, PrewarmResponse};
use crate::problem::Problem;
use crate::request;

/// How many keys are shown.
const HOTTEST: usize = 20;

/// How the cache does.
#[api_v2_operation(
    summary = "Cache statistics",
    description = "For admins. Since the start: how often the cache of usage had the answer, its size, the keys that are asked for most often, and what the last pre-warming did.",
    operation_id = "cacheStats",
    tags("Cache")
)]
pub async fn cache_stats(
    caller: Authenticated,
    cache: Data<Arc<dyn UsageCache>>,
    prewarm: Data<Prewarm>,
) -> Result<Json<CacheStatsResponse>, Problem> {
    admin(&caller.0)?;
    let stats = cache.stats().await.map_err(|error| unknown(&error))?;
    let hottest = cache.hottest(Heat::Asked, HOTTEST).await.map_err(|error| unknown(&error))?;
    Ok(Json(CacheStatsResponse::new(&stats, &hottest, prewarm.last())))
}

/// Computes answers before they are asked for.
#[api_v2_operation(
    summary = "Warm the cache",
    description = "For admins. Computes the answers that are likely to be asked for and are not there or about to expire, for about ten seconds at most; 409 while another run is under way.",
    operation_id = "prewarmCache",
    tags("Cache")
)]
pub async fn prewarm_cache(
    caller: Authenticated,
    request: HttpRequest,
    prewarm: Data<Prewarm>,
    acts: Data<Acts>,
) -> Result<Json<PrewarmResponse>, Problem> {
    admin(&caller.0)?;
    acts.note(&caller.0.within(request::id(&request)), &Act::new(Action::CachePrewarm, None)).await?;
    let run = prewarm.run().await;
    let busy = || Problem::new(StatusCode::CONFLICT, "the cache is being warmed already");
    run.map(|run| Json(run.into())).ok_or_else(busy)
}

fn admin(caller: &Caller) -> Result<(), Problem> {
    if caller.role() == Role::Admin { Ok(()) } else { Err(Problem::forbidden("this needs the role admin")) }
}

fn unknown(error: &Degraded) -> Problem {
    tracing::warn!(%error, "the cache does not answer");
    Problem::unavailable("the cache cannot tell at present", 1)
}
