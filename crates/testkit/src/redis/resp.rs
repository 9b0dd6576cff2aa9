//! Commands of Redis over a connection of their own, so that the kit needs no driver.

use std::{
    io::{self, BufRead, BufReader, Read, Write as _},
    net::TcpStream,
    time::Duration,
};

use super::RedisAddress;

/// How long an answer may take: a frozen server gives none.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs a command. Returns the answer, or why there is none.
pub(super) fn run(address: &RedisAddress, command: &[&str]) -> Result<String, String> {
    within(PATIENCE, address, command)
}

/// The same with less patience.
pub(super) fn within(patience: Duration, address: &RedisAddress, command: &[&str]) -> Result<String, String> {
    let asked = ask(patience, address, command);
    asked.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(format!("no answer within {patience:?}")),
        _ => Err(error.to_string()),
    })
}

/// A connection that tells all commands of the server from now on, a line for each.
pub(super) fn monitor(address: &RedisAddress) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect((address.host, address.port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let auth = encode(&["AUTH", &address.user, &address.password]);
    stream.write_all(&[auth, encode(&["MONITOR"])].concat())?;
    // Byte by byte, so that nothing of what follows is taken.
    let mut reader = BufReader::with_capacity(1, &stream);
    for _ in 0..2 {
        answer(&mut reader)?.map_err(io::Error::other)?;
    }
    stream.set_read_timeout(None)?;
    Ok(stream)
}

fn ask(patience: Duration, address: &RedisAddress, command: &[&str]) -> io::Result<Result<String, String>> {
    let stream = TcpStream::connect((address.host, address.port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut stream = BufReader::new(stream);
    let auth = encode(&["AUTH", &address.user, &address.password]);
    stream.get_mut().write_all(&[auth, encode(command)].concat())?;
    if let Err(refused) = answer(&mut stream)? {
        return Ok(Err(refused));
    }
    answer(&mut stream)
}

fn encode(command: &[&str]) -> Vec<u8> {
    let part = |part: &&str| format!("${}\r\n{part}\r\n", part.len());
    let parts: String = command.iter().map(part).collect();
    format!("*{}\r\n{parts}", command.len()).into_bytes()
}

/// One answer of RESP 2; the error is the server's.
fn answer(from: &mut impl BufRead) -> io::Result<Result<String, String>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let (kind, rest) = line.trim_end().split_at_checked(1).unwrap_or_default();
    match kind {
        "+" | ":" => Ok(Ok(rest.to_owned())),
        "-" => Ok(Err(rest.to_owned())),
        "$" => Ok(Ok(bulk(from, rest)?)),
        "*" => {
            let mut lines = Vec::new();
            for _ in 0..number(rest)?.unwrap_or(0) {
                lines.push(answer(from)?.unwrap_or_else(|error| error));
            }
            Ok(Ok(lines.join("\n")))
        }
        _ => Err(io::Error::other(format!("no answer of Redis: {line}"))),
    }
}

/// A text of so many bytes; less than none is no text.
fn bulk(from: &mut impl Read, length: &str) -> io::Result<String> {
    let Some(length) = number(length)? else { return Ok(String::new()) };
    let mut bytes = vec![0; length + 2];
    from.read_exact(&mut bytes)?;
    bytes.truncate(length);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn number(text: &str) -> io::Result<Option<usize>> {
    let number: i64 = text.parse().map_err(io::Error::other)?;
    Ok(usize::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_answer_is_text() {
        let read = |bytes: &str| answer(&mut BufReader::new(bytes.as_bytes())).unwrap();
        assert_eq!(read("+OK\r\n"), Ok("OK".to_owned()));
        assert_eq!(read(":-7\r\n"), Ok("-7".to_owned()));
        assert_eq!(read("$4\r\na\r\nb\r\n"), Ok("a\r\nb".to_owned()));
        assert_eq!(read("$-1\r\n"), Ok(String::new()));
        assert_eq!(read("*3\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n$-1\r\n"), Ok("a\n1\n2\n".to_owned()));
        assert_eq!(read("-ERR no\r\n"), Err("ERR no".to_owned()));
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        for bytes in ["", "$9\r\nshort", "*2\r\n:1\r\n", "?\r\n"] {
            assert!(answer(&mut BufReader::new(bytes.as_bytes())).is_err(), "{bytes:?}");
        }
    }
}
