//! Paths without the ids in them.

use crate::activity::Endpoint;

/// A path in which ids are `{id}`, so that all calls of one operation go by one name. At most
/// [`Template::MAX_SEGMENTS`] segments of [`MAX_SEGMENT`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Template(Box<str>);

/// A longer segment is an id, whatever it looks like.
const MAX_SEGMENT: usize = 48;
const ID: &str = "{id}";

impl Template {
    /// What lies deeper is `/**`.
    pub const MAX_SEGMENTS: usize = 12;

    /// The template of a path.
    pub fn of(endpoint: &Endpoint) -> Self {
        let path = endpoint.as_str();
        let mut text = String::with_capacity(path.len());
        // The first slash is in front of a segment, not between two.
        let (root, path) = path.strip_prefix('/').map_or(("", path), |rest| ("/", rest));
        text.push_str(root);
        for (index, segment) in path.split('/').enumerate() {
            if index > 0 {
                text.push('/');
            }
            if index == Self::MAX_SEGMENTS {
                text.push_str("**");
                break;
            }
            push_segment(&mut text, segment);
        }
        Self(text.into())
    }

    /// A template as a store kept it.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn push_segment(text: &mut String, segment: &str) {
    if is_id(segment) {
        text.push_str(ID);
        return;
    }
    // A file that is named after an id keeps its kind: `{id}.pdf`.
    match segment.rsplit_once('.') {
        Some((stem, kind)) if is_kind(kind) && is_id(stem) => {
            text.push_str(ID);
            text.push('.');
            text.push_str(kind);
        }
        _ => text.push_str(segment),
    }
}

fn is_kind(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Whether a segment names one of many things rather than a kind of thing: numbers, dates, addresses,
/// UUIDs, hashes, tokens, and such behind a word, as in `user-12345` and `cus_9s6XKzkNRiz8i3`.
fn is_id(segment: &str) -> bool {
    if segment.len() > MAX_SEGMENT || segment.contains('@') || segment.contains("%40") {
        return true;
    }
    let tail = segment.rsplit(['-', '_']).next().unwrap_or(segment);
    is_numeric(segment)
        || is_token(segment)
        || is_uuid(segment)
        || (tail.len() < segment.len() && is_long_id(tail))
}

/// Digits alone, or digits held together by signs as in dates, times and IP addresses. `1.0` is a version.
fn is_numeric(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let signs =
        segment.bytes().filter(|b| matches!(b, b'-' | b'_' | b'.' | b':' | b',' | b'T' | b'Z')).count();
    digits > 0 && digits + signs == segment.len() && (signs == 0 || digits >= 4)
}

/// Letters and digits mixed, too long for a word: hashes, ULIDs, random ids.
fn is_token(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = segment.bytes().all(|b| b.is_ascii_hexdigit());
    let is_plain = segment.bytes().all(|b| b.is_ascii_alphanumeric());
    (is_hex && digits > 0 && segment.len() >= 8) || (is_plain && digits > 1 && segment.len() >= 16)
}

fn is_uuid(segment: &str) -> bool {
    let groups = [8, 4, 4, 4, 12];
    let mut parts = segment.split('-');
    groups.iter().all(|length| {
        parts.next().is_some_and(|part| part.len() == *length && part.bytes().all(|b| b.is_ascii_hexdigit()))
    }) && parts.next().is_none()
}

/// What stands behind a word has to look more like an id: `page-2` and `log4j-v2` are names.
fn is_long_id(tail: &str) -> bool {
    let digits = tail.bytes().filter(u8::is_ascii_digit).count();
    let letters = tail.bytes().filter(u8::is_ascii_alphabetic).count();
    digits + letters == tail.len() && ((letters == 0 && digits >= 5) || (tail.len() >= 8 && digits > 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template(path: &str) -> String {
        Template::of(&Endpoint::parse(path).unwrap()).as_str().to_owned()
    }

    #[test]
    fn ids_go_and_names_stay() {
        for (path, expected) in [
            ("/users/42", "/users/{id}"),
            ("/users/42/orders/7/", "/users/{id}/orders/{id}/"),
            ("/v1/orders/0f8b3b7e-53c7-4bb5-9a3e-7e9d0f3a1c11", "/v1/orders/{id}"),
            ("/commits/deadbeef1", "/commits/{id}"),
            ("/objects/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/objects/{id}"),
            ("/customers/cus_9s6XKzkNRiz8i3", "/customers/{id}"),
            ("/api/clients/CL-hu43re9yqzmb93sv/rate-limit", "/api/clients/{id}/rate-limit"),
            ("/users/user-12345", "/users/{id}"),
            ("/users/ada@example.org", "/users/{id}"),
            ("/users/ada%40example.org", "/users/{id}"),
            ("/days/2026-01-31", "/days/{id}"),
            ("/hosts/192.0.2.1", "/hosts/{id}"),
            ("/invoices/2026-01-31.pdf", "/invoices/{id}.pdf"),
            ("/a//42", "/a//{id}"),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
        for name in [
            "/",
            "*",
            "/favicon.ico",
            "/style2.css",
            "/images/jordan-80.png",
            "/api/v1/items",
            "/api/1.0/items",
            "/oauth2/token",
            "/page-2",
            "/projects/xdotool/",
            "/blog/tags/puppet?flav=rss20",
            "/feedface",
            "/presentations/logstash-monitorama-2013/images/kibana-search.png",
            "/%00/x",
            "/ä/ö",
            "//favicon.ico",
        ] {
            assert_eq!(template(name), name.split('?').next().unwrap());
        }
    }

    #[test]
    fn templates_are_short() {
        let deep = template(&"/a".repeat(500));
        assert_eq!(deep, format!("{}/**", "/a".repeat(12)));
        assert_eq!(template(&format!("/{}", "x".repeat(49))), "/{id}");
    }

    proptest! {
        #[test]
        fn a_template_is_its_own_template_and_bounded(path in "(/[\\PC]{0,60}){0,20}") {
            prop_assume!(!path.is_empty());
            let Ok(endpoint) = Endpoint::parse(&path) else { return Ok(()) };
            let once = Template::of(&endpoint);
            let bound = (Template::MAX_SEGMENTS + 1) * (MAX_SEGMENT + 1) + 1;
            prop_assert!(once.as_str().len() <= bound, "{}", once.as_str());
            if let Ok(again) = Endpoint::parse(once.as_str()) {
                prop_assert_eq!(Template::of(&again), once);
            }
        }
    }
}
