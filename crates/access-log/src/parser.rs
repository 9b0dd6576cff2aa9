//! From a line to an entry, in a format that is given or found out.

use activity_domain::error::Invalid;

use crate::clf::{self, Tail};
use crate::entry::Entry;
use crate::format::Format;
use crate::json;

/// Parses the lines of one log.
#[derive(Debug, Clone)]
pub struct Parser {
    format: Format,
}

impl Parser {
    /// A parser for this format. With [`Format::Auto`] the first line that can be read decides for
    /// all that follow, so that every file deserves a parser of its own.
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// The format; [`Format::Auto`] for as long as no line could be read.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Parses a line without its ending. The reason of a failure finishes the sentence "this line ...".
    pub fn parse(&mut self, line: &[u8]) -> Result<Entry, Invalid> {
        if self.format != Format::Auto {
            return parse_as(self.format, line);
        }
        let candidates: &[Format] = if json::looks_like_json(line) {
            &[Format::Json]
        } else {
            &[Format::Combined, Format::CombinedDuration, Format::Common]
        };
        let mut first_reason = None;
        for format in candidates {
            match parse_as(*format, line) {
                Ok(entry) => {
                    self.format = *format;
                    return Ok(entry);
                }
                Err(reason) => first_reason = first_reason.or(Some(reason)),
            }
        }
        Err(first_reason.unwrap_or_else(|| Invalid::new("is in no known format")))
    }
}

fn parse_as(format: Format, line: &[u8]) -> Result<Entry, Invalid> {
    match format {
        Format::Common => clf::parse(line, Tail::Common),
        // Auto has been resolved before; its lines are combined more often than anything else.
        Format::Combined | Format::Auto => clf::parse(line, Tail::Combined),
        Format::CombinedDuration => clf::parse(line, Tail::CombinedDuration),
        Format::Json => json::parse(line),
    }
}
