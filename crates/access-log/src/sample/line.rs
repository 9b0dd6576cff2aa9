//! One line of a made log.

use super::{Options, Random, Truth};

const PAGES: [&str; 12] = [
    "/",
    "/favicon.ico",
    "/style.css",
    "/api/orders",
    "/api/orders/4711",
    "/api/customers",
    "/blog/how-to",
    "/images/logo.png",
    "/robots.txt",
    "/feed",
    "/login",
    "/docs/start",
];
const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "curl/8.5.0",
    "ExampleBot/2.1 (+http://bot.example/about.html)",
    r#"Tester \"quoted\" \x22inner\x22 1.0"#,
    "orders-worker/3.2",
];
const REFERERS: [&str; 4] =
    ["-", "http://shop.example/", r"http://\xe4\xf6\xfc.example/\xdf", r#"http://shop.example/?q=\"a b\""#];

/// The parts of a line.
pub(super) struct Draft {
    pub truth: Truth,
    target: String,
    referer: &'static str,
}

impl Draft {
    pub(super) fn new(options: &Options, number: u64, random: &mut Random) -> Self {
        let ip = random.client(options.clients);
        let path = path(random);
        let truth = Truth {
            ip,
            at: options.start.plus_seconds(second(options, number, random)),
            method: method(random),
            status: status(random),
            response_bytes: (!random.one_in(15)).then(|| random.below(1 << 20)),
            user_agent: (!random.one_in(50)).then(|| random.pick(&AGENTS, "-").to_owned()),
            micros: options.durations.then(|| milliseconds(random) * 1_000),
            path,
        };
        Self { target: target(&truth.path, random), referer: random.pick(&REFERERS, "-"), truth }
    }

    pub(super) fn text(&self) -> String {
        let start = self.without_last_quote();
        match self.truth.micros {
            Some(micros) => format!("{start}\" {}.{:03}", micros / 1_000_000, micros / 1_000 % 1_000),
            None => start + "\"",
        }
    }

    pub(super) fn without_last_quote(&self) -> String {
        let Truth { ip, at, method, status, response_bytes, user_agent, .. } = &self.truth;
        let time = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or_default();
        let time = time.strftime("%d/%b/%Y:%H:%M:%S +0000");
        let bytes = response_bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
        let agent = user_agent.as_deref().unwrap_or("-");
        let Self { target, referer, .. } = self;
        format!(r#"{ip} - - [{time}] "{method} {target} HTTP/1.1" {status} {bytes} "{referer}" "{agent}"#)
    }
}

/// Seconds after the start: on the whole they grow, but half of the lines are up to a minute late.
fn second(options: &Options, number: u64, random: &mut Random) -> i64 {
    let even = u128::from(number) * u128::from(options.seconds) / u128::from(options.lines.max(1));
    let late = if random.one_in(2) { random.below(60) } else { 0 };
    i64::try_from(even).unwrap_or_default().saturating_sub_unsigned(late).max(0)
}

fn path(random: &mut Random) -> String {
    let page = random.pick(&PAGES, "/");
    if random.one_in(3) { format!("/articles/{}", random.rank(1_000)) } else { page.to_owned() }
}

fn target(path: &str, random: &mut Random) -> String {
    if random.one_in(400) {
        return format!("{path}?state={}", "%7B0123456789abcdef%7D".repeat(40));
    }
    if random.one_in(5) { format!("{path}?page={}&sort=name", random.below(50)) } else { path.to_owned() }
}

fn method(random: &mut Random) -> &'static str {
    match random.below(100) {
        0 => "OPTIONS",
        1 => "HEAD",
        2..10 => "POST",
        _ => "GET",
    }
}

fn status(random: &mut Random) -> u16 {
    match random.below(1_000) {
        0..3 => random.pick(&[500, 502, 503], 500),
        3..30 => random.pick(&[400, 401, 403, 404], 404),
        30..90 => random.pick(&[301, 304], 304),
        90..95 => 206,
        _ => 200,
    }
}

/// Most answers are quick, a few take seconds.
fn milliseconds(random: &mut Random) -> u64 {
    random.rank(8_192)
}
