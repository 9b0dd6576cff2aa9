//! Who may call each operation, said in the document itself as `x-roles`; tests hold the server to it.

use serde_json::{Value, json};

const CLIENTS: &[&str] = &["client", "service", "admin"];
/// A client's own, whatever its role; of others it is not told whether they are there.
const OWN: &[&str] = &["own", "admin"];
const SERVICES: &[&str] = &["service", "admin"];
const ADMINS: &[&str] = &["admin"];

/// Operations that ask who calls. One that asks nobody is for `anyone`, without a row here.
const ROLES: &[(&str, &str, &[&str])] = &[
    // With REGISTRATION=admin, for admins.
    ("post", "/api/register", &["anyone"]),
    ("post", "/api/token", CLIENTS),
    ("post", "/api/logs", CLIENTS),
    ("get", "/api/logs", CLIENTS),
    ("get", "/api/usage/series", CLIENTS),
    ("get", "/api/usage/endpoints", CLIENTS),
    ("get", "/api/usage/daily", CLIENTS),
    ("get", "/api/usage/top", SERVICES),
    ("get", "/api/usage/stream", CLIENTS),
    ("get", "/api/ws", CLIENTS),
    ("post", "/api/stream-tickets", CLIENTS),
    ("get", "/api/rate-limit", CLIENTS),
    ("get", "/api/verify", CLIENTS),
    ("post", "/api/verify", CLIENTS),
    ("get", "/api/clients", ADMINS),
    ("get", "/api/clients/{clientId}", OWN),
    ("patch", "/api/clients/{clientId}", ADMINS),
    ("delete", "/api/clients/{clientId}", ADMINS),
    ("post", "/api/clients/{clientId}/keys", OWN),
    ("delete", "/api/clients/{clientId}/keys/{keyId}", OWN),
    ("get", "/api/clients/{clientId}/rate-limit", ADMINS),
    ("delete", "/api/clients/{clientId}/rate-limit", ADMINS),
    ("get", "/api/cache/stats", ADMINS),
    ("post", "/api/cache/prewarm", ADMINS),
    ("get", "/api/audit", ADMINS),
    // With METRICS_TOKEN, for whoever has that.
    ("get", "/metrics", &["anyone"]),
];

/// Says of every operation who may call it.
pub(super) fn describe(spec: &mut Value) {
    let Some(paths) = spec["paths"].as_object_mut() else { return };
    for (path, operations) in paths {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            let row = ROLES.iter().find(|row| (row.0, row.1) == (method.as_str(), path.as_str()));
            let asks_nobody = operation.get("security").is_none();
            // Neither: nobody has decided it, which a test finds.
            if let Some(roles) = row.map(|row| row.2).or(asks_nobody.then_some(&["anyone"])) {
                operation["x-roles"] = json!(roles);
            }
        }
    }
}
