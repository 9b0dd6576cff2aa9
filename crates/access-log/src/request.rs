//! The request line, such as `GET /a?b HTTP/1.1`.

use activity_domain::activity::{Endpoint, Method};
use activity_domain::error::Invalid;

use crate::entry::{lossy, present, wrong_value};

/// Method and path of a request line. What comes from port scanners and TLS handshakes on a plain
/// port is no request and is refused.
pub(crate) fn parse(line: &[u8]) -> Result<(Method, Endpoint), Invalid> {
    let line = lossy(present(line).ok_or_else(|| Invalid::new("has no request"))?);
    let (method, rest) = line.split_once(' ').ok_or_else(|| no_request(&line))?;
    let method = Method::parse(method).map_err(|_| no_request(&line))?;
    // A careless client leaves spaces in the target, so that the protocol is what follows the last.
    let target = match rest.rsplit_once(' ') {
        Some((target, protocol)) if protocol.starts_with("HTTP/") => target,
        // HTTP/0.9 knew no protocol.
        _ if rest.starts_with('/') => rest,
        _ => return Err(no_request(&line)),
    };
    Ok((method, endpoint(target)?))
}

/// The path of a target, which may be a path or a URL.
pub(crate) fn endpoint(target: &str) -> Result<Endpoint, Invalid> {
    Endpoint::parse(target).map_err(|reason| wrong_value("path", &reason))
}

fn no_request(line: &str) -> Invalid {
    let shown: String = line.chars().filter(|c| !c.is_control()).take(40).collect();
    Invalid::new(format!("has a request that is not one of HTTP: {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(line: &str) -> (String, String) {
        let (method, endpoint) = parse(line.as_bytes()).unwrap();
        (method.as_str().to_owned(), endpoint.as_str().to_owned())
    }

    #[test]
    fn requests_of_every_shape_are_read() {
        let pair = |method: &str, path: &str| (method.to_owned(), path.to_owned());
        assert_eq!(ok("GET /a?b=c HTTP/1.1"), pair("GET", "/a"));
        assert_eq!(ok("OPTIONS * HTTP/1.0"), pair("OPTIONS", "*"));
        assert_eq!(ok("GET http://other.example/x HTTP/1.1"), pair("GET", "/x"));
        assert_eq!(ok("CONNECT other.example:443 HTTP/1.1"), pair("CONNECT", "other.example:443"));
        assert_eq!(ok("GET /a b HTTP/2.0"), pair("GET", "/a b"));
        assert_eq!(ok("GET /old"), pair("GET", "/old"));
    }

    #[test]
    fn what_is_no_request_is_refused_with_a_reason() {
        for bad in ["", "-", "GET", "hello there", r"\x16\x03\x01 /", "\u{16}\u{3} / HTTP/1.1"] {
            let reason = parse(bad.as_bytes()).unwrap_err().0;
            assert!(reason.starts_with("has ") && !reason.contains('\u{16}'), "{bad}: {reason}");
        }
    }
}
