//! What a batch of fresh rows adds to the rollups. It is stored as bytes in the transaction that stores the
//! rows, and folded into blocks later.

use std::collections::{BTreeMap, HashMap};

use super::{ClientNo, Profile, Tally};
use crate::activity::{Activity, Endpoint};
use crate::error::Invalid;
use crate::hygiene::{Template, Verb};
use crate::sketch::{Sketch, put, take};
use crate::span::{Level, Minute, Span};
use crate::time::Timestamp;

/// One endpoint of one client in one hour. Endpoints go by their place in [`Delta::templates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey {
    /// The first minute of the hour.
    pub hour: Minute,
    /// The client.
    pub client: ClientNo,
    /// The endpoint.
    pub template: usize,
    /// The method.
    pub verb: Verb,
}

/// The increments of a batch: by minute and client, and by hour, client, endpoint and method.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// By minute and client, in order of their keys.
    pub clients: BTreeMap<(Minute, ClientNo), Profile>,
    /// By hour and endpoint, in order of their keys. These have no latest event time.
    pub endpoints: BTreeMap<EndpointKey, Tally>,
    /// The endpoints, in the order in which they came.
    pub templates: Vec<Template>,
}

/// First byte of the stored form. Version 1 had neither profiles nor endpoints; nothing keeps it any more.
const VERSION: u8 = 2;

/// Counts fresh rows into a delta.
#[derive(Debug, Default)]
pub struct Counting {
    delta: Delta,
    templates: HashMap<Template, usize>,
    /// Most rows of a batch call a few endpoints; their templates are worked out once.
    endpoints: HashMap<Endpoint, usize>,
}

impl Counting {
    /// Counts one fresh row.
    pub fn add(&mut self, client: ClientNo, activity: &Activity) {
        let minute = activity.at.minute();
        self.delta.clients.entry((minute, client)).or_default().add(activity);
        let key = EndpointKey {
            hour: Level::Hour.block_of(minute),
            client,
            template: self.template(&activity.endpoint),
            verb: Verb::of(&activity.method),
        };
        let tally = self.delta.endpoints.entry(key).or_default();
        tally.add(activity);
        tally.last_seen = None;
    }

    /// What was counted.
    pub fn finish(self) -> Delta {
        self.delta
    }

    fn template(&mut self, endpoint: &Endpoint) -> usize {
        if let Some(place) = self.endpoints.get(endpoint) {
            return *place;
        }
        let template = Template::of(endpoint);
        let next = self.delta.templates.len();
        let place = *self.templates.entry(template.clone()).or_insert(next);
        if place == next {
            self.delta.templates.push(template);
        }
        self.endpoints.insert(endpoint.clone(), place);
        place
    }
}

impl Delta {
    /// The first and the last minute that it touches, `None` when empty.
    pub fn bounds(&self) -> Option<(Minute, Minute)> {
        Some((self.clients.first_key_value()?.0.0, self.clients.last_key_value()?.0.0))
    }

    /// How many increments it has, which is what folding it costs.
    pub fn len(&self) -> usize {
        self.clients.len() + self.endpoints.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// The profiles of a client, or of all clients, within a span.
    pub fn profiles(
        &self,
        span: Span,
        only: Option<ClientNo>,
    ) -> impl Iterator<Item = (Minute, ClientNo, &Profile)> {
        let all = self.clients.range((span.from, ClientNo(0))..(span.to, ClientNo(0)));
        let all = all.filter(move |((_, client), _)| only.is_none_or(|only| only == *client));
        all.map(|((minute, client), profile)| (*minute, *client, profile))
    }

    /// The stored form: a version byte; the number of minutes and clients, then each as varints; the
    /// endpoints' texts; the number of increments of endpoints, then each as varints.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 + 24 * self.len());
        bytes.push(VERSION);
        put(&mut bytes, self.clients.len() as u64);
        let mut previous = 0;
        for ((minute, client), profile) in &self.clients {
            put(&mut bytes, minute.0.abs_diff(previous));
            previous = minute.0;
            put(&mut bytes, client.0);
            put(&mut bytes, profile.last_seen.map_or(0, |at| at.as_micros().unsigned_abs() + 1));
            profile.encode_cells(&mut bytes);
        }
        put(&mut bytes, self.templates.len() as u64);
        for template in &self.templates {
            put(&mut bytes, template.as_str().len() as u64);
            bytes.extend_from_slice(template.as_str().as_bytes());
        }
        put(&mut bytes, self.endpoints.len() as u64);
        let mut previous = 0;
        for (key, tally) in &self.endpoints {
            put(&mut bytes, key.hour.0.abs_diff(previous));
            previous = key.hour.0;
            let numbers = [key.client.0, key.template as u64, key.verb.code().into()];
            let counts = [tally.requests, tally.errors, tally.timed, tally.micros];
            numbers.iter().chain(&counts).for_each(|number| put(&mut bytes, *number));
            tally.sketch.encode_bins(&mut bytes);
        }
        bytes
    }

    /// Reads the stored form.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.split_off_first() != Some(&VERSION) {
            return Err(Invalid::new("is not a delta of version 2"));
        }
        let delta = Self {
            clients: decode_clients(&mut bytes)?,
            templates: decode_templates(&mut bytes)?,
            endpoints: decode_endpoints(&mut bytes)?,
        };
        if delta.endpoints.keys().any(|key| key.template >= delta.templates.len()) {
            return Err(Invalid::new("names an endpoint that it does not have"));
        }
        if bytes.is_empty() { Ok(delta) } else { Err(Invalid::new("has bytes past its end")) }
    }
}

fn decode_clients(bytes: &mut &[u8]) -> Result<BTreeMap<(Minute, ClientNo), Profile>, Invalid> {
    let mut clients = BTreeMap::new();
    let mut minute = Minute(0);
    for _ in 0..take(bytes)? {
        minute = later(minute, take(bytes)?)?;
        let client = ClientNo(take(bytes)?);
        let last_seen = match take(bytes)? {
            0 => None,
            n => Some(Timestamp::from_micros(i64::try_from(n - 1).unwrap_or(i64::MAX))?),
        };
        clients.insert((minute, client), Profile::decode_cells(bytes, last_seen)?);
    }
    Ok(clients)
}

fn decode_templates(bytes: &mut &[u8]) -> Result<Vec<Template>, Invalid> {
    let cut = || Invalid::new("is cut short");
    let mut templates = Vec::new();
    for _ in 0..take(bytes)? {
        let length = usize::try_from(take(bytes)?).map_err(|_| cut())?;
        let (text, rest) = bytes.split_at_checked(length).ok_or_else(cut)?;
        let text = std::str::from_utf8(text).map_err(|_| Invalid::new("has an endpoint that is no text"))?;
        templates.push(Template::from_stored(text));
        *bytes = rest;
    }
    Ok(templates)
}

fn decode_endpoints(bytes: &mut &[u8]) -> Result<BTreeMap<EndpointKey, Tally>, Invalid> {
    let mut endpoints = BTreeMap::new();
    let mut hour = Minute(0);
    for _ in 0..take(bytes)? {
        hour = later(hour, take(bytes)?)?;
        let client = ClientNo(take(bytes)?);
        let template = usize::try_from(take(bytes)?).unwrap_or(usize::MAX);
        let verb = u8::try_from(take(bytes)?).ok().and_then(Verb::from_code);
        let verb = verb.ok_or_else(|| Invalid::new("has an unknown method"))?;
        let tally = Tally {
            requests: take(bytes)?,
            errors: take(bytes)?,
            timed: take(bytes)?,
            micros: take(bytes)?,
            last_seen: None,
            sketch: Sketch::decode_bins(bytes)?,
        };
        endpoints.insert(EndpointKey { hour, client, template, verb }, tally);
    }
    Ok(endpoints)
}

fn later(minute: Minute, by: u64) -> Result<Minute, Invalid> {
    let sum = minute.0.checked_add_unsigned(by);
    sum.map(Minute).ok_or_else(|| Invalid::new("has a minute out of range"))
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::profile;
    use super::*;
    use proptest::prelude::*;

    type Endpoints = Vec<(i64, u64, u8, u8, Profile)>;

    fn endpoints() -> impl Strategy<Value = Endpoints> {
        prop::collection::vec((0i64..800_000, any::<u64>(), any::<u8>(), 0..Verb::COUNT, profile()), 0..20)
    }

    proptest! {
        #[test]
        fn the_stored_form_round_trips(
            clients in prop::collection::btree_map((0i64..50_000_000, any::<u64>()), profile(), 0..30),
            templates in prop::collection::vec("/\\PC{0,20}", 1..5),
            endpoints in endpoints(),
        ) {
            let key = |(hour, client, template, verb): (i64, u64, u8, u8)| EndpointKey {
                hour: Minute(hour * 60),
                client: ClientNo(client),
                template: usize::from(template) % templates.len(),
                verb: Verb::from_code(verb).unwrap(),
            };
            let endpoints = endpoints.into_iter().map(|(hour, client, template, verb, profile)| {
                (key((hour, client, template, verb)), Tally { last_seen: None, ..profile.total() })
            });
            let delta = Delta {
                endpoints: endpoints.collect(),
                clients: clients.into_iter().map(|((m, c), p)| ((Minute(m), ClientNo(c)), p)).collect(),
                templates: templates.iter().map(|text| Template::from_stored(text)).collect(),
            };
            prop_assert_eq!(Delta::decode(&delta.encode()), Ok(delta));
        }

        #[test]
        fn junk_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Delta::decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = Delta::decode(&bytes);
        }
    }
}
