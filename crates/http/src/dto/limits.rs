//! Limits as they are set, and where quotas stand.

use activity_domain::client::{
    Client, ClientLimit, ClientLimits, EndpointPrefix, InvalidLimits, LimitName, RateLimit, Role,
};
use activity_domain::limit::{QuotaState, Window};
use activity_domain::time::Timestamp;
use paperclip::actix::Apiv2Schema;
use serde::{Deserialize, Serialize};

use crate::problem::{At, Problem};

/// A limit for events that a client has besides its `rateLimit`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientLimitDto {
    /// 1 to 32 characters of a-z 0-9 -, of no other limit of the client; and not one of ours.
    pub name: String,
    /// Events per window, 1 to 1,000,000,000.
    pub limit: i64,
    /// The window's length in seconds, at most 31 days.
    pub window: i64,
    /// Where it counts: a path, for itself and all below it. Everywhere if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Whether it only counts and reports, and refuses nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<bool>,
}

impl ClientLimitDto {
    /// A client's limits, from the field `limits` of a body.
    pub fn parse_all(limits: &[Self]) -> Result<ClientLimits, Problem> {
        let parsed =
            limits.iter().enumerate().map(|(index, limit)| limit.parse(&format!("#/limits/{index}")));
        ClientLimits::parse(parsed.collect::<Result<_, _>>()?).map_err(|error| match error {
            InvalidLimits::TooMany => Problem::invalid("#/limits", error.to_string()),
            InvalidLimits::SameName { index } => {
                Problem::invalid(format!("#/limits/{index}/name"), error.to_string())
            }
        })
    }

    fn parse(&self, pointer: &str) -> Result<ClientLimit, Problem> {
        Ok(ClientLimit {
            name: LimitName::parse(&self.name).at(&format!("{pointer}/name"))?,
            limit: RateLimit::parse(self.limit).at(&format!("{pointer}/limit"))?,
            window: Window::parse(self.window).at(&format!("{pointer}/window"))?,
            endpoint: self
                .endpoint
                .as_deref()
                .map(EndpointPrefix::parse)
                .transpose()
                .at(&format!("{pointer}/endpoint"))?,
            shadow: self.shadow.unwrap_or_default(),
        })
    }
}

impl From<&ClientLimit> for ClientLimitDto {
    fn from(limit: &ClientLimit) -> Self {
        Self {
            name: limit.name.as_str().to_owned(),
            limit: limit.limit.get().into(),
            window: limit.window.seconds().into(),
            endpoint: limit.endpoint.as_ref().map(|path| path.as_str().to_owned()),
            shadow: limit.shadow.then_some(true),
        }
    }
}

/// Where a client's quotas for events stand.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitResponse {
    /// Events per window.
    pub limit: u32,
    /// The window's length in seconds.
    pub window: u32,
    /// How many may be recorded at once now, as far as this limit goes.
    pub remaining: u32,
    /// When all that counts now has left the window.
    pub reset_at: String,
    /// All quotas that apply, this one first; none where the role is not limited.
    pub policies: Vec<RateLimitPolicy>,
}

/// A quota.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitPolicy {
    /// Its name, as in the `RateLimit` headers.
    pub name: String,
    /// How much fits into the window.
    pub limit: u32,
    /// The window's length in seconds.
    pub window: u32,
    /// How much may be taken at once now.
    pub remaining: u32,
    /// Where it counts, if not everywhere: this path and all below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Present and true if it only reports and refuses nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<bool>,
}

impl RateLimitResponse {
    /// Where a client stands at an instant, from the state of its `rateLimit` and of its other limits.
    pub fn new(client: &Client, default: &QuotaState, others: &[QuotaState], now: Timestamp) -> Self {
        let others = others.iter().zip(client.limits.as_slice());
        let others = others.map(|(state, limit)| RateLimitPolicy::new(state, limit.endpoint.as_ref()));
        let policies = std::iter::once(RateLimitPolicy::new(default, None)).chain(others);
        Self {
            limit: default.quota.limit.get(),
            window: default.quota.window.seconds(),
            remaining: default.remaining,
            reset_at: now.plus_seconds(default.reset_seconds.cast_signed()).to_string(),
            policies: if client.role == Role::Client { policies.collect() } else { Vec::new() },
        }
    }
}

impl RateLimitPolicy {
    fn new(state: &QuotaState, endpoint: Option<&EndpointPrefix>) -> Self {
        Self {
            name: state.quota.name.as_str().to_owned(),
            limit: state.quota.limit.get(),
            window: state.quota.window.seconds(),
            remaining: state.remaining,
            endpoint: endpoint.map(|path| path.as_str().to_owned()),
            shadow: state.quota.shadow.then_some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(limits: &Value) -> Result<ClientLimits, Problem> {
        ClientLimitDto::parse_all(&serde_json::from_value::<Vec<_>>(limits.clone()).unwrap())
    }

    #[test]
    fn limits_come_back_as_they_were_set() {
        let wire = json!([
            { "name": "burst", "limit": 10, "window": 1 },
            { "name": "export", "limit": 5, "window": 2_678_400, "endpoint": "/export" },
            { "name": "try", "limit": 1_000_000_000, "window": 60, "endpoint": "/", "shadow": true },
        ]);
        let limits = parse(&wire).unwrap();
        let back: Vec<ClientLimitDto> = limits.as_slice().iter().map(Into::into).collect();
        assert_eq!(serde_json::to_value(back).unwrap(), wire);
        let plain = json!([{ "name": "a", "limit": 1, "window": 1, "endpoint": null, "shadow": false }]);
        assert_eq!(parse(&plain).unwrap().as_slice()[0].endpoint, None);
        assert_eq!(parse(&json!([])).unwrap(), ClientLimits::default());
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let good = json!({ "name": "burst", "limit": 10, "window": 1 });
        let with = |field: &str, value: Value| {
            let mut bad = good.clone();
            bad[field] = value;
            json!([{ "name": "other", "limit": 10, "window": 1 }, good, bad])
        };
        let eight: Vec<Value> =
            (0..8).map(|n| json!({ "name": format!("n-{n}"), "limit": 1, "window": 1 })).collect();
        for (limits, pointer) in [
            (with("name", json!("Burst")), "#/limits/2/name"),
            (with("name", json!("reads")), "#/limits/2/name"),
            (with("name", json!("burst")), "#/limits/2/name"),
            (with("limit", json!(0)), "#/limits/2/limit"),
            (with("limit", json!(i64::MAX)), "#/limits/2/limit"),
            (with("window", json!(-1)), "#/limits/2/window"),
            (with("endpoint", json!("export")), "#/limits/2/endpoint"),
            (json!(eight), "#/limits"),
        ] {
            let problem = format!("{:?}", parse(&limits).unwrap_err());
            assert!(problem.contains(&format!("pointer: {pointer:?}")), "{problem}");
            assert!(problem.contains("422"), "{problem}");
        }
        let unknown = json!([{ "name": "a", "limit": 1, "window": 1, "endpiont": "/x" }]);
        assert!(serde_json::from_value::<Vec<ClientLimitDto>>(unknown).is_err());
    }
}
