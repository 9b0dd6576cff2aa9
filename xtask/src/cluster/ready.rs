//! Whether an instance is ready, and all that it needs with it.

use serde_json::Value;

use super::http;

/// What `/readyz` says at a port: that all is well, or what is not.
pub fn ask(port: u16) -> Result<(), String> {
    let (status, body) = http::get(port, "/readyz").ok_or("does not answer")?;
    let checks = body["checks"].as_array().into_iter().flatten();
    let bad: Vec<String> = checks.filter(|check| check["ok"] != true).map(ailment).collect();
    if bad.is_empty() && status == 200 {
        return Ok(());
    }
    let state = body["status"].as_str().map_or_else(|| status.to_string(), str::to_owned);
    Err([state].into_iter().chain(bad).collect::<Vec<_>>().join("; "))
}

fn ailment(check: &Value) -> String {
    let text = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
    format!("{}: {}", text("name"), text("detail"))
}
