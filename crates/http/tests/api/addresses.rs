//! What is kept of callers' addresses.

use activity_domain::address::{AddressKey, AddressPrivacy};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, Options, event, expect};

const SENT: [&str; 2] = ["192.0.2.77", "2001:db8:77:77:77::77"];

/// The addresses of rows: of two events that are sent, and of a call that is verified and recorded.
async fn kept(addresses: AddressPrivacy) -> Vec<String> {
    let app = App::with(&Options { addresses, ..Options::default() });
    let ada = app.register("ada", None).await;
    let events: Vec<Value> = SENT
        .iter()
        .map(|address| {
            let mut event = event();
            event["ipAddress"] = json!(address);
            event
        })
        .collect();
    let sent = app.post("/api/logs", &ada.key, &json!([events[0], events[1]])).send().await.unwrap();
    expect(sent, StatusCode::ACCEPTED).await;
    let asked = app.get("/api/verify?record=true", &ada.key).header("x-original-uri", "/things");
    let asked = asked.header("x-original-method", "GET").header("x-forwarded-for", SENT[0]);
    assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK);
    let rows = app.store.rows().await;
    assert_eq!(rows.len(), 3);
    rows.iter().map(|row| row.ip.unwrap().to_string()).collect()
}

#[tokio::test]
async fn all_is_kept_unless_somebody_wants_less() {
    let mut kept = kept(AddressPrivacy::Off).await;
    kept.sort();
    assert_eq!(kept, [SENT[0], SENT[0], SENT[1]]);
}

#[tokio::test]
async fn networks_are_kept_in_place_of_addresses() {
    let mut kept = kept(AddressPrivacy::Truncate).await;
    kept.sort();
    assert_eq!(kept, ["192.0.2.0", "192.0.2.0", "2001:db8:77::"]);
}

#[tokio::test]
async fn pseudonyms_tell_callers_apart_and_no_more() {
    let mut kept = kept(AddressPrivacy::Hash(AddressKey([7; 32]))).await;
    assert!(kept.iter().all(|address| address.starts_with("100::")), "{kept:?}");
    kept.sort();
    kept.dedup();
    assert_eq!(kept.len(), 2, "one for each address, whichever way it came");
}
