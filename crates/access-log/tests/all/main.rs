//! The crate as its users see it.

#[cfg(test)]
mod common_formats;
#[cfg(test)]
mod json_lines;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod line_reader;
#[cfg(test)]
mod made_log;
#[cfg(test)]
mod real_log;
#[cfg(test)]
mod sources;

#[cfg(test)]
use activity_access_log::{Entry, Format, Parser};

#[cfg(test)]
fn parse(format: Format, line: &[u8]) -> Result<Entry, String> {
    Parser::new(format).parse(line).map_err(|reason| reason.0)
}
