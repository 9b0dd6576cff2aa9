//! Names of values in JSON logs, and what they stand for.

/// What an entry is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    Caller,
    User,
    Time,
    Request,
    Method,
    Target,
    Status,
    Size,
    Agent,
    Duration,
}

/// Where in the line an object stands. Headers are the caller's own words: none of them but the
/// user agent is believed, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Top,
    Request,
    Headers,
}

pub(super) enum Key {
    Value(Slot, u8),
    Inner(Level),
    Other,
}

impl Key {
    pub(super) fn of(name: &str, level: Level) -> Self {
        const LONGEST: usize = 16;
        let mut plain = [0u8; LONGEST];
        let mut length = 0;
        for byte in name.bytes().filter(|b| !matches!(b, b'_' | b'-' | b'.' | b'@')) {
            let Some(place) = plain.get_mut(length) else { return Self::Other };
            *place = byte.to_ascii_lowercase();
            length += 1;
        }
        match (level, &plain[..length]) {
            (Level::Top, b"request") => Self::Inner(Level::Request),
            (Level::Request, b"headers") => Self::Inner(Level::Headers),
            (Level::Headers, b"useragent") => Self::Value(Slot::Agent, 3),
            (Level::Headers, _) => Self::Other,
            (_, name) => value_named(name).map_or(Self::Other, |(slot, rank)| Self::Value(slot, rank)),
        }
    }
}

fn value_named(name: &[u8]) -> Option<(Slot, u8)> {
    Some(match name {
        b"clientip" => (Slot::Caller, 0),
        b"remoteaddr" => (Slot::Caller, 1),
        b"remoteip" => (Slot::Caller, 2),
        b"remotehost" => (Slot::Caller, 3),
        b"ip" => (Slot::Caller, 4),
        b"remoteuser" => (Slot::User, 0),
        b"userid" => (Slot::User, 1),
        b"user" => (Slot::User, 2),
        b"username" => (Slot::User, 3),
        b"msec" => (Slot::Time, 0),
        b"ts" => (Slot::Time, 1),
        b"timeiso8601" => (Slot::Time, 2),
        b"timestamp" => (Slot::Time, 3),
        b"time" => (Slot::Time, 4),
        b"timelocal" => (Slot::Time, 5),
        b"requestline" => (Slot::Request, 1),
        b"requestmethod" => (Slot::Method, 0),
        b"method" => (Slot::Method, 1),
        b"requesturi" => (Slot::Target, 0),
        b"uri" => (Slot::Target, 1),
        b"url" => (Slot::Target, 2),
        b"path" => (Slot::Target, 3),
        b"requestpath" => (Slot::Target, 4),
        b"status" => (Slot::Status, 0),
        b"statuscode" => (Slot::Status, 1),
        b"bodybytessent" => (Slot::Size, 0),
        b"responsebytes" => (Slot::Size, 1),
        b"size" => (Slot::Size, 2),
        b"responsesize" => (Slot::Size, 3),
        b"bytes" => (Slot::Size, 4),
        b"bytessent" => (Slot::Size, 5),
        b"httpuseragent" => (Slot::Agent, 0),
        b"useragent" => (Slot::Agent, 1),
        b"agent" => (Slot::Agent, 2),
        b"requesttime" => (Slot::Duration, 0),
        b"duration" => (Slot::Duration, 1),
        b"responsetime" => (Slot::Duration, 2),
        _ => return None,
    })
}
