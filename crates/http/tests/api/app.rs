//! Starts the server and speaks to it.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use activity_adapter_memory::{FeedOptions, ManualClock, MemoryFeed, MemoryLimiter, SeededRandomness};
use activity_domain::activity::{Activity, AgePolicy};
use activity_domain::address::AddressPrivacy;
use activity_domain::client::{Client, ClientLimits, ClientName, RateLimit, Role};
use activity_domain::error::RecordError;
use activity_domain::id::{ClientId, StreamId};
use activity_domain::key::ApiKey;
use activity_domain::limit::Window;
use activity_domain::live::Hint;
use activity_domain::port::{
    ActivitySink, Append, Batch, Clock, LiveFeed, Receipt, Record, Recorder, TicketRepo,
};
use activity_domain::service::{
    Access, Accounts, Acts, Clients, LimitPolicy, Limits, Prewarm, RegistrationMode, Usage,
};
use activity_domain::time::Timestamp;
use activity_http::app::Services;
use activity_http::audit::Audit;
use activity_http::live::Live;
use activity_http::live::seats::StreamLimits;
use activity_http::operations::{Check, EventsPolicy, Health, Measured, Metrics, MetricsFormat, State};
use activity_http::peer::TrustedProxies;
use activity_http::server::{ServerConfig, serve};
use activity_http::ticket::Tickets;
use activity_http::token::Tokens;
use activity_http::watch::Watch;
use actix_web::HttpResponse;
use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, ServiceConfig};
use async_trait::async_trait;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::caching::Caching;
use crate::store::Store;

/// A running server with one client of each role.
pub struct App {
    pub url: String,
    pub http: reqwest::Client,
    pub store: Arc<Store>,
    pub recorder: Arc<TestRecorder>,
    pub health: Arc<TestHealth>,
    pub clock: Arc<ManualClock>,
    pub caching: Caching,
    pub admin_key: String,
    pub live: Data<Live>,
    access: Data<Access>,
    handle: ServerHandle,
}

pub struct Options {
    pub mode: RegistrationMode,
    pub cors: Vec<String>,
    pub retention_days: Option<u32>,
    /// Seconds that usage is cached.
    pub cache_ttl: u64,
    pub audit: Audit,
    pub addresses: AddressPrivacy,
    /// The network that proxies are in.
    pub proxies: &'static str,
    /// Seconds that a token lives.
    pub token_lifetime: u64,
    pub streams: StreamLimits,
    pub feed: FeedOptions,
    pub metrics_token: Option<Box<str>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::Open,
            cors: Vec::new(),
            retention_days: None,
            cache_ttl: 3_600,
            audit: Audit::off(None),
            addresses: AddressPrivacy::Off,
            proxies: "127.0.0.1/32",
            token_lifetime: 3_600,
            streams: StreamLimits { total: 100, per_client: 50 },
            feed: FeedOptions::default(),
            metrics_token: None,
        }
    }
}

pub const SECRET: &[u8] = b"a secret that is only used in these tests";

/// A client as a test sees it.
#[derive(Clone)]
pub struct Registered {
    pub id: String,
    pub key: String,
    pub token: String,
}

impl App {
    pub fn start() -> Self {
        Self::with(&Options::default())
    }

    pub fn with(options: &Options) -> Self {
        let store = Arc::new(Store::open());
        let clock = Arc::new(ManualClock::new(system_time()));
        let caching = Caching::over(&store, &clock, options.cache_ttl);
        let feed = MemoryFeed::new(Arc::new(SeededRandomness::new(3)), options.feed);
        let recorder = Arc::new(TestRecorder::new(caching.sink.clone(), Arc::new(feed)));
        let health = Arc::new(TestHealth::default());
        let (_, admin_key) = ApiKey::generate(&SeededRandomness::new(99));
        let services = services(options, &store, &caching, &recorder, &health, &clock, &admin_key);
        let (access, live) = (services.access.clone(), services.live.clone());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = serve(services, listener, ServerConfig { workers: 1, grace_seconds: 1 }).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        let admin_key = admin_key.reveal().to_owned();
        Self { url, http, store, recorder, health, clock, caching, admin_key, live, access, handle }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.url))
    }

    pub fn get(&self, path: &str, key: &str) -> RequestBuilder {
        self.request("GET", path).header("x-api-key", key)
    }

    pub fn post(&self, path: &str, key: &str, body: &Value) -> RequestBuilder {
        self.request("POST", path).header("x-api-key", key).json(body)
    }

    pub async fn register(&self, name: &str, role: Option<&str>) -> Registered {
        let mut body = json!({ "name": name, "email": format!("{name}@example.org") });
        if let Some(role) = role {
            body["role"] = role.into();
        }
        let answer = self.post("/api/register", &self.admin_key, &body).send().await.unwrap();
        let answer = expect(answer, StatusCode::CREATED).await;
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        Registered { id: text("clientId"), key: text("apiKey"), token: text("token") }
    }

    /// Writes down when keys were last used, as the server does every few seconds.
    pub async fn write_uses(&self) {
        self.access.write_uses().await.unwrap();
    }

    /// Forgets a client, so that its key has to be looked up.
    pub fn forget(&self, id: &str) {
        self.access.forget(&ClientId::parse(id).unwrap());
    }

    /// Hears of what other instances changed, as the server does twice a second.
    pub async fn refresh(&self) {
        while self.access.refresh().await.unwrap() {}
    }

    pub async fn shut_down(self) {
        self.handle.stop(true).await;
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // The workers end by themselves; a test need not wait for them.
        drop(self.handle.stop(false));
    }
}

/// Checks the status and gives the body.
pub async fn expect(response: Response, status: StatusCode) -> Value {
    let found = response.status();
    assert!(response.headers().contains_key("x-request-id"));
    let media = response.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned());
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let is_error = status.is_client_error() || status.is_server_error();
    // An unready server says why in a form of its own.
    if is_error && body.get("checks").is_none() {
        assert_eq!(media.as_deref(), Some("application/problem+json"), "{text}");
        assert_eq!(body["status"], status.as_u16());
        assert!(!body["requestId"].as_str().unwrap().is_empty());
        assert!(!body["detail"].as_str().unwrap().is_empty());
    }
    body
}

/// Where the first error of a problem points.
pub fn pointer(problem: &Value) -> &str {
    problem["errors"][0]["pointer"].as_str().unwrap_or_default()
}

pub fn event() -> Value {
    json!({ "endpoint": "/v1/things", "method": "GET", "statusCode": 200, "responseTime": 12.5 })
}

fn system_time() -> Timestamp {
    // Tokens are checked against the system's clock, so the tests' clock starts there.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(now.as_secs().cast_signed()).unwrap()
}

/// A page with headers of its own, as a dashboard would add it.
fn pages(config: &mut ServiceConfig) {
    let page = async || {
        let headers = [("Content-Security-Policy", "default-src 'self'"), ("Cache-Control", "no-cache")];
        let mut page = HttpResponse::Ok();
        for header in headers {
            page.insert_header(header);
        }
        page.body("page")
    };
    config.route("/a-page", web::get().to(page));
}

fn services(
    options: &Options,
    store: &Arc<Store>,
    caching: &Caching,
    recorder: &Arc<TestRecorder>,
    health: &Arc<TestHealth>,
    clock: &Arc<ManualClock>,
    admin_key: &ApiKey,
) -> Services {
    let clock: Arc<dyn Clock> = clock.clone();
    let root = Client {
        id: ClientId::parse("CL-admin").unwrap(),
        name: ClientName::parse("admin").unwrap(),
        email: None,
        role: Role::Admin,
        rate_limit: RateLimit::parse(1_000).unwrap(),
        limits: ClientLimits::default(),
        is_active: true,
        created_at: clock.now(),
    };
    let limit = RateLimit::parse(1_000).unwrap();
    let policy = LimitPolicy {
        window: Window::HOUR,
        reads_per_minute: RateLimit::parse(60).unwrap(),
        registrations_per_hour: RateLimit::parse(20).unwrap(),
        failures_per_minute: RateLimit::parse(60).unwrap(),
    };
    let random = Arc::new(SeededRandomness::new(7));
    let access = Arc::new(Access::new(store.clone(), clock.clone()).with_root(root, admin_key));
    let accounts = Accounts::new(store.clone(), access.clone(), clock.clone(), random.clone());
    let accounts = accounts.beside(caching.cache.clone());
    let usage = Arc::new(Usage::new(caching.usage.clone(), store.clone()));
    let limits = Arc::new(Limits::new(Arc::new(MemoryLimiter::new(clock.clone())), policy));
    let feed = recorder.feed.clone();
    let live = Live::new(feed, access.clone(), usage.clone(), limits.clone(), clock.clone(), options.streams);
    let watch = Data::new(Watch::default());
    Services {
        access: Data::from(access),
        clients: Data::new(Clients::new(store.clone(), clock.clone(), random, options.mode, limit)),
        accounts: Data::new(accounts),
        acts: Data::new(Acts::new(store.clone(), clock.clone())),
        usage: Data::from(usage),
        cache: Data::new(caching.cache.clone()),
        prewarm: Data::new(Prewarm::new(caching.usage.clone())),
        recorder: Data::new(recorder.clone() as Arc<dyn Recorder>),
        tokens: Data::new(Tokens::new(SECRET, Duration::from_secs(options.token_lifetime))),
        tickets: Data::new(Tickets::new(SECRET)),
        used_tickets: Data::new(store.clone() as Arc<dyn TicketRepo>),
        live: Data::new(live),
        clock: Data::new(clock.clone()),
        events: EventsPolicy {
            ages: AgePolicy { client_max_days: 7, retention_days: options.retention_days },
            clock: clock.clone(),
            audit: options.audit.clone(),
            addresses: options.addresses.clone(),
        },
        limits: Data::from(limits),
        proxies: TrustedProxies(vec![options.proxies.parse().unwrap()].into()),
        health: Data::new(health.clone() as Arc<dyn Health>),
        watch: watch.clone(),
        metrics: Data::new(Metrics {
            measured: Arc::new(TestMeasured(watch)),
            token: options.metrics_token.clone(),
        }),
        cors_origins: options.cors.clone().into(),
        pages,
    }
}

/// Says which requests were counted, a line a route, method and status.
struct TestMeasured(Data<Watch>);

#[async_trait]
impl Measured for TestMeasured {
    async fn text(&self, format: MetricsFormat) -> String {
        let mut lines = vec![format!("{format:?}")];
        for counted in self.0.requests.now() {
            for (status, count) in counted.statuses {
                lines.push(format!("{} {} {status} {count}", counted.method, counted.route));
            }
        }
        let refused = &self.0.refused;
        lines.push(format!("unknown {} throttled {}", refused.unknown.get(), refused.throttled.get()));
        lines.join("\n")
    }
}

/// Hands events straight to the store and the feed, or fails like a spool.
pub struct TestRecorder {
    sink: Arc<dyn ActivitySink>,
    pub feed: Arc<dyn LiveFeed>,
    /// Where the stream stands. Its batches come one after the other, as from a spool.
    next: Mutex<u64>,
    pub is_full: AtomicBool,
}

impl TestRecorder {
    const STREAM: StreamId = StreamId(Uuid::from_u128(1));

    fn new(sink: Arc<dyn ActivitySink>, feed: Arc<dyn LiveFeed>) -> Self {
        Self { sink, feed, next: Mutex::new(0), is_full: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Recorder for TestRecorder {
    async fn record(&self, batch: Vec<Activity>) -> Result<Receipt, RecordError> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(RecordError::Full);
        }
        let mut at = self.next.lock().await;
        let expected = *at;
        let next = expected + batch.len() as u64;
        let hints: Vec<Hint> = batch.iter().map(|one| Hint::Usage(one.client.clone())).collect();
        self.feed.publish(batch.clone());
        let records = batch.into_iter().map(|activity| Record { payload: bytes::Bytes::new(), activity });
        let batch = Batch {
            stream: Self::STREAM,
            expected,
            next,
            records: records.collect(),
            unreadable: Vec::new(),
        };
        let appended = self.sink.append(&Arc::new(batch)).await.unwrap();
        assert!(matches!(appended, Append::Stored(_)));
        self.feed.hint(&hints);
        *at = next;
        Ok(Receipt { stream: Self::STREAM, next })
    }

    async fn stored(&self, _: Receipt) {}
}

#[derive(Default)]
pub struct TestHealth {
    pub is_stopping: AtomicBool,
    pub store_is_down: AtomicBool,
    pub spool_is_down: AtomicBool,
}

#[async_trait]
impl Health for TestHealth {
    fn state(&self) -> State {
        if self.is_stopping.load(Ordering::SeqCst) { State::Stopping } else { State::Ready }
    }

    async fn checks(&self) -> Vec<Check> {
        let check = |name: &'static str, down: &AtomicBool, vital| Check {
            name: name.into(),
            ok: !down.load(Ordering::SeqCst),
            detail: String::new(),
            vital,
        };
        vec![check("spool", &self.spool_is_down, true), check("store", &self.store_is_down, false)]
    }
}
