//! Failed authentications: who guesses is slowed down, and nobody else is.

use std::collections::HashMap;

use reqwest::{RequestBuilder, StatusCode};
use tokio::task::JoinSet;

use crate::app::{App, Options, expect};

/// Failures that a network has in a minute.
const MOST: usize = 60;

fn from(app: &App, network: &str, path: &str, key: &str) -> RequestBuilder {
    app.get(path, key).header("x-forwarded-for", network.to_owned())
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// A key that nobody has, another one each time.
fn guess(number: usize) -> String {
    format!("a-guess-of-a-key-{number}")
}

/// However many guess at once, no more than so many guesses are answered: those on the gateway's door too.
#[tokio::test]
async fn of_many_guesses_at_once_no_more_are_answered_on_any_door() {
    let app = App::start();
    let doors = ["/api/verify", "/api/rate-limit", "/api/clients", "/api/usage/top"];
    let mut guesses = JoinSet::new();
    for number in 0..160 {
        guesses.spawn(status(from(&app, "192.0.2.1", doors[number % doors.len()], &guess(number))));
    }
    let answers = guesses.join_all().await;
    let count = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(401), count(429)), (MOST, 160 - MOST));
}

#[tokio::test]
async fn a_gateway_is_told_when_and_others_behind_it_pass() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    assert_eq!(status(from(&app, "192.0.2.1", "/api/verify", &ada.key)).await, 200);
    for number in 0..MOST {
        assert_eq!(status(from(&app, "192.0.2.1", "/api/verify", &guess(number))).await, 401);
    }
    let refused = from(&app, "192.0.2.1", "/api/verify", &guess(0)).send().await.unwrap();
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    expect(refused, StatusCode::TOO_MANY_REQUESTS).await;
    let nginx = from(&app, "192.0.2.1", "/api/verify?deny=403", &guess(0)).send().await.unwrap();
    assert_eq!(
        (nginx.status().as_u16(), &nginx.headers()["x-verify-status"]),
        (403, &"429".parse().unwrap())
    );
    assert_eq!(status(from(&app, "192.0.2.1", "/api/verify", &ada.key)).await, 200, "it is known");
    assert_eq!(status(from(&app, "192.0.2.2", "/api/verify", &guess(0))).await, 401, "another network");
}

/// What strangers write into `X-Forwarded-For` makes no new network of them.
#[tokio::test]
async fn an_address_that_is_only_claimed_does_not_count() {
    let app = App::with(&Options { proxies: "10.0.0.0/8", ..Options::default() });
    for number in 0..MOST {
        let network = format!("192.0.2.{number}");
        assert_eq!(status(from(&app, &network, "/api/verify", &guess(number))).await, 401);
    }
    assert_eq!(status(from(&app, "203.0.113.9", "/api/verify", &guess(0))).await, 429);
}

/// Somebody has 2^64 addresses of IPv6 at will, and one of IPv4.
#[tokio::test]
async fn addresses_of_one_party_count_together() {
    let app = App::start();
    for number in 0..MOST {
        let network = format!("2001:db8:0:1:{number:x}::{number:x}");
        assert_eq!(status(from(&app, &network, "/api/rate-limit", &guess(number))).await, 401);
    }
    assert_eq!(status(from(&app, "2001:db8:0:1:ffff::", "/api/rate-limit", &guess(0))).await, 429);
    assert_eq!(status(from(&app, "2001:db8:0:2::", "/api/rate-limit", &guess(0))).await, 401);
}

/// Any order of guesses and good keys from any networks over any time: in no minute are more guesses answered than
/// so many, a known key always passes, and who waits as long as he is told is answered.
#[tokio::test]
async fn no_order_of_calls_gets_more_guesses_answered_or_keeps_a_known_key_out() {
    let app = App::start();
    let ada = app.register("ada", None).await;
    let networks = ["192.0.2.1", "198.51.100.7", "2001:db8::1"];
    let mut answered: HashMap<&str, Vec<i64>> = HashMap::new();
    // A fixed sequence that is as good as any: x -> 5x + 3 over 2^16 visits all numbers.
    let mut random = 11_u16;
    let mut next = |bound: u16| {
        random = random.wrapping_mul(5).wrapping_add(3);
        (random >> 4) % bound
    };
    let start = app.now().as_micros();
    for number in 0..700 {
        let network = networks[usize::from(next(3))];
        if next(8) == 0 {
            assert_eq!(status(from(&app, network, "/api/verify", &ada.key)).await, 200, "{number}");
            continue;
        }
        app.clock.advance(i64::from(next(20) / 19));
        let answer = from(&app, network, "/api/verify", &guess(number)).send().await.unwrap();
        let seconds = (app.now().as_micros() - start) / 1_000_000;
        match answer.status().as_u16() {
            401 => answered.entry(network).or_default().push(seconds),
            429 if next(2) == 0 => {
                let wait = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                app.clock.advance(wait);
                assert_eq!(status(from(&app, network, "/api/verify", &guess(number))).await, 401);
                answered.entry(network).or_default().push(seconds + wait);
            }
            429 => assert!(answered[network].len() >= MOST),
            other => panic!("{other}"),
        }
    }
    for (network, times) in answered {
        assert!(times.len() > MOST, "{network} was never over: {}", times.len());
        for (index, time) in times.iter().enumerate() {
            let within = times[index..].iter().take_while(|other| *other - time < 60).count();
            assert!(within <= MOST, "{network}: {within} in the minute from {time}");
        }
    }
}
