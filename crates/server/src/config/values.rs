//! The types that settings have.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use activity_domain::error::Invalid;
use actix_web::http::Uri;
use tracing_subscriber::EnvFilter;

/// How strict to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppEnv {
    /// On somebody's desk: secrets are generated, everything has a default.
    Development,
    /// In earnest: secrets have to be given and good.
    Production,
}

/// Who may register clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Anybody.
    Open,
    /// An admin.
    Admin,
}

/// What is kept of the headers and bodies of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditCapture {
    /// Nothing.
    Off,
    /// Headers.
    Headers,
    /// Headers and bodies.
    Full,
}

/// What is kept of callers' addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpPrivacy {
    /// All of them.
    Off,
    /// Their networks.
    Truncate,
    /// Pseudonyms.
    Hash,
}

/// What log lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object a line, for programs.
    Json,
    /// For people.
    Pretty,
}

/// Where to listen. Displays without brackets, as resolvers take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name to be resolved.
    Name(String),
}

impl Host {
    /// Takes an address (v6 with or without brackets) or a host name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(address) = inside.and_then(|inside| inside.parse::<Ipv6Addr>().ok()) {
            return Ok(Self::Ip(address.into()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        if is_host_name(text) {
            return Ok(Self::Name(text.to_ascii_lowercase()));
        }
        Err(Invalid::new("must be an IP address or a host name, without a port"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Whether it is a name by its shape. One that ends in a number is a mistyped address.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or(text);
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

/// Which pages of other origins may call the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Pages of every origin.
    Any,
    /// Pages of these origins, spelt as browsers send them; none if empty.
    Exact(Vec<String>),
}

impl CorsOrigins {
    /// Takes origins separated by commas, or `*` alone.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Ok(Self::Exact(parts.map(origin).collect::<Result<_, _>>()?))
    }
}

/// Brings an origin into the one spelling that browsers send: lower case, no default port.
fn origin(text: &str) -> Result<String, Invalid> {
    let bad = || {
        Invalid::new(
            "must be a comma separated list of origins such as https://app.example.org, without paths, or *",
        )
    };
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://").ok_or_else(bad)?;
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return Err(bad()),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse::<u16>().map_err(|_| bad())?)),
        _ => (authority, None),
    };
    let host = match Host::parse(host).map_err(|_| bad())? {
        Host::Ip(IpAddr::V6(address)) if host.starts_with('[') => format!("[{address}]"),
        Host::Ip(IpAddr::V6(_)) => return Err(bad()),
        host => host.to_string(),
    };
    Ok(match port.filter(|port| *port != default_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// Who collects traces: a URL by OTLP's rules, to which the path of traces is added.
#[derive(Clone, PartialEq, Eq)]
pub struct Collector(String);

impl Collector {
    /// Takes `http` and `https` URLs without a query. Credentials belong in a header.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bad = || Invalid::new("must be a URL such as http://localhost:4318, without a user and a query");
        let url: Uri = text.parse().map_err(|_| bad())?;
        let is_web = matches!(url.scheme_str(), Some("http" | "https"));
        let has_user = url.authority().is_none_or(|authority| authority.as_str().contains('@'));
        if !is_web || has_user || url.query().is_some() {
            return Err(bad());
        }
        Ok(Self(format!("{}/v1/traces", text.trim_end_matches('/'))))
    }

    /// Where traces go.
    pub fn traces(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Collector {
    /// Some have a secret in their path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector(..)")
    }
}

/// Which events are logged, as directives that are known to parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevel(String);

impl LogLevel {
    /// Takes a level, or directives separated by commas.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "off"];
        let bad = || {
            Invalid::new("must be trace, debug, info, warn, error, off, or directives: info,actix_web=debug")
        };
        // A bare word that is no level would pass as the name of a module, and silence all others.
        let is_meant = |directive: &str| {
            directive.contains(['=', '[']) || LEVELS.iter().any(|level| level.eq_ignore_ascii_case(directive))
        };
        let directives: Vec<&str> = text.split(',').map(str::trim).collect();
        let text = directives.join(",");
        if !directives.into_iter().all(is_meant) || EnvFilter::builder().parse(&text).is_err() {
            return Err(bad());
        }
        Ok(Self(text))
    }

    /// A filter of these directives. Of what actix-server says about itself, `info` has what went wrong: when it starts
    /// and stops is said in this program's own words.
    pub fn filter(&self) -> EnvFilter {
        if self.0.eq_ignore_ascii_case("info") {
            return EnvFilter::new("info,actix_server=warn");
        }
        // Lenient, but there is nothing left to be lenient about.
        EnvFilter::new(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_level_is_without_the_chatter_of_the_http_server() {
        let filter = |text: &str| LogLevel::parse(text).unwrap().filter().to_string();
        assert_eq!(filter("INFO"), "actix_server=warn,info");
        assert_eq!(filter("info,actix_server=debug"), "actix_server=debug,info");
        assert_eq!(filter("debug"), "debug");
    }

    #[test]
    fn hosts_are_addresses_or_names() {
        for (text, shown) in
            [("::1", "::1"), ("[::]", "::"), ("0.0.0.0", "0.0.0.0"), ("My-Box.lan", "my-box.lan")]
        {
            assert_eq!(Host::parse(text).unwrap().to_string(), shown);
        }
        for bad in ["256.1.1.1", "localhost:80", "a b", "http://x", "", "-x", "a..b", "[1.2.3.4]", "1234"] {
            assert!(Host::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_are_spelt_as_browsers_send_them() {
        let list =
            CorsOrigins::parse("https://App.Example.org:443, http://localhost:3000,http://[::1]:5173,");
        let expected = ["https://app.example.org", "http://localhost:3000", "http://[::1]:5173"];
        assert_eq!(list, Ok(CorsOrigins::Exact(expected.map(str::to_owned).to_vec())));
        assert_eq!(CorsOrigins::parse("*"), Ok(CorsOrigins::Any));
        for bad in [
            "app.example.org",
            "https://x/",
            "https://x/path",
            "*,https://x",
            "ftp://x",
            "null",
            "https://*.example.org",
            "https://u:p@x",
            "https://x:99999",
            "https://::1",
        ] {
            assert!(CorsOrigins::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn traces_go_where_otlp_says() {
        for (text, to) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("https://otlp.example.org/team/", "https://otlp.example.org/team/v1/traces"),
        ] {
            assert_eq!(Collector::parse(text).unwrap().traces(), to);
        }
        for bad in ["", "localhost:4318", "grpc://x", "http://user:pass@x", "http://x?a=b", "http://", "/x"] {
            assert!(Collector::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mistyped_level_does_not_pass_as_a_module() {
        for good in ["info", "WARN", "off", "info,actix_web=debug", "warn, activity_http=trace"] {
            assert!(LogLevel::parse(good).is_ok(), "{good}");
        }
        for bad in ["inof", "verbose", "info,actix_web", "a=b", "info;debug", ",", "x[="] {
            assert!(LogLevel::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(LogLevel::parse("warn, a=trace").unwrap().filter().to_string(), "a=trace,warn");
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in "(\\PC|[\\[\\]=,:/*.]){0,40}") {
            let _ = Host::parse(&text);
            let _ = CorsOrigins::parse(&text);
            let _ = CorsOrigins::parse(&format!("https://{text}"));
            let _ = Collector::parse(&format!("http://{text}"));
            let _ = LogLevel::parse(&text).map(|level| level.filter());
        }
    }
}
