//! The list of all settings. Defaults, known keys, masking and descriptions derive from it.

use Preset::{Always, ByEnvironment, ByTerminal, Unset};

/// A setting that this build reads.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the environment; in the file also in lower case.
    pub name: &'static str,
    /// One line on what it does.
    pub doc: &'static str,
    /// What holds when nobody sets it.
    pub preset: Preset,
    /// Whether its value is never shown.
    pub secret: bool,
}

/// A default.
#[derive(Debug, Clone, Copy)]
pub enum Preset {
    /// None: the setting is optional.
    Unset,
    /// Always the same.
    Always(&'static str),
    /// It depends on `APP_ENV`.
    ByEnvironment {
        /// In development.
        development: &'static str,
        /// In production.
        production: &'static str,
    },
    /// It depends on where the log goes.
    ByTerminal {
        /// When a person is likely to read it.
        terminal: &'static str,
        /// When a program is.
        other: &'static str,
    },
}

impl Preset {
    /// The default under these circumstances.
    pub fn text(self, is_production: bool, is_terminal: bool) -> Option<&'static str> {
        match self {
            Self::Unset => None,
            Self::Always(text) => Some(text),
            Self::ByEnvironment { production, .. } if is_production => Some(production),
            Self::ByEnvironment { development, .. } => Some(development),
            Self::ByTerminal { terminal, .. } if is_terminal => Some(terminal),
            Self::ByTerminal { other, .. } => Some(other),
        }
    }
}

const fn open(name: &'static str, preset: Preset, doc: &'static str) -> Setting {
    Setting { name, doc, preset, secret: false }
}

const fn secret(name: &'static str, doc: &'static str) -> Setting {
    Setting { name, doc, preset: Unset, secret: true }
}

/// Every setting that has an effect, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    open("APP_ENV", Always("development"), "development or production; production insists on real secrets"),
    open("NODE_ENV", Unset, "Another name of APP_ENV, read where APP_ENV is not set"),
    open("HOST", Always("127.0.0.1"), "Address or host name to listen on"),
    open("PORT", Always("8080"), "Port to listen on; 0 takes any free one"),
    open("TLS_CERT_FILE", Unset, "Certificate of the server itself, PEM; then the port speaks HTTPS"),
    open("TLS_KEY_FILE", Unset, "Its key, PEM"),
    open("CORS_ORIGIN", Unset, "Origins whose pages may call the API, comma separated, or *"),
    open("TRUSTED_PROXIES", Unset, "Networks whose X-Forwarded-For is believed, comma separated"),
    open(
        "DATA_DIR",
        Always("./data"),
        "Folder of the spool, and of the embedded database and generated secrets",
    ),
    secret("DATABASE_URL", "Postgres, such as postgres://user:password@host:5432/name?sslmode=require"),
    open("DATABASE_HOST", Unset, "The same in parts: host, address or folder of the socket"),
    open("DATABASE_PORT", Always("5432"), "Its port"),
    open("DATABASE_USER", Always("activity_tracker"), "Who to be there"),
    secret("DATABASE_PASSWORD", "The user's password"),
    open("DATABASE_NAME", Always("activity_tracker"), "The database"),
    open("DATABASE_READ_REPLICAS", Unset, "Servers that follow it: host:port, comma separated"),
    secret(
        "REDIS_URL",
        "Redis, which instances share limits and answers by, such as rediss://user:password@host:6379",
    ),
    open("REDIS_HOST", Unset, "The same in parts: host or address"),
    open("REDIS_PORT", Always("6379"), "Its port"),
    open(
        "REDIS_USER",
        Unset,
        "Who to be there, or behind Sentinels, or in a cluster; by default nobody special",
    ),
    secret("REDIS_PASSWORD", "The password there"),
    open("REDIS_SENTINEL_HOSTS", Unset, "Sentinels that know the primary: host:port, comma separated"),
    open("REDIS_SENTINEL_MASTER_NAME", Always("mymaster"), "What they call it"),
    open("REDIS_SENTINEL_USER", Unset, "Who to be at the Sentinels; by default nobody special"),
    secret("REDIS_SENTINEL_PASSWORD", "The password of the Sentinels themselves"),
    open("REDIS_CLUSTER_HOSTS", Unset, "Members of a Redis Cluster: host:port, comma separated"),
    open(
        "REDIS_TLS",
        Always("false"),
        "Whether Redis is spoken to by TLS, and so the Sentinels; a URL says it itself",
    ),
    open(
        "REDIS_TLS_CA_FILE",
        Unset,
        "PEM of the authorities that are trusted then; by default the platform's",
    ),
    open("REDIS_TIMEOUT_MS", Always("100"), "Milliseconds that an answer of it may take"),
    open("REDIS_READ_HOST", Unset, "Where cached answers are read; behind Sentinels a replica by default"),
    open("REDIS_READ_PORT", Always("6379"), "Its port"),
    open(
        "RATE_LIMIT_WITHOUT_REDIS",
        Always("share"),
        "What an instance spends of limits while Redis is lost: share, full or closed",
    ),
    open("RATE_LIMIT_LEASES", Always("false"), "Whether instances spend limits of busy clients by leases"),
    secret(
        "ADMIN_API_KEY",
        "The first admin's key; generated under DATA_DIR/secrets without Postgres and Redis",
    ),
    open(
        "REGISTRATION",
        ByEnvironment { development: "open", production: "admin" },
        "Who may register clients: open (anybody) or admin",
    ),
    secret("JWT_SECRET", "Signs tokens; generated under DATA_DIR/secrets without Postgres and Redis"),
    open("JWT_EXPIRES_IN", Always("1h"), "How long a token is good for, such as 30m, 1h, 7d or seconds"),
    open("API_RATE_LIMIT", Always("1000"), "Events that a new client may record in one window"),
    open("API_RATE_LIMIT_WINDOW", Always("3600"), "Length of that window in seconds"),
    open("API_READ_RATE_LIMIT", Always("600"), "Requests per minute with which a client may read"),
    open("STREAMS_MAX", Always("10000"), "Live streams that may be open at a time on this instance"),
    open("STREAMS_MAX_PER_CLIENT", Always("100"), "Those of one client"),
    open("LOG_BATCH_SIZE", Always("100"), "Events that bring about a write to the store at once"),
    open("LOG_BATCH_INTERVAL_MS", Always("5000"), "Longest wait before accepted events are stored"),
    open("LOG_MAX_AGE_DAYS", Always("7"), "How old an event may be that a client reports"),
    open(
        "RAW_RETENTION_DAYS",
        Always("0"),
        "How many days events are kept; older ones are refused to everybody; 0 keeps all",
    ),
    open("MAX_ENDPOINTS", Always("500"), "Endpoints that are counted by name for each client and day"),
    open("SPOOL_MAX_BYTES", Always("1GiB"), "Disk space for accepted events that are not stored yet"),
    open("CACHE_TTL_USAGE_DAILY", Always("3600"), "Seconds that closed days are cached; 0 caches none"),
    open("CACHE_TTL_USAGE_TOP", Always("3600"), "Seconds that the top of a closed range is cached; 0: none"),
    open("CACHE_VERSION", Always("v1"), "Generation of the cache's keys; another one starts anew"),
    open("CACHE_PREWARM_ENABLED", Always("true"), "Whether the cache is warmed at the start"),
    open("CACHE_PREWARM_CRON_ENABLED", Always("false"), "Whether the cache is warmed by schedule"),
    open(
        "CACHE_PREWARM_CRON",
        Always("0 */15 * * * *"),
        "That schedule in UTC: cron, seconds may come first",
    ),
    open("CACHE_HIT_TRACKING_ENABLED", Always("true"), "Whether the cache counts by key"),
    open("AUDIT_CAPTURE", Always("off"), "What is kept of events' headers and bodies: off, headers or full"),
    open("AUDIT_MAX_BYTES", Always("8192"), "What each of these may have; more is cut"),
    secret("ENCRYPTION_KEY", "Encrypts them and emails: 64 hexadecimal digits; a list to change keys"),
    open("IP_PRIVACY", Always("off"), "What is kept of callers' addresses: off (all), truncate or hash"),
    open("LOG_LEVEL", Always("info"), "What is logged: a level, or directives such as info,actix_web=debug"),
    secret("METRICS_TOKEN", "What has to be shown for /metrics; open without it"),
    secret(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Where traces go, by OTLP over HTTP, such as http://localhost:4318",
    ),
    open(
        "LOG_FORMAT",
        ByTerminal { terminal: "pretty", other: "json" },
        "json or pretty; pretty by default on a terminal",
    ),
];

/// All known names.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name)
}

/// Whether a setting's value must not be shown. What is not known is not shown either.
pub fn is_secret(name: &str) -> bool {
    SETTINGS.iter().find(|setting| setting.name == name).is_none_or(|setting| setting.secret)
}

/// The known name closest to a mistyped one, if one is close.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let reach = (name.chars().count() / 4).clamp(2, 3);
    names()
        .map(|known| (edits(&name, known), known))
        .min_by_key(|(edits, _)| *edits)
        .filter(|(edits, _)| *edits <= reach)
        .map(|(_, known)| known)
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_once_in_upper_snake_case() {
        let mut all: Vec<_> = names().collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(all.iter().all(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')));
    }

    #[test]
    fn a_typo_finds_its_setting_and_nonsense_finds_none() {
        assert_eq!(nearest("prot"), Some("PORT"));
        assert_eq!(nearest("JWT_SECERT"), Some("JWT_SECRET"));
        assert_eq!(nearest("log_batchsize"), Some("LOG_BATCH_SIZE"));
        assert_eq!(nearest("Port"), Some("PORT"));
        assert_eq!(nearest("favourite_colour"), None);
        assert_eq!(nearest(""), None);
    }
}
