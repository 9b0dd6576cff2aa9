//! The routes, and the state that each operation may use.

use std::sync::Arc;

use activity_domain::port::{Clock, Recorder, TicketRepo, UsageCache};
use activity_domain::service::{Access, Accounts, Acts, Clients, Limits, Prewarm, Usage};
use actix_cors::Cors;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, Error, HttpRequest, HttpResponse};
use paperclip::actix::{OpenApiExt, web};
use serde_json::Value;

use crate::live::Live;
use crate::operations::{
    EventsPolicy, Health, Metrics, Origins, audit_log, cache_stats, change_client, client, client_rate_limit,
    daily, endpoints, erase_client, get_logs, health_check, issue_key, issue_stream_ticket, issue_token,
    list_clients, livez, metrics, post_logs, prewarm_cache, rate_limit, readyz, register, reset_rate_limit,
    revoke_key, series, stream, top, verify, verify_path, web_socket,
};
use crate::peer::TrustedProxies;
use crate::problem::{Problem, brief};
use crate::request::finish;
use crate::ticket::Tickets;
use crate::token::Tokens;
use crate::watch::Watch;
use crate::watch::routes::Route;
use crate::{docs, openapi};

/// What the operations need. Each takes out of it only what it uses.
#[derive(Clone)]
pub struct Services {
    /// Lets callers in.
    pub access: Data<Access>,
    /// Registers clients.
    pub clients: Data<Clients>,
    /// Manages clients and keys.
    pub accounts: Data<Accounts>,
    /// Keeps what admins did.
    pub acts: Data<Acts>,
    /// Answers about usage.
    pub usage: Data<Usage>,
    /// Keeps answers about usage.
    pub cache: Data<Arc<dyn UsageCache>>,
    /// Warms that cache.
    pub prewarm: Data<Prewarm>,
    /// Makes events durable.
    pub recorder: Data<Arc<dyn Recorder>>,
    /// Makes and checks tokens.
    pub tokens: Data<Tokens>,
    /// Makes and checks tickets for streams.
    pub tickets: Data<Tickets>,
    /// Knows which of them were used.
    pub used_tickets: Data<Arc<dyn TicketRepo>>,
    /// What streams need.
    pub live: Data<Live>,
    /// Tells the time.
    pub clock: Data<Arc<dyn Clock>>,
    /// What events have to keep to.
    pub events: EventsPolicy,
    /// Spends quotas.
    pub limits: Data<Limits>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
    /// How the server is.
    pub health: Data<Arc<dyn Health>>,
    /// Counts requests, and follows them.
    pub watch: Data<Watch>,
    /// How the server does, in numbers.
    pub metrics: Data<Metrics>,
    /// Web origins that may call from a browser: exact ones, or `*`.
    pub cors_origins: Arc<[String]>,
    /// Adds routes that are not of the API: pages for people.
    pub pages: fn(&mut ServiceConfig),
}

/// The application. Everything that is registered through paperclip is in the OpenAPI document.
pub fn app(
    services: Services,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let has_cors = !services.cors_origins.is_empty();
    // The last layer is the outermost: ids and problems are there for whatever goes wrong inside.
    let app = App::new()
        .wrap(Condition::new(has_cors, cors(&services.cors_origins)))
        .wrap(from_fn(finish))
        .app_data(services.access)
        .app_data(services.clients)
        .app_data(services.accounts)
        .app_data(services.acts)
        .app_data(services.usage)
        .app_data(services.cache)
        .app_data(services.prewarm)
        .app_data(services.recorder)
        .app_data(services.tokens)
        .app_data(services.tickets)
        .app_data(services.used_tickets)
        .app_data(services.live)
        .app_data(Data::new(Origins(services.cors_origins)))
        .app_data(services.clock)
        .app_data(services.limits)
        .app_data(Data::new(services.proxies))
        .app_data(services.health)
        .app_data(services.watch)
        .app_data(services.metrics)
        .app_data(Data::new(services.events))
        .wrap_api_with_spec(openapi::base());
    let mut document = Value::Null;
    let app = routes(app).with_raw_json_spec_v3(|app, spec| {
        document = openapi::finish(spec);
        app
    });
    docs::mount(app.build(), &document)
        .configure(services.pages)
        .service(
            actix_web::web::resource("/api/verify/{path:.*}")
                .app_data(Route::of("/api/verify/{path}"))
                .route(actix_web::web::route().to(verify_path)),
        )
        .default_service(actix_web::web::route().to(not_found))
}

/// The OpenAPI document of the application.
pub fn document() -> Value {
    let mut document = Value::Null;
    // The application itself is of no use here.
    let _ = routes(App::new().wrap_api_with_spec(openapi::base())).with_raw_json_spec_v3(|app, spec| {
        document = openapi::finish(spec);
        app
    });
    document
}

fn routes<T>(app: paperclip::actix::App<T>) -> paperclip::actix::App<T>
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = Error, InitError = ()>,
{
    app.service(resource("/api/register", "POST").route(web::post().to(register)))
        .service(resource("/api/token", "POST").route(web::post().to(issue_token)))
        .service(
            resource("/api/logs", "GET, POST")
                .route(web::get().to(get_logs))
                .route(web::post().to(post_logs)),
        )
        .service(resource("/api/usage/daily", "GET").route(web::get().to(daily)))
        .service(resource("/api/usage/top", "GET").route(web::get().to(top)))
        .service(resource("/api/usage/series", "GET").route(web::get().to(series)))
        .service(resource("/api/usage/endpoints", "GET").route(web::get().to(endpoints)))
        .service(resource("/api/usage/stream", "GET").route(web::get().to(stream)))
        .service(resource("/api/ws", "GET").route(web::get().to(web_socket)))
        .service(resource("/api/stream-tickets", "POST").route(web::post().to(issue_stream_ticket)))
        .service(resource("/api/rate-limit", "GET").route(web::get().to(rate_limit)))
        .service(
            resource("/api/verify", "GET, POST").route(web::get().to(verify)).route(web::post().to(verify)),
        )
        .service(resource("/api/clients", "GET").route(web::get().to(list_clients)))
        .service(
            resource("/api/clients/{clientId}", "GET, PATCH, DELETE")
                .route(web::get().to(client))
                .route(web::patch().to(change_client))
                .route(web::delete().to(erase_client)),
        )
        .service(resource("/api/clients/{clientId}/keys", "POST").route(web::post().to(issue_key)))
        .service(
            resource("/api/clients/{clientId}/keys/{keyId}", "DELETE").route(web::delete().to(revoke_key)),
        )
        .service(
            resource("/api/clients/{clientId}/rate-limit", "GET, DELETE")
                .route(web::get().to(client_rate_limit))
                .route(web::delete().to(reset_rate_limit)),
        )
        .service(resource("/api/cache/stats", "GET").route(web::get().to(cache_stats)))
        .service(resource("/api/cache/prewarm", "POST").route(web::post().to(prewarm_cache)))
        .service(resource("/api/audit", "GET").route(web::get().to(audit_log)))
        .service(resource("/livez", "GET").route(web::get().to(livez)))
        .service(resource("/readyz", "GET").route(web::get().to(readyz)))
        .service(resource("/health-check", "GET").route(web::get().to(health_check)))
        .service(resource("/metrics", "GET").route(web::get().to(metrics)))
}

/// A path and the methods it has; others are answered 405.
fn resource(path: &str, methods: &'static str) -> web::Resource {
    let other = move || async move { Err::<HttpResponse, _>(Problem::method_not_allowed(methods)) };
    web::resource(path).app_data(Route::of(path)).default_service(actix_web::web::route().to(other))
}

async fn not_found(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::not_found(format!("there is no {}", brief(request.path()))))
}

fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PATCH", "DELETE"])
        .allowed_headers([
            "x-api-key",
            "authorization",
            "content-type",
            "content-encoding",
            "prefer",
            "last-event-id",
            "x-request-id",
        ])
        .expose_headers([
            "x-request-id",
            "x-next-cursor",
            "link",
            "retry-after",
            "ratelimit",
            "ratelimit-policy",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-ratelimit-shadow",
        ])
        .max_age(3_600);
    origins.iter().fold(cors, |cors, origin| match origin.as_str() {
        "*" => cors.allow_any_origin(),
        exact => cors.allowed_origin(exact),
    })
}
