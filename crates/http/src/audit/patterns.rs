//! Secrets that are known by their looks, in any text.
//!
//! Each search is linear in the text. What is put in their place looks like none of them.

use std::borrow::Cow;
use std::ops::Range;

use activity_domain::redact::{REDACTED, redact};

/// The text without keys, tokens, credentials in headers and addresses, private keys and card numbers.
pub fn clean(text: &str) -> Cow<'_, str> {
    let text = each(Cow::Borrowed(text), private_key);
    let text = each(text, credentials);
    let text = each(text, user_info);
    each_of_ours(each(text, card))
}

fn each_of_ours(text: Cow<'_, str>) -> Cow<'_, str> {
    match redact(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => Cow::Owned(clean),
    }
}

/// Replaces everything that a search finds, each find from the end of the one before.
fn each(text: Cow<'_, str>, find: impl Fn(&str, usize) -> Option<Range<usize>>) -> Cow<'_, str> {
    let Some(mut found) = find(&text, 0) else { return text };
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    loop {
        clean.push_str(&text[done..found.start]);
        clean.push_str(REDACTED);
        done = found.end;
        match find(&text, done) {
            Some(next) => found = next,
            None => break,
        }
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}

/// A PEM block of a private key, whole or with its end cut off.
fn private_key(text: &str, from: usize) -> Option<Range<usize>> {
    const BEGIN: &str = "-----BEGIN ";
    /// A label is shorter.
    const LABEL: usize = 40;
    let mut at = from;
    loop {
        let start = at + text.get(at..)?.find(BEGIN)?;
        let label = start + BEGIN.len();
        let line = &text[label..text.floor_char_boundary(label + LABEL)];
        if let Some(length) = line.find("PRIVATE KEY")
            && line[..length].bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ')
        {
            let body = label + length;
            let end = text[body..].find("-----END ").map_or(text.len(), |end| {
                let end = body + end + "-----END ".len();
                text[end..].find("-----").map_or(text.len(), |dashes| end + dashes + 5)
            });
            return Some(start..end);
        }
        at = label;
    }
}

/// What follows `Bearer` or `Basic`.
fn credentials(text: &str, from: usize) -> Option<Range<usize>> {
    const SCHEMES: [&[u8]; 2] = [b"bearer", b"basic"];
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        // A blank follows either, which is rarer than their first letter.
        let blank = at + text.get(at..)?.find([' ', '+'])?;
        at = blank + 1;
        let follows = SCHEMES.iter().any(|scheme| {
            let Some(start) = blank.checked_sub(scheme.len()).filter(|start| *start >= from) else {
                return false;
            };
            let is_word = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
            is_word && bytes[start..blank].eq_ignore_ascii_case(scheme)
        });
        if !follows {
            continue;
        }
        let start = at + bytes[at..].iter().take_while(|b| **b == b' ').count();
        let is_token = |b: &&u8| !b.is_ascii_whitespace() && !b"\"'<>,;:&()[]\\".contains(b);
        let length = bytes[start..].iter().take_while(is_token).count();
        let token = &bytes[start..start + length];
        if length > 0 && !is_prose(token) {
            return Some(start..start + length);
        }
    }
}

/// Whether it is a word of a sentence, such as "basic understanding", and its full stop.
fn is_prose(token: &[u8]) -> bool {
    let word = token.strip_suffix(b".").unwrap_or(token);
    let rest = word.get(1..).unwrap_or_default();
    word.first().is_some_and(u8::is_ascii_alphabetic) && rest.iter().all(u8::is_ascii_lowercase)
}

/// `user:password` in `https://user:password@host`; a user alone may be a token.
fn user_info(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let start = at + text.get(at..)?.find("://")? + 3;
        let ends = |b: &&u8| !matches!(b, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'\\' | 0..=b' ');
        let authority = &bytes[start..start + bytes[start..].iter().take_while(ends).count()];
        if let Some(length) = authority.iter().rposition(|b| *b == b'@').filter(|length| *length > 0) {
            return Some(start..start + length);
        }
        at = start;
    }
}

/// A card's number: 13 to 19 digits, perhaps in groups, that begin like those of a card and have the
/// right check digit.
fn card(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        if let Some(end) = card_at(bytes, at) {
            return Some(at..end);
        }
        // The next that may begin a number is the next group.
        at += bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    }
    None
}

/// The end of the longest card number that begins with this group of digits.
fn card_at(bytes: &[u8], start: usize) -> Option<usize> {
    // No network has others, and times in milliseconds and microseconds begin with 1.
    if !(b'2'..=b'6').contains(&bytes[start]) {
        return None;
    }
    let mut digits = Vec::with_capacity(19);
    let (mut at, mut end) = (start, None);
    loop {
        while let Some(digit) = bytes.get(at).filter(|b| b.is_ascii_digit()) {
            if digits.len() == 19 {
                return end;
            }
            digits.push(digit - b'0');
            at += 1;
        }
        if digits.len() >= 13 && has_check_digit(&digits) {
            end = Some(at);
        }
        let is_joint = matches!(bytes.get(at), Some(b' ' | b'-'));
        if !is_joint || !bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            return end;
        }
        at += 1;
    }
}

/// Luhn's formula.
fn has_check_digit(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit < 5 { digit * 2 } else { digit * 2 - 9 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| u32::from(if place % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_looks() {
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----";
        for (text, expected) in [
            ("bearer c4n4ry-1", "bearer [redacted]"),
            ("Authorization: Basic YTpi, x", "Authorization: Basic [redacted], x"),
            ("Bearer  abc.def-1 Bearer x2", "Bearer  [redacted] Bearer [redacted]"),
            ("postgres://u:p%40@db:5432/x", "postgres://[redacted]@db:5432/x"),
            ("see https://u:p@a/b and https://t@c", "see https://[redacted]@a/b and https://[redacted]@c"),
            ("card 4111 1111 1111 1111.", "card [redacted]."),
            ("4111-1111-1111-1111", "[redacted]"),
            ("n 12 378282246310005 7", "n 12 [redacted] 7"),
            ("{\"n\":6011000990139424}", "{\"n\":[redacted]}"),
            ("atk_abcdefghijkm_0123456789abcdef0123_0", "[redacted]"),
        ] {
            assert_eq!(clean(text), expected);
        }
        assert_eq!(clean(&format!("a {pem} b {pem}")), "a [redacted] b [redacted]");
        assert_eq!(clean(&pem[..40]), "[redacted]");
    }

    #[test]
    fn ordinary_text_is_left_where_it_is() {
        for text in [
            "the bearer of news has a basic understanding.",
            "Basic",
            "Bearer ",
            "https://api.example.org/a@b?c=d@e",
            "mail ada@example.org",
            "1764000000123456 and 1764000000123",
            "4111 1111 1111 1112",
            "41111111111111111111111111",
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
            "2026-03-10T12:00:00Z",
        ] {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn the_search_is_linear() {
        super::super::tests::in_time(|| {
            for unit in ["-----BEGIN ", "Bearer ", "://", "4 ", "4", "https://a", "basic+"] {
                clean(&unit.repeat(500_000 / unit.len()));
            }
        });
    }
}
