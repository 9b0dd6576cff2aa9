//! The settings as the rest of the program takes them.

use std::path::PathBuf;
use std::time::Duration;

use activity_domain::activity::AgePolicy;
use activity_domain::client::RateLimit;
use activity_domain::key::ApiKey;
use activity_domain::limit::Window;
use activity_http::live::seats::StreamLimits;
use ipnet::IpNet;

use super::cache::{self, CacheSettings};
use super::database::{self, DatabaseSettings};
use super::describe::{Described, describe};
use super::encryption::{self, EncryptionKeys};
use super::error::ConfigError;
use super::layers;
use super::parse;
use super::reader::{Need, Reader};
use super::redis::{self, RedisSettings};
use super::secret::{self, Secret};
use super::sources::Sources;
use super::tls::{self, TlsSettings};
use super::values::{
    AppEnv, AuditCapture, Collector, CorsOrigins, Host, IpPrivacy, LogFormat, LogLevel, Registration,
};

/// All settings, parsed. The table of settings says what each is for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `APP_ENV`, or `NODE_ENV`.
    pub app_env: AppEnv,
    /// `HOST`.
    pub host: Host,
    /// `PORT`; 0 takes any free one.
    pub port: u16,
    /// `TLS_...`, if it is set.
    pub tls: Option<TlsSettings>,
    /// `CORS_ORIGIN`.
    pub cors_origin: CorsOrigins,
    /// `TRUSTED_PROXIES`.
    pub trusted_proxies: Vec<IpNet>,
    /// `DATA_DIR`, from the working directory on.
    pub data_dir: PathBuf,
    /// `DATABASE_...`: Postgres, if it is set; else the embedded store.
    pub database: Option<DatabaseSettings>,
    /// `REDIS_...`: what instances share limits by, if it is set.
    pub redis: Option<RedisSettings>,
    /// `ADMIN_API_KEY`; always there in production and with Postgres or Redis.
    pub admin_api_key: Option<ApiKey>,
    /// `REGISTRATION`.
    pub registration: Registration,
    /// `JWT_SECRET`; always there in production and with Postgres or Redis.
    pub jwt_secret: Option<Secret>,
    /// `JWT_EXPIRES_IN`.
    pub jwt_expires_in: Duration,
    /// `API_RATE_LIMIT`.
    pub api_rate_limit: RateLimit,
    /// `API_RATE_LIMIT_WINDOW`.
    pub api_rate_limit_window: Window,
    /// `API_READ_RATE_LIMIT`.
    pub api_read_rate_limit: RateLimit,
    /// `STREAMS_MAX` and `STREAMS_MAX_PER_CLIENT`.
    pub streams: StreamLimits,
    /// `LOG_BATCH_SIZE`.
    pub log_batch_size: usize,
    /// `LOG_BATCH_INTERVAL_MS`.
    pub log_batch_interval: Duration,
    /// `LOG_MAX_AGE_DAYS` and `RAW_RETENTION_DAYS`.
    pub age_policy: AgePolicy,
    /// `MAX_ENDPOINTS`.
    pub max_endpoints: usize,
    /// `SPOOL_MAX_BYTES`.
    pub spool_max_bytes: u64,
    /// `CACHE_...`.
    pub cache: CacheSettings,
    /// `AUDIT_CAPTURE`.
    pub audit_capture: AuditCapture,
    /// `AUDIT_MAX_BYTES`.
    pub audit_max_bytes: usize,
    /// `ENCRYPTION_KEY`; always there in production and with Postgres or Redis.
    pub encryption_keys: Option<EncryptionKeys>,
    /// `IP_PRIVACY`.
    pub ip_privacy: IpPrivacy,
    /// `LOG_LEVEL`.
    pub log_level: LogLevel,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `METRICS_TOKEN`.
    pub metrics_token: Option<Secret>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub traces: Option<Collector>,
    described: Vec<Described>,
}

impl Settings {
    /// Reads all layers. The error has everything that is wrong, not only the first thing.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let raw = layers::read(sources, &mut problems);
        let described = describe(&raw);
        let mut reader = Reader::new(raw, problems);
        let settings = read(&mut reader, sources, described);
        reader.finish(settings)
    }

    /// The effective settings, to be shown.
    pub fn describe(&self) -> &[Described] {
        &self.described
    }
}

/// Every setting is taken before the first missing one ends it, so that all problems are noted.
pub(super) fn read(reader: &mut Reader, sources: &Sources, described: Vec<Described>) -> Option<Settings> {
    let app_env = reader.required("APP_ENV", parse::app_env);
    // Only another name of the setting above, which has its value already.
    let _ = reader.optional("NODE_ENV", |_| Ok(()));
    let is_production = app_env == Some(AppEnv::Production);
    let host = reader.required("HOST", Host::parse);
    let port = reader.required("PORT", parse::port);
    let tls = tls::read(reader, &sources.dir);
    let cors_origin = reader.optional("CORS_ORIGIN", CorsOrigins::parse);
    let trusted_proxies = reader.optional("TRUSTED_PROXIES", parse::networks);
    let data_dir = reader.required("DATA_DIR", parse::path);
    let is_shared = database::is_wanted(reader) || redis::is_wanted(reader);
    let need = Need { is_production, is_shared };
    let database = database::read(reader);
    let redis = redis::read(reader, &sources.dir);
    let admin_api_key = reader.secret("ADMIN_API_KEY", need, secret::admin_key);
    let registration = reader.required("REGISTRATION", parse::registration);
    let jwt_secret = reader.secret("JWT_SECRET", need, secret::jwt_secret);
    let jwt_expires_in = reader.required("JWT_EXPIRES_IN", parse::lifetime);
    let api_rate_limit = reader.required("API_RATE_LIMIT", parse::rate_limit);
    let api_rate_limit_window = reader.required("API_RATE_LIMIT_WINDOW", parse::rate_limit_window);
    let api_read_rate_limit = reader.required("API_READ_RATE_LIMIT", parse::rate_limit);
    let streams_max = reader.required("STREAMS_MAX", parse::streams);
    let streams_max_per_client = reader.required("STREAMS_MAX_PER_CLIENT", parse::streams);
    let log_batch_size = reader.required("LOG_BATCH_SIZE", parse::batch_size);
    let log_batch_interval = reader.required("LOG_BATCH_INTERVAL_MS", parse::batch_interval);
    let client_max_days = reader.required("LOG_MAX_AGE_DAYS", parse::max_age_days);
    let retention_days = reader.required("RAW_RETENTION_DAYS", parse::retention_days);
    let max_endpoints = reader.required("MAX_ENDPOINTS", parse::max_endpoints);
    let spool_max_bytes = reader.required("SPOOL_MAX_BYTES", parse::spool_size);
    let cache = cache::read(reader);
    let audit_capture = reader.required("AUDIT_CAPTURE", parse::audit_capture);
    let audit_max_bytes = reader.required("AUDIT_MAX_BYTES", parse::audit_max_bytes);
    let encryption_keys = reader.secret("ENCRYPTION_KEY", need, encryption::encryption_keys);
    let ip_privacy = reader.required("IP_PRIVACY", parse::ip_privacy);
    let log_level = reader.required("LOG_LEVEL", LogLevel::parse);
    let log_format = reader.required("LOG_FORMAT", parse::log_format);
    let metrics_token = reader.optional("METRICS_TOKEN", |text| secret::metrics_token(text, is_production));
    let traces = reader.optional("OTEL_EXPORTER_OTLP_ENDPOINT", Collector::parse);
    Some(Settings {
        app_env: app_env?,
        host: host?,
        port: port?,
        tls,
        cors_origin: cors_origin.unwrap_or(CorsOrigins::Exact(Vec::new())),
        trusted_proxies: trusted_proxies.unwrap_or_default(),
        data_dir: sources.dir.join(data_dir?),
        database,
        redis,
        admin_api_key,
        registration: registration?,
        jwt_secret,
        jwt_expires_in: jwt_expires_in?,
        api_rate_limit: api_rate_limit?,
        api_rate_limit_window: api_rate_limit_window?,
        api_read_rate_limit: api_read_rate_limit?,
        streams: StreamLimits { total: streams_max?, per_client: streams_max_per_client? },
        log_batch_size: log_batch_size?,
        log_batch_interval: log_batch_interval?,
        age_policy: AgePolicy { client_max_days: client_max_days?, retention_days: retention_days? },
        max_endpoints: max_endpoints?,
        spool_max_bytes: spool_max_bytes?,
        cache: cache?,
        audit_capture: audit_capture?,
        audit_max_bytes: audit_max_bytes?,
        encryption_keys,
        ip_privacy: ip_privacy?,
        log_level: log_level?,
        log_format: log_format?,
        metrics_token,
        traces,
        described,
    })
}
