//! The least of HTTP: whether somebody answers, and what.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// The time for connecting, and for each read.
const PATIENCE: Duration = Duration::from_secs(5);
/// No answer that is asked for here is as long.
const LONGEST: u64 = 1 << 20;

/// Status and body of an answer from this machine, the body as JSON where it is that. Nothing without an answer.
pub fn get(port: u16, path: &str) -> Option<(u16, Value)> {
    ask(port, &format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"))
}

/// The same for a request with a body, which is JSON.
pub fn post(port: u16, path: &str, body: &Value) -> Option<(u16, Value)> {
    let body = body.to_string();
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    ask(port, &format!("POST {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n{headers}\r\n\r\n{body}"))
}

fn ask(port: u16, request: &str) -> Option<(u16, Value)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // The older version, so that the body comes in one piece and the connection ends with it.
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}
