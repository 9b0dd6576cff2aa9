//! Secrets in text that go by a name: forms, query strings, headers, XML, and JSON that is cut off.
//!
//! What follows a sensitive name is replaced, as far as it may go. Where a text's form leaves that open,
//! rather too much is taken out than too little. A separator is looked for once, and names are bounded,
//! so that the search is linear.

use std::borrow::Cow;
use std::ops::Range;

use activity_domain::redact::REDACTED;

use super::names::is_sensitive;

/// How far a name is looked for before its separator.
const NAME: usize = 128;
/// Where text begins in XML that needs no escapes.
const CDATA: &str = "<![CDATA[";
/// How far a part's content is looked for behind its name.
const PART_HEADERS: usize = 512;

/// The text without what goes by a sensitive name, and without parameters whose encoded value holds a
/// secret, such as an address within an address.
pub fn clean(text: &str, holds_secret: impl Fn(&str) -> bool) -> Cow<'_, str> {
    let mut clean = String::new();
    let (mut done, mut at, mut decoded) = (0, 0, 0);
    let text_of = Text { text, is_form: is_form(text) };
    while let Some(separator) = text[at..].find(['=', ':', '>']).map(|found| at + found) {
        at = separator + 1;
        let secret = match text.as_bytes()[separator] {
            b'=' => text_of.parameter(done, separator),
            b':' => text_of.field(done, separator),
            _ => text_of.element(done, separator),
        };
        let secret = secret.or_else(|| {
            // Each value is decoded once, whatever separators are in it.
            let value = if separator < decoded { None } else { text_of.value(done, separator) }?;
            decoded = value.end;
            let is_encoded = text[value.clone()].contains('%');
            (is_encoded && holds_secret(&decoded_value(&text[value.clone()]))).then_some(value)
        });
        if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
            clean.push_str(&text[done..secret.start]);
            clean.push_str(REDACTED);
            (done, at) = (secret.end, secret.end);
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}

/// Whether it begins like `name=value`: then values end at `&` and lines, and nowhere else.
fn is_form(text: &str) -> bool {
    let name = text.split('=').next().unwrap_or_default();
    !name.is_empty() && name.len() < text.len() && name.bytes().all(is_of_name)
}

fn is_of_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_-.[]%$@".contains(&b) || !b.is_ascii()
}

/// A name that was written with percent signs.
fn decoded(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    let pair = form_urlencoded::parse(name.as_bytes()).next();
    pair.map_or(Cow::Borrowed(name), |(name, _)| Cow::Owned(name.into_owned()))
}

/// A value that was written with percent signs. In front of it goes what a form has there, so that it
/// is taken for a value and not for a form.
fn decoded_value(value: &str) -> String {
    let form = format!("={value}");
    form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

struct Text<'a> {
    text: &'a str,
    is_form: bool,
}

impl Text<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The name that ends at a separator, and whether it is in quotes.
    fn name(&self, from: usize, separator: usize) -> (Cow<'_, str>, bool) {
        let (name, is_quoted) = self.place_of_name(from, separator);
        (decoded(self.text.get(name).unwrap_or_default()), is_quoted)
    }

    fn place_of_name(&self, from: usize, separator: usize) -> (Range<usize>, bool) {
        let bytes = self.bytes();
        let from = from.max(separator.saturating_sub(NAME));
        let back = |end: usize, is_in: &dyn Fn(u8) -> bool| {
            end - bytes[from..end].iter().rev().take_while(|b| is_in(**b)).count()
        };
        let behind = back(separator, &|b| b.is_ascii_whitespace());
        let quotes = back(behind, &|b| matches!(b, b'"' | b'\''));
        let end = back(quotes, &|b| b == b'\\');
        let start = self.text.ceil_char_boundary(back(end, &is_of_name));
        (start..end, quotes < behind)
    }

    /// Whether the name before an equals sign stands in an address, where a value may have commas in it.
    fn is_query(&self, from: usize, separator: usize) -> bool {
        let (name, _) = self.place_of_name(from, separator);
        let before = name.start.checked_sub(1).and_then(|before| self.bytes().get(before));
        name.end == separator && matches!(before, Some(b'?' | b'&'))
    }

    /// `name=value`
    fn parameter(&self, from: usize, separator: usize) -> Option<Range<usize>> {
        let (name, _) = self.name(from, separator);
        let start = separator + 1;
        if is_sensitive(&name) {
            if let Some(quoted) = self.quoted(start) {
                return Some(quoted);
            }
            return self.value(from, separator);
        }
        if name == "name" { self.part(start) } else { None }
    }

    /// What is behind an equals sign.
    fn value(&self, from: usize, separator: usize) -> Option<Range<usize>> {
        if self.bytes()[separator] != b'=' {
            return None;
        }
        let others: &[u8] = match self.is_form {
            true => b"",
            false if self.is_query(from, separator) => b" \t\x0c\"'<>",
            false => b" \t\x0c\"'<>;,\\",
        };
        let ends = |b: &u8| matches!(b, b'&' | b'\r' | b'\n') || others.contains(b);
        let start = separator + 1;
        let end = self.until(start, ends);
        // Those before a quote belong to it.
        Some(start..start + self.text[start..end].trim_end_matches('\\').len())
    }

    /// The content of a part of a multipart form, whose name begins here.
    fn part(&self, start: usize) -> Option<Range<usize>> {
        // A longer one is none, and looking for its end from each place would take long.
        let near = self.text.floor_char_boundary(start + NAME);
        let name = Text { text: &self.text[..near], ..*self }.quoted(start)?;
        if !is_sensitive(&self.text[name.clone()]) {
            return None;
        }
        let near = self.text.floor_char_boundary(name.end + PART_HEADERS);
        let headers = &self.text[name.end..near];
        let blank = [("\r\n\r\n", 4), ("\n\n", 2)].into_iter();
        let begin =
            blank.filter_map(|(line, length)| headers.find(line).map(|found| found + length)).min()?;
        let content = name.end + begin;
        let end = self.text[content..].find("\n--").map_or(self.text.len(), |found| content + found);
        let end = if self.text[content..end].ends_with('\r') { end - 1 } else { end };
        Some(content..end)
    }

    /// `Name: value`, and `"name": value` of JSON that could not be read as such.
    fn field(&self, from: usize, separator: usize) -> Option<Range<usize>> {
        let bytes = self.bytes();
        let (name, is_quoted) = self.name(from, separator);
        let is_path =
            bytes.get(separator + 1) == Some(&b':') || separator > 0 && bytes[separator - 1] == b':';
        if is_path || !is_sensitive(&name) {
            return None;
        }
        let blanks: &[u8] = if is_quoted { b" \t\r\n" } else { b" \t" };
        let start = self.until(separator + 1, |b| !blanks.contains(b));
        if let Some(quoted) = self.quoted(start) {
            return Some(quoted);
        }
        if !is_quoted {
            return Some(start..self.until(start, |b| matches!(b, b'\r' | b'\n')));
        }
        match bytes.get(start)? {
            // Where it ends cannot be told.
            b'{' | b'[' if !self.text[start..].starts_with(REDACTED) => Some(start..self.text.len()),
            b'{' | b'[' => Some(start..start + REDACTED.len()),
            _ => {
                let end = self.until(start, |b| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace());
                let is_plain = matches!(&self.text[start..end], "null" | "true" | "false");
                (!is_plain).then_some(start..end)
            }
        }
    }

    /// `<name>value</name>`
    fn element(&self, from: usize, separator: usize) -> Option<Range<usize>> {
        let from = self.text.ceil_char_boundary(from.max(separator.saturating_sub(NAME)));
        let tag = &self.text[from..separator];
        let tag = &tag[tag.rfind('<')? + 1..];
        if tag.starts_with('/') || tag.ends_with('/') {
            return None;
        }
        let name = tag.split(|c: char| c.is_ascii_whitespace()).next()?;
        let name = name.rsplit(':').next()?;
        if !is_sensitive(name) {
            return None;
        }
        let start = separator + 1;
        if self.text[start..].starts_with(CDATA) {
            let start = start + CDATA.len();
            return Some(start..self.text[start..].find("]]>").map_or(self.text.len(), |end| start + end));
        }
        let end = self.until(start, |b| *b == b'<');
        (!self.text[start..end].trim().is_empty()).then_some(start..end)
    }

    /// What is between the quotes that begin here; up to the end where they are not closed. Quotes
    /// inside have more backslashes before them.
    fn quoted(&self, start: usize) -> Option<Range<usize>> {
        let bytes = self.bytes();
        let open = self.until(start, |b| *b != b'\\');
        let depth = open - start;
        let quote = *bytes.get(open).filter(|b| matches!(b, b'"' | b'\''))?;
        let mut slashes = 0;
        for (place, b) in bytes.iter().enumerate().skip(open + 1) {
            if *b == quote && (slashes == depth || depth == 0 && slashes % 2 == 0) {
                return Some(open + 1..place - depth);
            }
            slashes = if *b == b'\\' { slashes + 1 } else { 0 };
        }
        Some(open + 1..bytes.len())
    }

    /// The first place from here on where such a byte is, or the end. Such bytes are ASCII.
    fn until(&self, start: usize, is_end: impl Fn(&u8) -> bool) -> usize {
        let rest = self.bytes().get(start..).unwrap_or_default();
        start + rest.iter().position(is_end).unwrap_or(rest.len())
    }
}
