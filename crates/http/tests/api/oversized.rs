//! Too much of anything: bodies, nesting, headers, names, and requests at one time.

use std::io::Write;
use std::time::Duration;

use flate2::write::GzEncoder;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{App, Registered, event, expect};

const MIB: usize = 1 << 20;

fn logs(app: &App, by: &Registered) -> RequestBuilder {
    app.request("POST", "/api/logs").header("x-api-key", &by.key).header("content-type", "application/json")
}

/// An event behind so many blanks.
fn padded(length: usize) -> Vec<u8> {
    let mut body = vec![b' '; length];
    body.extend_from_slice(event().to_string().as_bytes());
    body
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn chunked(body: &[u8]) -> reqwest::Body {
    let chunks: Vec<_> = body.chunks(50_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
}

#[tokio::test]
async fn megabytes_of_brackets_and_a_million_items_are_refused() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let million = format!("[{}0]", "0,".repeat(1_000_000));
    let cases = [
        ("[".repeat(10 * MIB), StatusCode::BAD_REQUEST),
        (format!("[{}", "{\"a\":".repeat(MIB)), StatusCode::BAD_REQUEST),
        ("{\"a\":".repeat(MIB), StatusCode::UNPROCESSABLE_ENTITY),
        (format!("[{}0{}]", "[".repeat(1_000), "]".repeat(1_000)), StatusCode::UNPROCESSABLE_ENTITY),
        // A bracket in a text is none.
        (format!("[\"{}\\\"\"]", "[".repeat(MIB)), StatusCode::UNPROCESSABLE_ENTITY),
        (million.clone(), StatusCode::PAYLOAD_TOO_LARGE),
        // What follows the first that is too many is not even looked at.
        (million.replace("0]", "nonsense"), StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (body, status) in cases {
        expect(logs(&app, &ada).body(body).send().await.unwrap(), status).await;
    }
    let packed = logs(&app, &ada).header("content-encoding", "gzip").body(gzip(million.as_bytes()));
    expect(packed.send().await.unwrap(), StatusCode::PAYLOAD_TOO_LARGE).await;
    assert!(app.store.rows().await.is_empty());
}

#[tokio::test]
async fn packed_bodies_have_to_be_whole() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let body = json!(vec![event(); 500]).to_string().into_bytes();
    let (left, right) = body.split_at(body.len() / 2);
    let (gz, zst) = (gzip(&body), zstd::encode_all(&body[..], 19).unwrap());
    let mut wide = zstd::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(24).unwrap();
    wide.write_all(&body).unwrap();
    let both = |a: Vec<u8>, b: Vec<u8>| [a, b].concat();
    let halves = (zstd::encode_all(left, 1).unwrap(), zstd::encode_all(right, 1).unwrap());
    let good = [
        ("gzip", gz.clone()),
        ("gzip", both(gzip(left), gzip(right))),
        ("zstd", zst.clone()),
        ("zstd", both(halves.0.clone(), halves.1)),
        ("ZSTD", zst.clone()),
    ];
    for (encoding, body) in good {
        let request = logs(&app, &ada).header("content-encoding", encoding);
        // In chunks, so that frames are cut anywhere.
        let answer = request.body(chunked(&body)).send().await.unwrap();
        assert_eq!(expect(answer, StatusCode::ACCEPTED).await["accepted"], 500);
        let path = format!("/api/clients/{}/rate-limit", ada.id);
        let reset = app.request("DELETE", &path).header("x-api-key", &app.admin_key);
        expect(reset.send().await.unwrap(), StatusCode::NO_CONTENT).await;
    }
    let blanks = zstd::encode_all(&b"          "[..], 1).unwrap();
    let mut broken = gz.clone();
    let middle = broken.len() / 2;
    broken[middle] ^= 0x55;
    let bad = [
        ("gzip", Vec::new()),
        ("gzip", gz[..gz.len() - 1].to_vec()),
        ("gzip", gz[..gz.len() / 2].to_vec()),
        ("gzip", broken),
        ("gzip", both(gz, b"more".to_vec())),
        ("zstd", Vec::new()),
        ("zstd", zst[..zst.len() - 1].to_vec()),
        ("zstd", halves.0),
        // Whole events before a frame that is not.
        ("zstd", both(zst.clone(), blanks[..blanks.len() - 1].to_vec())),
        ("zstd", both(zst, b"more".to_vec())),
        ("zstd", wide.finish().unwrap()),
    ];
    for (encoding, body) in bad {
        let answer = logs(&app, &ada).header("content-encoding", encoding).body(body).send().await.unwrap();
        expect(answer, StatusCode::BAD_REQUEST).await;
    }
    assert_eq!(app.store.rows().await.len(), 5 * 500);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_bounded_like_any_other() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    for length in [3, 3 * MIB, 9 * MIB] {
        let answer = logs(&app, &ada).body(chunked(&padded(length))).send().await.unwrap();
        expect(answer, StatusCode::ACCEPTED).await;
    }
    for body in [chunked(&padded(10 * MIB)), padded(10 * MIB).into(), padded(30 * MIB).into()] {
        let answer = logs(&app, &ada).body(body).send().await.unwrap();
        expect(answer, StatusCode::PAYLOAD_TOO_LARGE).await;
    }
    assert_eq!(app.store.rows().await.len(), 3);
}

#[tokio::test]
async fn answers_do_not_repeat_what_is_long() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let long = "x".repeat(500_000);
    let mut bodies: Vec<String> = ["endpoint", "userAgent", "errorMessage"]
        .map(|field| format!("{{\"{field}\":{{\"{long}\":1}}}}"))
        .into();
    bodies.push(format!("{{\"{long}\":1}}"));
    bodies.push(format!("{{\"statusCode\":\"{long}\"}}"));
    bodies.push(format!("[{{\"{long}\":1}},{{\"timestamp\":\"{long}\"}}]"));
    bodies.push(format!("{{\"endpoint\":\"{}\"}}", "x".repeat(2 * MIB)));
    for body in bodies {
        let text = logs(&app, &ada).body(body).send().await.unwrap().text().await.unwrap();
        assert!(text.len() < 2_000, "{} bytes", text.len());
    }
    let query = format!("/api/usage/daily?{}=1", &long[..5_000]);
    let answer = app.get(&query, &ada.key).send().await.unwrap();
    let problem = expect(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(problem.to_string().len() < 2_000);

    let name = "y".repeat(900);
    let items = vec![format!("{{\"{name}\":1}}"); 9_999].join(",");
    let answer = logs(&app, &ada).body(format!("[{items},{}]", event())).send().await.unwrap();
    let answer = expect(answer, StatusCode::ACCEPTED).await;
    assert_eq!(answer["rejected"].as_array().unwrap().len(), 9_999);
    assert!(answer.to_string().len() < 3 * MIB);
}

#[tokio::test]
async fn long_headers_and_targets_are_problems() {
    let app = App::start();
    let get = |path: &str| app.request("GET", path);
    let long = "h".repeat(40_000);
    for request in [get("/livez").header("x-long", &long), get("/nope").header("x-api-key", &long)] {
        expect(request.send().await.unwrap(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE).await;
    }
    let many = (0..80).fold(get("/livez"), |request, n| request.header(format!("x-{n}"), "v".repeat(500)));
    expect(many.send().await.unwrap(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE).await;
    for path in [format!("/{}", "a".repeat(9_000)), format!("/livez?{}", "a=1&".repeat(3_000))] {
        expect(get(&path).send().await.unwrap(), StatusCode::URI_TOO_LONG).await;
    }
    let most = (0..80).fold(get("/livez"), |request, n| request.header(format!("x-{n}"), "v"));
    expect(most.send().await.unwrap(), StatusCode::OK).await;
}

/// What actix cannot read it answers by itself, in a status without a body; the server goes on.
#[tokio::test]
async fn what_is_no_request_is_answered_and_the_server_goes_on() {
    let app = App::start();
    let long = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "h".repeat(200_000));
    let many = format!("GET /livez HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(200));
    let target = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000));
    let cases: [(&[u8], u16); 11] = [
        (b"NONSENSE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"POST /api/logs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (
            b"POST /api/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (many.as_bytes(), 431),
        (target.as_bytes(), 400),
        (long.as_bytes(), 431),
    ];
    for (bytes, status) in cases {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
        // The server may hang up while the rest is on its way.
        let _ = stream.write_all(bytes).await;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{shown}");
        expect(app.request("GET", "/livez").send().await.unwrap(), StatusCode::OK).await;
    }
}

/// A connection that promises a large body and keeps it to itself.
async fn promise(app: &App, by: &Registered, length: usize) -> TcpStream {
    promise_in(app, by, length, "identity").await
}

async fn promise_in(app: &App, by: &Registered, length: usize, encoding: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/logs HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/json\r\n\
         Content-Encoding: {encoding}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
        by.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server says so once it has begun to wait for the body.
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// A connection that sends all of a large body but its end.
async fn almost(app: &App, by: &Registered, length: usize) -> TcpStream {
    let mut stream = promise(app, by, length).await;
    stream.write_all(&vec![b' '; length - 1]).await.unwrap();
    stream
}

/// Sends until this is the answer.
async fn until(status: StatusCode, send: impl AsyncFn() -> Response) -> Response {
    let sending = async {
        loop {
            let answer = send().await;
            if answer.status() == status {
                return answer;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), sending).await.unwrap()
}

#[tokio::test]
async fn one_callers_bodies_take_a_quarter_of_the_memory() {
    let app = App::start();
    let (ada, bob) = (app.register("ada", None).await, app.register("bob", None).await);
    let send = async |by: &Registered| logs(&app, by).body(padded(8 * MIB)).send().await.unwrap();
    let held = almost(&app, &ada, 10 * MIB).await;
    let answer = until(StatusCode::TOO_MANY_REQUESTS, async || send(&ada).await).await;
    assert_eq!(answer.headers()["retry-after"], "1");
    expect(answer, StatusCode::TOO_MANY_REQUESTS).await;
    // Small ones pass, and so do others'.
    let small = logs(&app, &ada).body(padded(50_000)).send().await.unwrap();
    expect(small, StatusCode::ACCEPTED).await;
    expect(send(&bob).await, StatusCode::ACCEPTED).await;
    drop(held);
    expect(until(StatusCode::ACCEPTED, async || send(&ada).await).await, StatusCode::ACCEPTED).await;
}

#[tokio::test]
async fn all_bodies_together_have_a_bound() {
    let app = App::start();
    let mut held = Vec::new();
    for n in 0..6 {
        let by = app.register(&format!("c{n}"), None).await;
        held.push(almost(&app, &by, 10 * MIB).await);
    }
    let late = app.register("late", None).await;
    let send = async || logs(&app, &late).body(padded(8 * MIB)).send().await.unwrap();
    let answer = until(StatusCode::SERVICE_UNAVAILABLE, send).await;
    assert_eq!(answer.headers()["retry-after"], "1");
    expect(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    let small = logs(&app, &late).body(padded(50_000)).send().await.unwrap();
    expect(small, StatusCode::ACCEPTED).await;
    drop(held);
    expect(until(StatusCode::ACCEPTED, send).await, StatusCode::ACCEPTED).await;
}

/// Who says that a large body comes and sends none of it keeps nobody out.
#[tokio::test]
async fn promises_take_no_memory() {
    let app = App::start();
    let mut idle = Vec::new();
    for n in 0..8 {
        let by = app.register(&format!("c{n}"), None).await;
        idle.push(promise(&app, &by, 10 * MIB).await);
    }
    let late = app.register("late", None).await;
    let answer = logs(&app, &late).body(padded(8 * MIB)).send().await.unwrap();
    expect(answer, StatusCode::ACCEPTED).await;
}

/// A packed body that does not go on has a decoder, which is counted though nothing is decoded yet.
#[tokio::test]
async fn decoders_take_memory() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let mut held = Vec::new();
    for n in 0..64 {
        let encoding = ["gzip", "zstd"][n % 2];
        held.push(promise_in(&app, &ada, 100, encoding).await);
    }
    let packed = async || {
        let request = logs(&app, &ada).header("content-encoding", "gzip");
        request.body(gzip(event().to_string().as_bytes())).send().await.unwrap()
    };
    // The last of them may still be at finding out whose it is.
    let refused = until(StatusCode::TOO_MANY_REQUESTS, packed).await;
    expect(refused, StatusCode::TOO_MANY_REQUESTS).await;
    let plain = logs(&app, &ada).body(event().to_string()).send().await.unwrap();
    expect(plain, StatusCode::ACCEPTED).await;
    drop(held);
    expect(until(StatusCode::ACCEPTED, packed).await, StatusCode::ACCEPTED).await;
}

/// Whoever is not known gets his answer at once, however slowly he sends.
#[tokio::test]
async fn strangers_bodies_are_not_read() {
    let app = App::start();
    let nobody = Registered { id: String::new(), key: "k".repeat(40), token: String::new() };
    let mut stream = promise(&app, &nobody, 10 * MIB).await;
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
}
