//! Cuts a line of the common formats into its fields.

use activity_domain::error::Invalid;
use activity_domain::time::Timestamp;

use crate::time;

/// Longer than any time in brackets: a bound on the search for its end.
const MAX_TIME_BYTES: usize = 48;

/// The fields of a line that have not been read yet. Names are for the reasons of rejection.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn new(line: &'a [u8]) -> Self {
        Self(line)
    }

    /// A field that ends with a space.
    pub(crate) fn bare(&mut self, name: &str) -> Result<&'a [u8], Invalid> {
        let end = self.0.iter().position(|b| *b == b' ').unwrap_or(self.0.len());
        if end == 0 {
            return Err(Invalid::new(format!("ends before the {name}")));
        }
        Ok(self.take(end))
    }

    /// A field in double quotes, without them. A quote after a backslash does not end it.
    pub(crate) fn quoted(&mut self, name: &str) -> Result<&'a [u8], Invalid> {
        let Some((b'"', text)) = self.0.split_first() else {
            return Err(Invalid::new(format!("has no {name} in quotes")));
        };
        let Some(end) = closing_quote(text) else {
            return Err(Invalid::new(format!("has a {name} without a closing quote")));
        };
        if !matches!(text.get(end + 1), None | Some(b' ')) {
            return Err(Invalid::new(format!("has a {name} with a quote in its middle")));
        }
        self.0 = text;
        let value = self.take(end + 1);
        Ok(&value[..end])
    }

    /// User and time together: a user may have spaces and brackets in its name, so that only the
    /// time itself tells where the name ends.
    pub(crate) fn user_and_time(&mut self) -> Result<(&'a [u8], Timestamp), Invalid> {
        let line = self.0;
        let mut first_reason = None;
        for at in (0..line.len()).filter(|at| line[*at] == b'[' && (*at == 0 || line[at - 1] == b' ')) {
            let text = &line[at + 1..line.len().min(at + 1 + MAX_TIME_BYTES)];
            let Some(end) = text.iter().position(|b| *b == b']') else { continue };
            match time::common(&text[..end]) {
                Ok(time) => {
                    self.take(at + 1 + end + 1);
                    return Ok((line[..at].trim_ascii(), time));
                }
                Err(reason) => first_reason = first_reason.or(Some(reason)),
            }
        }
        Err(first_reason.unwrap_or_else(|| Invalid::new("has no time in brackets")))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn starts_quoted(&self) -> bool {
        self.0.starts_with(b"\"")
    }

    fn take(&mut self, end: usize) -> &'a [u8] {
        let (value, rest) = self.0.split_at(end);
        self.0 = rest.trim_ascii_start();
        value
    }
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
