//! Loading as a whole: layers, refusals, and that no secret ever shows.

use std::fs;
use std::time::Duration;

use proptest::prelude::*;

use super::describe::Described;
use super::error::ConfigError;
use super::layers::read as read_layers;
use super::reader::Reader;
use super::table::{Preset, SETTINGS};
use super::values::AppEnv;
use super::*;

mod files;
mod shared;

const STRONG: &str = "f3a9c1d07be24855912fa6630cd1e8b74410fe92ab67c35d8e01f4b2976ac3d5";
const CANARY: &str = "c4n4ry";

/// A folder with these files, and this environment.
struct Setup {
    dir: tempfile::TempDir,
    sources: Sources,
}

impl Setup {
    fn new(file: &str, dotenv: &str, env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("activity-tracker.toml", file), (".env", dotenv)] {
            if !text.is_empty() {
                fs::write(dir.path().join(name), text).unwrap();
            }
        }
        let env = env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let sources = Sources { dir: dir.path().to_owned(), env, is_terminal: false };
        Self { dir, sources }
    }

    fn load(&self) -> Result<Settings, ConfigError> {
        Settings::load(&self.sources)
    }
}

fn load(env: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    Setup::new("", "", env).load()
}

fn refusal(file: &str, dotenv: &str, env: &[(&str, &str)]) -> String {
    let message = Setup::new(file, dotenv, env).load().unwrap_err().to_string();
    assert!(!message.contains(CANARY), "{message}");
    message
}

fn assert_has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
}

fn shown<'a>(settings: &'a Settings, name: &str) -> &'a Described {
    settings.describe().iter().find(|described| described.name == name).unwrap()
}

#[test]
fn nothing_at_all_is_enough() {
    let setup = Setup::new("", "", &[]);
    let settings = setup.load().unwrap();
    assert_eq!(settings.app_env, AppEnv::Development);
    assert_eq!((settings.host.to_string().as_str(), settings.port), ("127.0.0.1", 8080));
    assert_eq!(settings.data_dir, setup.dir.path().join("data"));
    assert_eq!(settings.registration, Registration::Open);
    assert_eq!(settings.cors_origin, CorsOrigins::Exact(vec![]));
    assert_eq!(settings.jwt_expires_in, Duration::from_hours(1));
    assert_eq!(settings.api_rate_limit.get(), 1_000);
    assert_eq!(settings.api_rate_limit_window.seconds(), 3_600);
    assert_eq!(settings.api_read_rate_limit.get(), 600);
    assert_eq!((settings.log_batch_size, settings.log_batch_interval), (100, Duration::from_secs(5)));
    assert_eq!((settings.age_policy.client_max_days, settings.age_policy.retention_days), (7, None));
    assert_eq!(settings.spool_max_bytes, 1 << 30);
    assert_eq!(
        (settings.cache.ttl_daily, settings.cache.ttl_top),
        (Duration::from_hours(1), Duration::from_hours(1))
    );
    assert!(settings.cache.prewarm_at_start && settings.cache.tracks_keys);
    assert!(settings.cache.prewarm_schedule.is_none());
    assert_eq!(settings.log_format, LogFormat::Json);
    assert!(settings.jwt_secret.is_none() && settings.admin_api_key.is_none());
    assert!(settings.trusted_proxies.is_empty());
}

#[test]
fn a_terminal_gets_a_log_for_people() {
    let mut setup = Setup::new("", "", &[]);
    setup.sources.is_terminal = true;
    assert_eq!(setup.load().unwrap().log_format, LogFormat::Pretty);
}

#[test]
fn each_layer_covers_the_one_below() {
    let file = "port = 1001\nHOST = '0.0.0.0'\nlog_batch_size = 1\ncors_origin = ['https://a.test', 'https://b.test']";
    let dotenv = "HOST=::\nLOG_BATCH_SIZE=2\nSOMEBODY_ELSES=thing";
    let setup = Setup::new(file, dotenv, &[("LOG_BATCH_SIZE", "3"), ("PATH", "/bin")]);
    let settings = setup.load().unwrap();
    assert_eq!((settings.port, settings.host.to_string().as_str(), settings.log_batch_size), (1001, "::", 3));
    assert_eq!(settings.cors_origin, CorsOrigins::parse("https://a.test,https://b.test").unwrap());
    for (name, source) in [
        ("PORT", "activity-tracker.toml"),
        ("HOST", ".env"),
        ("LOG_BATCH_SIZE", "environment"),
        ("DATA_DIR", "default"),
    ] {
        assert_eq!(shown(&settings, name).source, source);
    }
}

#[test]
fn an_empty_value_is_none_in_every_layer() {
    let setup =
        Setup::new("port = 1001\nhost = ''", "PORT=\nLOG_LEVEL=", &[("PORT", " "), ("DATABASE_URL", "")]);
    let settings = setup.load().unwrap();
    assert_eq!((settings.port, settings.host.to_string().as_str()), (1001, "127.0.0.1"));
    assert_eq!(shown(&settings, "LOG_LEVEL").source, "default");
}

#[test]
fn all_problems_come_at_once_with_name_value_source_and_expectation() {
    let file = "prot = 1\nlog_format = 'xml'\nport = [[1]]\nHOST='::'\nhost='::'\n[data_dir]\nx=1";
    let message =
        refusal(file, "LOG_BATCH_SIZE=ten", &[("JWT_EXPIRES_IN", "soon"), ("SPOOL_MAX_BYTES", "1")]);
    assert_has(
        &message,
        &[
            "prot (from activity-tracker.toml) is not a known setting: did you mean PORT?",
            r#"LOG_FORMAT = "xml" (from activity-tracker.toml) must be json or pretty"#,
            "HOST (from activity-tracker.toml) must not be given twice",
            "DATA_DIR (from activity-tracker.toml) must be a text, a number or a list of these",
            r#"LOG_BATCH_SIZE = "ten" (from .env) must be a whole number of events from 1 to 10000"#,
            r#"JWT_EXPIRES_IN = "soon" (from environment) must be a time such as"#,
            r#"SPOOL_MAX_BYTES = "1" (from environment) must be a size such as"#,
        ],
    );
    assert_eq!(message.lines().count(), 1 + 7, "{message}");
}

#[test]
fn every_setting_refuses_what_does_not_fit() {
    for setting in SETTINGS.iter().filter(|setting| setting.name != "NODE_ENV") {
        let bad = if setting.name == "DATA_DIR" { "a\0b" } else { "no\u{7f} such thing" };
        let message = refusal("", "", &[(setting.name, bad)]);
        assert_has(&message, &[&format!("{} = ", setting.name), "(from environment) must "]);
        assert_eq!(message.contains("no\\u{7f}") || message.contains("a\\0b"), !setting.secret, "{message}");
        let not_utf8 = refusal("", "", &[(setting.name, "\u{fffd}")]);
        assert_has(&not_utf8, &[setting.name, "must be valid UTF-8"]);
    }
}

#[test]
fn broken_files_are_named_with_the_line() {
    let message = refusal("port = 1\njwt_secret = c4n4ry", "A=1\nJWT_SECRET c4n4ry", &[]);
    assert_has(&message, &["activity-tracker.toml: line 2, column", ".env: line 2 must have the form"]);
    let setup = Setup::new("", "", &[]);
    fs::create_dir(setup.dir.path().join("activity-tracker.toml")).unwrap();
    fs::create_dir(setup.dir.path().join(".env")).unwrap();
    let message = setup.load().unwrap_err().to_string();
    assert_has(&message, &["activity-tracker.toml: cannot be read"]);
    assert!(!message.contains(".env"), "{message}");
}

#[test]
fn production_insists_on_good_secrets() {
    let production = ("APP_ENV", "production");
    let message = refusal("", "", &[production]);
    assert_has(
        &message,
        &[
            "JWT_SECRET is not set and must be in production",
            "ADMIN_API_KEY is not set and",
            "ENCRYPTION_KEY is not set and",
        ],
    );
    for weak in ["secret", "your-secret-key-c4n4ry-your-secret-key", "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ryc4n4ry"] {
        let message = refusal("", "", &[production, ("JWT_SECRET", weak), ("ADMIN_API_KEY", weak)]);
        let masked = format!("***** ({} characters) (from environment) must", weak.len());
        assert_has(&message, &[&format!("JWT_SECRET = {masked}"), &format!("ADMIN_API_KEY = {masked}")]);
    }
    let secrets = ["JWT_SECRET", "ADMIN_API_KEY", "ENCRYPTION_KEY"].map(|name| (name, STRONG));
    let settings = load(&[&[("NODE_ENV", "Production")][..], &secrets].concat()).unwrap();
    assert_eq!((settings.app_env, settings.registration), (AppEnv::Production, Registration::Admin));
    assert_eq!(shown(&settings, "APP_ENV").source, "environment, as NODE_ENV");
}

#[test]
fn production_needs_an_encryption_key() {
    let good = [("APP_ENV", "production"), ("JWT_SECRET", STRONG), ("ADMIN_API_KEY", STRONG)];
    let with = |more: &[(&'static str, &'static str)]| [&good[..], more].concat();
    let message = refusal("", "", &good);
    assert_has(&message, &["ENCRYPTION_KEY is not set and must be in production", "64 hexadecimal digits"]);
    let zeros = "0000000000000000000000000000000000000000000000000000000000000000";
    for bad in
        [zeros, "c4n4ry", &STRONG[1..], "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
    {
        let message = refusal("", "", &with(&[("ENCRYPTION_KEY", bad)]));
        assert_has(&message, &["ENCRYPTION_KEY = *****", "must be"]);
    }
    assert!(load(&with(&[("ENCRYPTION_KEY", STRONG)])).unwrap().encryption_keys.is_some());
    assert!(load(&[("AUDIT_CAPTURE", "full")]).unwrap().encryption_keys.is_none(), "it is made at the start");
}

#[test]
fn node_env_does_not_switch_production_off() {
    let setup = Setup::new("", "APP_ENV=production", &[("NODE_ENV", "development")]);
    assert_has(&setup.load().unwrap_err().to_string(), &["JWT_SECRET"]);
    assert_eq!(load(&[("NODE_ENV", "test")]).unwrap().app_env, AppEnv::Development);
}

#[test]
fn development_takes_weak_secrets_but_no_short_ones() {
    assert!(load(&[("JWT_SECRET", "changemechangemechangemechangeme")]).is_ok());
    assert_has(
        &refusal("", "", &[("JWT_SECRET", "c4n4ry")]),
        &["***** (6 characters)", "at least 32 characters"],
    );
}

#[test]
fn no_secret_is_ever_shown() {
    let secret = format!("{CANARY}{STRONG}");
    let secrets: Vec<_> = SETTINGS.iter().filter(|s| s.secret).map(|s| s.name).collect();
    // This one takes digits only.
    let digits = STRONG;
    let url = format!("postgres://ada:{secret}@db/x");
    let redis = format!("redis://ada:{secret}@cache");
    let collector = format!("http://collector/{secret}");
    let text = |name| match name {
        "ENCRYPTION_KEY" => digits,
        "DATABASE_URL" => &url,
        "REDIS_URL" => &redis,
        "OTEL_EXPORTER_OTLP_ENDPOINT" => &collector,
        _ => &secret,
    };
    // The password is in the URL, or it has a host.
    let secrets = secrets.into_iter().filter(|name| !name.ends_with("_PASSWORD"));
    let env: Vec<_> = secrets.map(|name| (name, text(name))).collect();
    let settings = load(&env).unwrap();
    let all = format!("{settings:?}{settings:#?}{:?}{}", settings.describe(), render(settings.describe()));
    assert!(all.contains("***** (70 characters)"));
    assert!(!all.contains(CANARY) && !all.contains(&STRONG[..16]));
    let parts = [
        ("DATABASE_HOST", "db"),
        ("DATABASE_PASSWORD", &secret),
        ("REDIS_SENTINEL_HOSTS", "cache"),
        ("REDIS_PASSWORD", &secret),
        ("REDIS_SENTINEL_PASSWORD", &secret),
        ("JWT_SECRET", digits),
        ("ADMIN_API_KEY", digits),
        ("ENCRYPTION_KEY", digits),
    ];
    let settings = load(&parts).unwrap();
    let all = format!("{settings:?}{}", render(settings.describe()));
    assert!(!all.contains(CANARY) && !all.contains(&STRONG[..16]));
}

#[test]
fn the_description_has_every_setting_on_a_line_of_its_own() {
    let settings = load(&[("CORS_ORIGIN", "https://a.test")]).unwrap();
    let text = render(settings.describe());
    assert_eq!(text.lines().count(), SETTINGS.len());
    for (line, setting) in text.lines().zip(SETTINGS) {
        assert!(line.starts_with(setting.name) && line.ends_with(setting.doc), "{line}");
    }
    assert!(text.lines().any(|line| line.starts_with("CORS_ORIGIN") && line.contains("https://a.test")));
}

#[test]
fn every_setting_of_the_table_is_read_and_has_a_good_default() {
    let values = [("NODE_ENV", "test"), ("CORS_ORIGIN", "*"), ("TRUSTED_PROXIES", "10.0.0.0/8")];
    let secrets = [("JWT_SECRET", STRONG), ("ADMIN_API_KEY", STRONG), ("ENCRYPTION_KEY", STRONG)];
    // They contradict each other; each is read all the same.
    let database = [
        ("DATABASE_URL", "postgres://db/x"),
        ("DATABASE_HOST", "db"),
        ("DATABASE_PASSWORD", "x"),
        ("DATABASE_READ_REPLICAS", "db2"),
    ];
    let redis = [
        ("REDIS_URL", "redis://cache"),
        ("REDIS_HOST", "cache"),
        ("REDIS_USER", "x"),
        ("REDIS_PASSWORD", "x"),
        ("REDIS_SENTINEL_HOSTS", "cache"),
        ("REDIS_SENTINEL_USER", "x"),
        ("REDIS_SENTINEL_PASSWORD", "x"),
        ("REDIS_TLS_CA_FILE", "ca.pem"),
        ("REDIS_CLUSTER_HOSTS", "cache"),
        ("REDIS_READ_HOST", "cache2"),
    ];
    let watching = [("METRICS_TOKEN", STRONG), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")];
    let tls = [("TLS_CERT_FILE", "cert.pem"), ("TLS_KEY_FILE", "key.pem")];
    let env = [&values[..], &secrets, &database, &redis, &watching, &tls].concat();
    let setup = Setup::new("", "", &env);
    let raw = read_layers(&setup.sources, &mut Vec::new());
    let unset = SETTINGS.iter().filter(|setting| matches!(setting.preset, Preset::Unset)).count();
    assert_eq!((raw.len(), unset), (SETTINGS.len(), env.len()), "every setting has a value here");
    let mut reader = Reader::new(raw, Vec::new());
    assert!(settings::read(&mut reader, &setup.sources, Vec::new()).is_some());
    assert_eq!(reader.raw.into_keys().collect::<Vec<_>>(), Vec::<&str>::new(), "read by nobody");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn junk_in_the_files_never_panics_and_never_shows(
        before in "(\\PC|[\n\"'=#\\[\\]]){0,20}",
        after in "(\\PC|[\n\"'=#\\[\\]]){0,20}",
    ) {
        // Where the secret is a value of its line, broken or not.
        let [file, dotenv] = ["jwt_secret = '", "JWT_SECRET="].map(|key| format!("{before}\n{key}{CANARY}{after}"));
        if let Err(error) = Setup::new(&file, &dotenv, &[]).load() {
            prop_assert!(!error.to_string().contains(CANARY), "{}", error);
        }
    }
}
