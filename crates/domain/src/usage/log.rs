//! Single activities, read back.

use crate::activity::{Activity, Endpoint, Method, Status};
use crate::error::Invalid;
use crate::hygiene::{StatusClass, Template};
use crate::id::{ActivityId, ClientId};
use crate::time::Timestamp;

/// Activities of a range, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct LogQuery {
    /// The first instant inside.
    pub from: Timestamp,
    /// The first instant after.
    pub to: Timestamp,
    /// One client, or all.
    pub client: Option<ClientId>,
    /// Which activities.
    pub filter: LogFilter,
    /// Whether with their audit trails, which are long.
    pub with_audit: bool,
    /// The length of the page, at most [`super::MAX_PAGE`].
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<LogCursor>,
}

/// What activities have to be like. Everything that is given has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// The path.
    pub endpoint: Option<EndpointFilter>,
    /// The method.
    pub method: Option<Method>,
    /// The status.
    pub status: Option<StatusFilter>,
}

/// A path, or all paths of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointFilter {
    /// Exactly this path.
    Path(Endpoint),
    /// Every path that is counted under this name.
    Template(Template),
}

/// A status, or all of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilter {
    /// Exactly this one.
    Exact(Status),
    /// `4xx` and the like.
    Class(StatusClass),
}

impl EndpointFilter {
    /// Takes a path; one that has `{id}` or `/**` in it is a template.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let endpoint = Endpoint::parse(text)?;
        let is_template = text.contains("{id}") || text.ends_with("/**");
        Ok(if is_template { Self::Template(Template::of(&endpoint)) } else { Self::Path(endpoint) })
    }

    fn matches(&self, endpoint: &Endpoint) -> bool {
        match self {
            Self::Path(path) => path == endpoint,
            Self::Template(template) => *template == Template::of(endpoint),
        }
    }
}

impl StatusFilter {
    /// Takes `404`, `4xx`, or `unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let class = StatusClass::ALL.into_iter().find(|class| class.as_str() == text);
        let exact = || text.parse().ok().and_then(|code| Status::parse(code).ok());
        let filter = class.map(Self::Class).or_else(|| exact().map(Self::Exact));
        filter.ok_or_else(|| Invalid::new("must be a status such as 404, a class such as 4xx, or unknown"))
    }

    fn matches(self, status: Status) -> bool {
        match self {
            Self::Exact(exact) => exact == status,
            Self::Class(class) => class == StatusClass::of(status),
        }
    }
}

impl LogFilter {
    /// Whether an activity is one of those.
    pub fn matches(&self, activity: &Activity) -> bool {
        self.method.as_ref().is_none_or(|method| *method == activity.method)
            && self.status.is_none_or(|status| status.matches(activity.status))
            && self.endpoint.as_ref().is_none_or(|endpoint| endpoint.matches(&activity.endpoint))
    }
}

/// The last activity that was looked at. What follows is older, or of the same instant and later in the
/// store's own order of clients and ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCursor {
    /// Its time.
    pub at: Timestamp,
    /// Its client.
    pub client: ClientId,
    /// Its id.
    pub id: ActivityId,
}

impl LogCursor {
    /// Behind this activity.
    pub fn behind(activity: &Activity) -> Self {
        Self { at: activity.at, client: activity.client.clone(), id: activity.id }
    }
}

/// Bytes of sealed audit trails with which a page is full, however many activities it has: what one question
/// takes in memory depends on its limit alone.
pub const MAX_TRAILS: usize = 4 << 20;

/// A page and where the next one starts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogPage {
    /// The activities, newest first.
    pub rows: Vec<Activity>,
    /// Present when there may be more. A store looks at a bounded number of activities for one page, and
    /// ends it once it has [`MAX_TRAILS`] bytes of trails, so that a page may be short, or even empty, and still
    /// not be the last.
    pub next: Option<LogCursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_exact_or_by_kind() {
        let endpoint = |text: &str| Endpoint::parse(text).unwrap();
        let path = EndpointFilter::parse("/users/42?x=1").unwrap();
        assert!(path.matches(&endpoint("/users/42")) && !path.matches(&endpoint("/users/43")));
        let template = EndpointFilter::parse("/users/{id}").unwrap();
        assert!(template.matches(&endpoint("/users/43")) && !template.matches(&endpoint("/users")));
        let status =
            |text: &str, code| StatusFilter::parse(text).unwrap().matches(Status::parse(code).unwrap());
        assert!(status("404", 404) && !status("404", 400) && status("4xx", 400) && !status("4xx", 500));
        let unknown = StatusFilter::parse("unknown").unwrap();
        assert!(
            unknown.matches(Status::UNKNOWN)
                && !status("unknown", 100)
                && !unknown.matches(Status::parse(599).unwrap())
        );
        for bad in ["", "0", "0xx", "6xx", "4XX", "99", "600", "abc"] {
            assert!(StatusFilter::parse(bad).is_err(), "{bad}");
        }
    }
}
