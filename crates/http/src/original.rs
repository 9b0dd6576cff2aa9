//! The call that a gateway asks about, from its headers or its path.

use std::borrow::Cow;
use std::sync::Once;

use activity_domain::activity::{Endpoint, Method};
use activity_domain::error::Invalid;
use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;

use crate::peer;
use crate::problem::Problem;

/// What is known of the call. Without a trusted proxy in between, nothing: anybody can write headers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OriginalCall {
    /// The path that was called.
    pub endpoint: Option<Endpoint>,
    /// The method.
    pub method: Option<Method>,
}

/// The headers that one kind of gateway writes.
struct Dialect {
    uri: &'static str,
    method: &'static str,
}

/// As in nginx's documentation of `auth_request`; and as Traefik and Caddy do.
const DIALECTS: [Dialect; 2] = [
    Dialect { uri: "x-original-uri", method: "x-original-method" },
    Dialect { uri: "x-forwarded-uri", method: "x-forwarded-method" },
];

impl OriginalCall {
    /// From the headers. Both kinds at once are refused: one of them is the caller's own, who is not to choose
    /// what he is charged for.
    pub fn of_headers(request: &HttpRequest) -> Result<Self, Problem> {
        let headers = request.headers();
        let is_there =
            |dialect: &&Dialect| headers.contains_key(dialect.uri) || headers.contains_key(dialect.method);
        let mut dialects = DIALECTS.iter().filter(is_there);
        let Some(dialect) = dialects.next() else { return Ok(Self::default()) };
        if !peer::is_proxy(request) {
            tell_once(dialect.uri);
            return Ok(Self::default());
        }
        if dialects.next().is_some() {
            return Err(Problem::malformed(
                "X-Original-* and X-Forwarded-Uri or -Method are both there: the gateway has to remove those that it does not write",
            ));
        }
        let last = |name: &str| headers.get_all(name).last();
        let bad = |name: &'static str| move |error: Invalid| Problem::malformed(format!("{name}: {error}"));
        Ok(Self {
            endpoint: last(dialect.uri).map(endpoint).transpose().map_err(bad(dialect.uri))?,
            method: last(dialect.method).map(method).transpose().map_err(bad(dialect.method))?,
        })
    }

    /// From the request itself, as Envoy sends it: the original method, and the path behind a prefix.
    pub fn of_path(request: &HttpRequest, path: &str) -> Result<Self, Problem> {
        if !peer::is_proxy(request) {
            tell_once("the path");
            return Ok(Self::default());
        }
        let bad = |error: Invalid| Problem::malformed(format!("the path: {error}"));
        Ok(Self {
            endpoint: Some(normal(&format!("/{path}")).map_err(bad)?),
            method: Some(Method::parse(request.method().as_str()).map_err(bad)?),
        })
    }
}

/// A gateway that is not trusted looks like one that works, until somebody wonders about limits.
fn tell_once(what: &str) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "a call to be verified has {what} from a peer that is not in TRUSTED_PROXIES: it is not believed"
        );
    });
}

fn method(value: &HeaderValue) -> Result<Method, Invalid> {
    Method::parse(value.to_str().unwrap_or_default())
}

/// A URI may have any bytes in it.
fn endpoint(value: &HeaderValue) -> Result<Endpoint, Invalid> {
    normal(&String::from_utf8_lossy(value.as_bytes()))
}

/// The path as the service behind the gateway understands it, which takes `/%61dmin`, `//admin` and `/x/../admin`
/// for `/admin`: a limit on an endpoint is not to be got around by spelling (RFC 3986, 6.2.2).
fn normal(target: &str) -> Result<Endpoint, Invalid> {
    let parsed = Endpoint::parse(target)?;
    let decoded = decode_unreserved(parsed.as_str());
    let mut parts: Vec<&str> = Vec::new();
    for part in decoded.split('/').filter(|part| !part.is_empty()) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let is_folder = decoded.len() > 1 && decoded.ends_with('/') && !parts.is_empty();
    Endpoint::parse(&format!("/{}{}", parts.join("/"), if is_folder { "/" } else { "" }))
}

/// Decodes escapes of characters that need none.
fn decode_unreserved(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        let escape = rest.get(at + 1..at + 3).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = byte.filter(|b| b.is_ascii_alphanumeric() || b"-._~".contains(b)) {
            decoded.push(char::from(byte));
            rest = &rest[at + 3..];
        } else {
            decoded.push('%');
            rest = &rest[at + 1..];
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spelt(path: &str) -> String {
        normal(path).unwrap().as_str().to_owned()
    }

    #[test]
    fn a_path_has_one_spelling() {
        for path in
            ["/admin", "//admin", "/%61dmin", "/x/../admin", "/./admin", "/%2e%2E/admin", "/../../admin?x=/y"]
        {
            assert_eq!(spelt(path), "/admin", "{path}");
        }
        assert_eq!(spelt("/admin//keys/"), "/admin/keys/");
        for (path, normal) in
            [("/", "/"), ("//", "/"), ("/..", "/"), ("*", "/*"), ("/a%2Fb", "/a%2Fb"), ("/%", "/%")]
        {
            assert_eq!(spelt(path), normal, "{path}");
        }
        assert_eq!(spelt("https://example.org/a/./b?c#d"), "/a/b");
        assert_eq!(spelt("/%6"), "/%6");
        assert_eq!(spelt("/é%c3%a9"), "/é%c3%a9");
    }

    proptest! {
        #[test]
        fn a_spelling_stays(path in "/[a-z%0-9A-F./~é]{0,40}") {
            let once = spelt(&path);
            prop_assert!(once.starts_with('/'));
            // `%2561` becomes `%2561`, not `%61`: what is decoded once is not decoded again.
            if !once.contains('%') {
                prop_assert_eq!(spelt(&once), once.clone());
            }
            prop_assert!(!once.split('/').any(|part| part == "." || part == ".."));
        }

        #[test]
        fn junk_is_no_panic(path in any::<String>()) {
            let _ = normal(&path);
        }
    }
}
