//! Which events a reader sees.

use crate::activity::{Method, Status};
use crate::client::EndpointPrefix;
use crate::hygiene::StatusClass;
use crate::id::ClientId;

use super::LiveEvent;

/// Whose events a reader sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of all clients.
    Everybody,
    /// Those of one client.
    Client(ClientId),
}

impl Scope {
    /// Whether events of a client are in it.
    pub fn has(&self, client: &ClientId) -> bool {
        match self {
            Self::Everybody => true,
            Self::Client(own) => own == client,
        }
    }
}

/// Which of those events a reader sees: those that fit all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The endpoint without ids begins like this, or the one that was called does.
    pub endpoint: Option<EndpointPrefix>,
    /// The method.
    pub method: Option<Method>,
    /// The status.
    pub status: Option<StatusFilter>,
}

/// Which statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilter {
    /// This one.
    Code(Status),
    /// All of a class, such as 5xx.
    Class(StatusClass),
}

impl Filter {
    /// Whether it lets an event through.
    pub fn lets_through(&self, event: &LiveEvent) -> bool {
        let activity = &event.activity;
        let is_endpoint = |prefix: &EndpointPrefix| {
            prefix.begins(event.template.as_str()) || prefix.matches(&activity.endpoint)
        };
        let is_status = |status: &StatusFilter| match status {
            StatusFilter::Code(code) => *code == activity.status,
            StatusFilter::Class(class) => *class == StatusClass::of(activity.status),
        };
        self.endpoint.as_ref().is_none_or(is_endpoint)
            && self.method.as_ref().is_none_or(|method| *method == activity.method)
            && self.status.as_ref().is_none_or(is_status)
    }
}
