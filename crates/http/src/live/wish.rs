//! What a reader asks for: channels, whose events, which of them, and from where on.

use activity_domain::activity::Method;
use activity_domain::client::{EndpointPrefix, Role};
use activity_domain::error::Invalid;
use activity_domain::id::ClientId;
use activity_domain::live::{Filter, Place, Scope, StatusFilter};
use activity_domain::service::{Access, Caller, UsageError};
use activity_domain::usage;

use crate::dto::{FilterDto, Subscribed};
use crate::problem::{At, Problem, brief};

/// Something that one can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Events as they are accepted.
    Logs,
    /// Usage by day.
    Daily,
    /// The busiest clients.
    Top,
    /// Where the caller's own quotas stand.
    RateLimit,
}

impl Channel {
    const ALL: [Self; 4] = [Self::Logs, Self::Daily, Self::Top, Self::RateLimit];

    /// As it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Daily => "daily",
            Self::Top => "top",
            Self::RateLimit => "rate-limit",
        }
    }

    /// What its messages are called.
    pub fn event(self) -> &'static str {
        match self {
            Self::Logs => "log:new",
            Self::Daily => "usage:daily:update",
            Self::Top => "usage:top:update",
            Self::RateLimit => "rate-limit:update",
        }
    }

    /// Several, comma separated; `all` is whatever a role may be told of.
    fn parse_many(text: &str, role: Role) -> Result<Vec<Self>, Invalid> {
        let mut wanted = Vec::new();
        for name in text.split(',').map(str::trim) {
            let named = Self::ALL.into_iter().find(|channel| channel.name() == name);
            match (name, named) {
                ("all", _) => wanted.extend(Self::ALL.into_iter().filter(|channel| channel.is_for(role))),
                (_, Some(channel)) => wanted.push(channel),
                (_, None) => {
                    let name = brief(name);
                    return Err(Invalid::new(format!(
                        "must be all, logs, daily, top or rate-limit, not {name}"
                    )));
                }
            }
        }
        // In their own order, each once.
        Ok(Self::ALL.into_iter().filter(|channel| wanted.contains(channel)).collect())
    }

    fn is_for(self, role: Role) -> bool {
        self != Self::Top || role != Role::Client
    }
}

/// Where parameters stand, for those who are told what is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In a query.
    Query,
    /// In a message.
    Message,
}

impl Source {
    fn pointer(self, name: &str) -> String {
        match self {
            Self::Query => format!("?{name}"),
            Self::Message if matches!(name, "channel" | "lastEventId") => format!("#/{name}"),
            Self::Message => format!("#/filter/{name}"),
        }
    }
}

/// What is asked for, as it came.
#[derive(Debug, Default)]
pub struct Asked {
    /// Names of channels; all if there are none.
    pub channel: Option<String>,
    /// Which events.
    pub filter: FilterDto,
    /// The id of the last event that was read.
    pub last_event_id: Option<String>,
}

/// What is asked for.
#[derive(Debug)]
pub struct Wish {
    /// In a fixed order, each once.
    pub channels: Vec<Channel>,
    /// Whose events and usage.
    pub scope: Scope,
    /// Which events.
    pub filter: Filter,
    /// Behind which one.
    pub place: Option<Place>,
    asked: FilterDto,
}

impl Wish {
    /// Parses what a caller asks for, who has to be one that may: 422 names the parameter, 403 a channel that is not
    /// for this role, 404 a client that is not there for this caller.
    pub async fn parse(
        asked: Asked,
        caller: &Caller,
        access: &Access,
        from: Source,
    ) -> Result<Self, Problem> {
        let at = |name: &str| from.pointer(name);
        let role = caller.role();
        let channel = asked.channel.as_deref().unwrap_or("all");
        let channels = Channel::parse_many(channel, role).at(&at("channel"))?;
        if !channels.iter().all(|channel| channel.is_for(role)) {
            return Err(UsageError::Forbidden.into());
        }
        let FilterDto { client_id, endpoint, method, status } = &asked.filter;
        let filter = Filter {
            endpoint: endpoint.as_deref().map(EndpointPrefix::parse).transpose().at(&at("endpoint"))?,
            method: method.as_deref().map(Method::parse).transpose().at(&at("method"))?,
            status: status.as_deref().map(parse_status).transpose().at(&at("status"))?,
        };
        let client = client_id.as_deref().map(ClientId::parse).transpose().at(&at("clientId"))?;
        let place = asked.last_event_id.as_deref().filter(|text| !text.is_empty());
        let place = place.map(Place::parse).transpose().at(&at("lastEventId"))?;
        let scope = scope(caller, client, access).await?;
        if place.as_ref().is_some_and(|place| !place.fits(&scope)) {
            return Err(Problem::invalid(at("lastEventId"), "is of a stream of other clients' events"));
        }
        Ok(Self { channels, scope, filter, place, asked: asked.filter })
    }

    /// What it is about, for its beginning.
    pub fn confirmed(&self) -> Subscribed<'_> {
        Subscribed {
            channels: self.channels.iter().map(|channel| channel.name()).collect(),
            filter: &self.asked,
        }
    }
}

fn parse_status(text: &str) -> Result<StatusFilter, Invalid> {
    Ok(match usage::StatusFilter::parse(text)? {
        usage::StatusFilter::Exact(status) => StatusFilter::Code(status),
        usage::StatusFilter::Class(class) => StatusFilter::Class(class),
    })
}

/// Whose events: a client's own, and for services and admins those of one that exists, or everybody's.
async fn scope(caller: &Caller, wanted: Option<ClientId>, access: &Access) -> Result<Scope, Problem> {
    let own = &caller.client.id;
    let missing = || Problem::from(UsageError::NoSuchClient);
    match (wanted, caller.role()) {
        (None, Role::Client) => Ok(Scope::Client(own.clone())),
        (Some(id), Role::Client) if id == *own => Ok(Scope::Client(id)),
        (Some(_), Role::Client) => Err(missing()),
        (None, Role::Service | Role::Admin) => Ok(Scope::Everybody),
        (Some(id), Role::Service | Role::Admin) => {
            let is_there = access.root(&id).is_some() || access.client(&id).await?.is_some();
            if is_there { Ok(Scope::Client(id)) } else { Err(missing()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_each_once_and_in_order() {
        let names = |text: &str, role| {
            let channels = Channel::parse_many(text, role);
            channels.map(|all| all.into_iter().map(Channel::name).collect::<Vec<_>>())
        };
        assert_eq!(names("all", Role::Client), Ok(vec!["logs", "daily", "rate-limit"]));
        assert_eq!(names("all", Role::Service), Ok(vec!["logs", "daily", "top", "rate-limit"]));
        assert_eq!(names("daily, logs,daily", Role::Client), Ok(vec!["logs", "daily"]));
        assert_eq!(names("top", Role::Client), Ok(vec!["top"]));
        for bad in ["", "log", "logs,", "ALL"] {
            assert!(names(bad, Role::Admin).is_err(), "{bad}");
        }
    }

    #[test]
    fn pointers_say_where_it_stood() {
        assert_eq!(Source::Query.pointer("status"), "?status");
        assert_eq!(Source::Message.pointer("status"), "#/filter/status");
        assert_eq!(Source::Message.pointer("channel"), "#/channel");
    }
}
