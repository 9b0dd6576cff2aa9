//! JSON as nginx, Caddy and Apache write it.

use activity_access_log::{Entry, Format};

use crate::parse;

fn json(line: &str) -> Entry {
    parse(Format::Json, line.as_bytes()).unwrap()
}

fn micros(entry: &Entry) -> Option<u64> {
    entry.response_time.map(activity_domain::activity::ResponseTime::as_micros)
}

#[test]
fn nginx_with_everything_in_quotes() {
    let entry = json(
        r#"{"time_local":"31/Jan/2026:13:00:00 +0100","remote_addr":"192.0.2.7","remote_user":"",
        "request":"POST /a\u002Fb?c=d HTTP/1.1","status":"201","body_bytes_sent":"512","bytes_sent":"900",
        "request_time":"0.123","http_referer":"","http_user_agent":"say \"hi\"","host":"shop.example"}"#,
    );
    assert_eq!((entry.host.as_str(), entry.user.as_deref()), ("192.0.2.7", None));
    assert_eq!(entry.at.to_string(), "2026-01-31T12:00:00Z");
    assert_eq!((entry.method.as_str(), entry.endpoint.as_str()), ("POST", "/a/b"));
    assert_eq!((entry.status.stored(), entry.response_bytes), (201, Some(512)));
    assert_eq!(entry.user_agent.as_ref().unwrap().as_str(), "say \"hi\"");
    assert_eq!(micros(&entry), Some(123_000));
}

#[test]
fn nginx_with_numbers_and_separate_parts() {
    let entry = json(
        r#"{"msec":1769860800.123,"time_iso8601":"2026-01-31T12:00:00+00:00","remote_addr":"2001:db8::1",
        "remote_user":"ada","request_method":"GET","uri":"/index.php","request_uri":"/a?b","status":404,
        "body_bytes_sent":0,"request_time":2.000,"http_user_agent":"-"}"#,
    );
    assert_eq!(entry.at.to_string(), "2026-01-31T12:00:00.123Z");
    assert_eq!((entry.user.as_deref(), entry.user_agent.as_ref()), (Some("ada"), None));
    assert_eq!(entry.endpoint.as_str(), "/a");
    assert_eq!((entry.response_bytes, micros(&entry)), (Some(0), Some(2_000_000)));
}

#[test]
fn caddy() {
    let entry = json(
        r#"{"level":"info","ts":1769860800.5,"logger":"http.log.access","msg":"handled request","request":{
        "remote_ip":"10.0.0.1","remote_port":"4711","client_ip":"192.0.2.7","proto":"HTTP/2.0","method":"GET",
        "host":"shop.example","uri":"/a?b=c","headers":{"Accept":["*/*"],"Client-Ip":["6.6.6.6"],
        "Status":["999"],"User-Agent":["curl/8.5.0","second"]},"tls":{"resumed":false,"version":772}},
        "bytes_read":0,"user_id":"","duration":1,"size":10900,"status":200,
        "resp_headers":{"Server":["Caddy"],"Status":["x"]}}"#,
    );
    assert_eq!((entry.host.as_str(), entry.user.as_deref()), ("192.0.2.7", None));
    assert_eq!(entry.at.to_string(), "2026-01-31T12:00:00.5Z");
    assert_eq!((entry.method.as_str(), entry.endpoint.as_str()), ("GET", "/a"));
    assert_eq!((entry.status.stored(), entry.response_bytes), (200, Some(10_900)));
    assert_eq!(entry.user_agent.as_ref().unwrap().as_str(), "curl/8.5.0");
    assert_eq!(micros(&entry), Some(1_000_000), "always seconds");
}

#[test]
fn apache() {
    let entry = json(
        r#"{"time":"[31/Jan/2026:12:00:00 +0000]","remoteIP":"192.0.2.7","host":"shop.example",
        "request":"/a/b","query":"?c=d","method":"PUT","status":"204","userAgent":"curl","size":"-","duration":"1234"}"#,
    );
    assert_eq!((entry.method.as_str(), entry.endpoint.as_str()), ("PUT", "/a/b"));
    assert_eq!((entry.response_bytes, micros(&entry)), (None, Some(1_234)), "%D is microseconds");
    let strftime =
        r#"{"time":"2026-01-31T12:00:00+0000","remote_addr":"::1","method":"GET","path":"/","status":200}"#;
    assert_eq!(json(strftime).at, entry.at);
}

#[test]
fn names_that_repeat_or_lead_elsewhere_do_no_harm() {
    let entry = json(
        r#"{"ip":"192.0.2.1","remote_addr":"192.0.2.2","remote_addr":"192.0.2.3","ts":1,"method":"GET","path":"/",
        "status":200,"agent":{"a":[1,{}]},"size":null,"user":true,"a_name_longer_than_any_that_is_known":[[]]}"#,
    );
    assert_eq!((entry.host.as_str(), entry.user_agent, entry.user), ("192.0.2.2", None, None));
}

#[test]
fn an_agent_that_is_not_utf_8_is_kept() {
    let line =
        b"{\"ip\":\"::1\",\"ts\":1,\"method\":\"GET\",\"path\":\"/\",\"status\":200,\"agent\":\"a\xff\"}";
    assert_eq!(parse(Format::Json, line).unwrap().user_agent.unwrap().as_str(), "a\u{fffd}");
}

#[test]
fn lines_are_rejected_with_a_reason() {
    let line = |rest: &str| format!(r#"{{"ip":"::1","ts":1,"method":"GET","path":"/","status":200{rest}}}"#);
    assert!(parse(Format::Json, line("").as_bytes()).is_ok());
    let reason = |line: &str| parse(Format::Json, line.as_bytes()).unwrap_err();
    for (line, expected) in [
        ("nonsense".to_owned(), "is not a JSON object"),
        ("{}".to_owned(), "has no caller (remote_addr)"),
        (line("").replace("ts", "x"), "has no time (time_iso8601, msec or ts)"),
        (line("").replace("path", "x"), "has no request (request, or request_method and request_uri)"),
        (line("").replace("200", "\"\""), "has a wrong status: it must be between 100 and 599"),
        (line(r#","size":-1"#), "has a size that is not a number of bytes"),
        (line(r#","duration":-1.5"#), "has a wrong duration: it must be a number of milliseconds, 0 or more"),
        (
            line("").replace(r#""method""#, r#""request":"\u0016\u0003","x""#),
            "has a request that is not one of HTTP: ",
        ),
    ] {
        assert_eq!(reason(&line), expected, "{line}");
    }
    assert!(reason(&line("} {")).starts_with("is not JSON: trailing"));
    assert!(reason(r#"{"ip":"#).starts_with("is not JSON: EOF"));
    for name in ["x", "agent", "request"] {
        let deep = format!(r#"{{"{name}":{}"#, "[".repeat(60_000));
        assert!(reason(&deep).starts_with("is not JSON: "), "{name}");
    }
}
