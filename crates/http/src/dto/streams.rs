//! Live streams: what is asked for, tickets, and what both ends of a WebSocket say.

use paperclip::actix::Apiv2Schema;
use serde::{Deserialize, Serialize};

/// A ticket for one stream.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct TicketResponse {
    /// For `?ticket=`.
    pub ticket: String,
    /// When it ends, used or not.
    pub expires_at: String,
}

/// Which stream.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct StreamParams {
    /// all, logs, daily, top (not for clients), rate-limit, or several of them, comma separated; all by default.
    pub channel: Option<String>,
    /// One client; services and admins see all by default, clients themselves.
    #[serde(rename = "clientId")]
    pub client_id: Option<String>,
    /// Events whose path, or path with `{id}` for its ids, is this one or below it.
    pub endpoint: Option<String>,
    /// Events of this method.
    pub method: Option<String>,
    /// Events of this status, such as 404, or of this class, such as 5xx.
    pub status: Option<String>,
    /// The id of the last event that was read, to go on behind it. The header Last-Event-ID goes before it.
    #[serde(rename = "lastEventId")]
    pub last_event_id: Option<String>,
    /// A ticket, where no header says who calls.
    pub ticket: Option<String>,
}

/// Who opens a WebSocket.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct SocketParams {
    /// A ticket, where no header says who calls.
    pub ticket: Option<String>,
}

/// What a client of a WebSocket says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// To be told of a channel.
    #[serde(rename_all = "camelCase")]
    Subscribe {
        /// What messages of this subscription are to carry; a number is given where none is.
        id: Option<String>,
        /// As in [`StreamParams`].
        channel: Option<String>,
        /// Which events.
        filter: Option<FilterDto>,
        /// As in [`StreamParams`].
        last_event_id: Option<String>,
    },
    /// Not to be told any more.
    Unsubscribe {
        /// The subscription's.
        id: String,
    },
    /// To be answered by a pong, for pages, which cannot send the WebSocket's own.
    Ping {},
}

/// Which events of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilterDto {
    /// Of this client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Of this path and below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Of this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Of this status or class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// What a stream is about, said at its beginning.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribed<'a> {
    /// Its channels.
    pub channels: Vec<&'static str>,
    /// Which events.
    pub filter: &'a FilterDto,
}
