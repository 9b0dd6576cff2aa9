//! What admins did.

use activity_domain::act::{Difference, Entry};
use paperclip::actix::Apiv2Schema;
use serde::{Deserialize, Serialize};

/// Which entries.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct ActParams {
    /// From this instant on.
    pub from: Option<String>,
    /// Before this instant.
    pub to: Option<String>,
    /// By this admin, by its client id.
    pub actor: Option<String>,
    /// To this client.
    pub target: Option<String>,
    /// Of this kind, such as client.change.
    pub action: Option<String>,
    /// Entries in a page, 1 to 1000; 100 by default.
    pub limit: Option<i64>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A page of entries, newest first.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct ActListResponse {
    /// The entries.
    pub data: Vec<ActResponse>,
    /// For the next page; null when this is the last one.
    pub next_cursor: Option<String>,
}

/// Something that an admin did.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct ActResponse {
    /// When.
    pub at: String,
    /// The admin's client id.
    pub actor: String,
    /// The request; null for the command line.
    pub request_id: Option<String>,
    /// What was done.
    pub action: String,
    /// The client that it was done to; null if there is none.
    pub target: Option<String>,
    /// What is different since.
    pub changes: Vec<ActChange>,
}

/// A field that is different.
#[derive(Serialize, Apiv2Schema)]
pub struct ActChange {
    /// Its name.
    pub field: String,
    /// What it was; null where there was nothing, and for names and emails.
    pub before: Option<String>,
    /// What it is; null where there is nothing, and for names and emails.
    pub after: Option<String>,
}

impl From<Entry> for ActResponse {
    fn from(entry: Entry) -> Self {
        let Entry { no: _, by, act } = entry;
        Self {
            at: by.at.to_string(),
            actor: by.actor.to_string(),
            request_id: by.request.map(|id| id.to_string()),
            action: act.action.as_str().to_owned(),
            target: act.target.map(|id| id.to_string()),
            changes: act.differences.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Difference> for ActChange {
    fn from(difference: Difference) -> Self {
        let Difference { field, before, after } = difference;
        Self { field, before, after }
    }
}
