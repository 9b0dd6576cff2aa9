//! Our own credentials in text that senders give us: API keys and JWTs.
//!
//! They end up in paths, user agents and error messages by mistake. Types that hold such text take them
//! out when they are made, so that none comes to rest anywhere, whichever way the text came in. This is
//! on the way of every event: one pass, linear in the text, and nothing is allocated where nothing is
//! found.

use std::borrow::Cow;
use std::ops::Range;

/// What stands in place of a secret. It has no character that JSON, headers or lines would escape.
pub const REDACTED: &str = "[redacted]";

/// Digits of a key's secret from which on it is one: too little of it left out to be safe.
const MIN_HEX: usize = 16;
/// The least that a JWT's first part has: `{"alg":` is ten characters.
const MIN_HEADER: usize = 10;
/// The least that its other parts have together; three dots after `eyJ` in a sentence have less.
const MIN_REST: usize = 8;

/// The text with every key and token in it replaced by [`REDACTED`]. Never longer than before.
pub fn redact(text: &str) -> Cow<'_, str> {
    let (mut key, mut jwt) = (find_key(text, 0), find_jwt(text, 0));
    if key.is_none() && jwt.is_none() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(found) = earlier(key.as_ref(), jwt.as_ref()) {
        clean.push_str(&text[done..found.start]);
        clean.push_str(REDACTED);
        done = found.end;
        // Only what was passed is looked for again: each part of the text is searched once for each.
        if key.as_ref().is_some_and(|key| key.start < done) {
            key = find_key(text, done);
        }
        if jwt.as_ref().is_some_and(|jwt| jwt.start < done) {
            jwt = find_jwt(text, done);
        }
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}

/// Whether a key or token is in the text.
pub fn holds_secret(text: &str) -> bool {
    find_key(text, 0).is_some() || find_jwt(text, 0).is_some()
}

fn earlier(one: Option<&Range<usize>>, other: Option<&Range<usize>>) -> Option<Range<usize>> {
    [one, other].into_iter().flatten().min_by_key(|found| found.start).cloned()
}

/// `atk_<12>_<64 hex>_<8 hex>` in either case, also with its end cut off. The underscore is the rarest
/// character of its beginning, so that is what is looked for.
fn find_key(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(underscore) = text.get(at..)?.find('_').map(|found| at + found) {
        at = underscore + 1;
        let Some(start) = underscore.checked_sub(3).filter(|start| *start >= from) else { continue };
        if !bytes[start..underscore].eq_ignore_ascii_case(b"atk") {
            continue;
        }
        let id = run(bytes, at, |b| b.is_ascii_alphanumeric(), 12);
        if id != at + 12 || bytes.get(id) != Some(&b'_') {
            continue;
        }
        let hex = run(bytes, id + 1, is_hex, usize::MAX);
        if hex - (id + 1) < MIN_HEX {
            continue;
        }
        let end = if bytes.get(hex) == Some(&b'_') { run(bytes, hex + 1, is_hex, usize::MAX) } else { hex };
        return Some(start..end);
    }
    None
}

/// Three or more parts in base64url, joined by dots, of which the first begins like a JSON object:
/// `eyJ`. Its capital is the rarest character of these, so that is what is looked for.
fn find_jwt(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(capital) = text.get(at..)?.find('J').map(|found| at + found) {
        at = capital + 1;
        let Some(start) = capital.checked_sub(2).filter(|start| *start >= from) else { continue };
        if bytes[start..capital] != *b"ey" {
            continue;
        }
        let header = run(bytes, at, is_base64url, usize::MAX);
        let payload = part(bytes, header);
        let Some(payload) = payload else {
            // Whatever begins in these characters has no dot behind them either.
            at = header;
            continue;
        };
        let Some(mut end) = part(bytes, payload) else {
            at = payload;
            continue;
        };
        if header - start < MIN_HEADER || end - header < MIN_REST + 2 {
            // Another may begin in the second part.
            at = header;
            continue;
        }
        // Encrypted ones have five parts.
        while let Some(more) = part(bytes, end) {
            end = more;
        }
        return Some(start..end);
    }
    None
}

/// The end of a part that begins with a dot at this place.
fn part(bytes: &[u8], dot: usize) -> Option<usize> {
    (bytes.get(dot) == Some(&b'.')).then(|| run(bytes, dot + 1, is_base64url, usize::MAX))
}

fn is_hex(b: u8) -> bool {
    b.is_ascii_hexdigit()
}

fn is_base64url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

/// The end of a run of such bytes, at most so many.
fn run(bytes: &[u8], from: usize, is_in: impl Fn(u8) -> bool, most: usize) -> usize {
    from + bytes[from..].iter().take(most).take_while(|b| is_in(**b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::ApiKey;
    use crate::port::Randomness;
    use proptest::prelude::*;

    struct Fixed(u8);
    impl Randomness for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    const JWT: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDTC0xIn0.c2lnbmF0dXJlLWMtMQ-_x";

    fn key(seed: u8) -> String {
        ApiKey::generate(&Fixed(seed)).1.reveal().to_owned()
    }

    #[test]
    fn keys_and_tokens_are_found_wherever_they_stand() {
        let key = key(7);
        for secret in [key.as_str(), JWT, &key.to_uppercase(), &key[..40]] {
            for (before, after) in
                [("", ""), ("/reset/", "/now"), ("a", " b"), ("{\"k\":\"\\n", "\"}"), ("ey_atk_", "\u{e4}")]
            {
                let text = format!("{before}{secret}{after}");
                assert_eq!(redact(&text), format!("{before}{REDACTED}{after}"));
                assert!(holds_secret(&text));
            }
        }
        assert_eq!(redact(&format!("{key},{JWT} {key}")), "[redacted],[redacted] [redacted]");
        let encrypted = format!("x {JWT}.YWJj.ZGVm y");
        assert_eq!(redact(&encrypted), "x [redacted] y");
    }

    #[test]
    fn ordinary_text_is_left_where_it_is() {
        for text in [
            "",
            "/v1/things/{id}",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36",
            "atk_",
            "atk_short_0123456789abcdef",
            "atk_abcdefghijkl_0123456789",
            "eyJ... and so on",
            "They.eyJob.is.done",
            "eyJ0eXAiOiJKV1Qi.no-second-dot",
            "eyeyJJJ_eyJ",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    /// A text made to be searched again and again from each of its places.
    #[test]
    fn the_search_is_linear() {
        // Hours, if it were quadratic.
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            search_long_texts();
            done.send(())
        });
        is_done.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
    }

    fn search_long_texts() {
        let key = key(1);
        for unit in ["eyJ", "eyJ.", "eyJabcdefghij.", "atk_abcdefghijkl_", "_", "J", "atk_", &key, JWT] {
            redact(&unit.repeat(2_000_000 / unit.len()));
        }
    }

    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<u8>().prop_map(key),
            Just(JWT.to_owned()),
            (0usize..90, any::<u8>()).prop_map(|(cut, seed)| key(seed)[cut..].to_owned()),
            (0usize..80).prop_map(|cut| JWT[..cut.min(JWT.len())].to_owned()),
            "[eyJatk_.0-9a-f-]{0,40}",
            "\\PC{0,10}",
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_secret_is_left_and_twice_is_once(
            text in texts(),
            seed in any::<u8>(),
            at in any::<prop::sample::Index>(),
        ) {
            let (key, place) = (key(seed), text.floor_char_boundary(at.index(text.len() + 1)));
            for secret in [key.as_str(), JWT] {
                let text = format!("{}{secret}{}", &text[..place], &text[place..]);
                let clean = redact(&text).into_owned();
                prop_assert!(!clean.contains(secret));
                prop_assert!(!holds_secret(&clean), "{} of {}", clean, text);
                prop_assert!(clean.len() <= text.len());
                prop_assert!(matches!(redact(&clean), Cow::Borrowed(_)));
            }
        }

        #[test]
        fn text_without_their_beginnings_is_unchanged(text in "[^_J]{0,200}") {
            prop_assert!(matches!(redact(&text), Cow::Borrowed(_)));
        }
    }
}
