//! Finds the values of interest in an object in one pass, without copies where JSON needs none.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::keys::{Key, Level, Slot};
use crate::entry::present;

const SLOTS: usize = Slot::Duration as usize + 1;

/// The values that were found, each from the name that ranks first.
#[derive(Default)]
pub(super) struct Found<'a> {
    slots: [Option<(u8, Scalar<'a>)>; SLOTS],
    /// Whether `request` is an object, as only Caddy writes it.
    pub by_caddy: bool,
}

/// A value that is neither an object nor absent.
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Whole(i64),
    Fraction(f64),
}

impl<'a> Found<'a> {
    pub(super) fn read(line: &'a str) -> serde_json::Result<Self> {
        let mut found = Self::default();
        let mut json = serde_json::Deserializer::from_str(line);
        Object { found: &mut found, level: Level::Top }.deserialize(&mut json)?;
        json.end()?;
        Ok(found)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Scalar<'a>> {
        self.slots[slot as usize].as_ref().map(|(_, value)| value)
    }

    /// The value as text; a number as it would be written.
    pub(super) fn text(&self, slot: Slot) -> Option<Cow<'_, str>> {
        self.get(slot).map(|value| match value {
            Scalar::Text(text) => Cow::Borrowed(&**text),
            Scalar::Whole(number) => number.to_string().into(),
            Scalar::Fraction(number) => number.to_string().into(),
        })
    }

    fn put(&mut self, slot: Slot, rank: u8, value: Value<'a>) {
        let held = &mut self.slots[slot as usize];
        if let Some(value) = value.0
            && held.as_ref().is_none_or(|(held_rank, _)| rank < *held_rank)
        {
            *held = Some((rank, value));
        }
    }
}

/// Reads an object into what was found; in the place of an inner one anything may stand.
struct Object<'f, 'a> {
    found: &'f mut Found<'a>,
    level: Level,
}

impl<'de> DeserializeSeed<'de> for Object<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, or a request line")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        self.found.by_caddy |= self.level == Level::Request;
        while let Some(key) = map.next_key_seed(KeyAt(self.level))? {
            match key {
                Key::Value(slot, rank) => self.found.put(slot, rank, map.next_value()?),
                Key::Inner(level) => map.next_value_seed(Object { found: &mut *self.found, level })?,
                Key::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        if self.level == Level::Request {
            self.found.put(Slot::Request, 0, Value::text(Cow::Borrowed(text)));
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.level == Level::Request {
            self.found.put(Slot::Request, 0, Value::text(Cow::Owned(text.to_owned())));
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

struct KeyAt(Level);

impl<'de> DeserializeSeed<'de> for KeyAt {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyAt {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        Ok(Key::of(name, self.0))
    }
}

/// A value of any kind: of a list the first item (so stand headers in Caddy's log), of an object
/// nothing.
struct Value<'a>(Option<Scalar<'a>>);

impl<'a> Value<'a> {
    fn text(text: Cow<'a, str>) -> Self {
        Self(present(text.as_bytes()).is_some().then_some(Scalar::Text(text)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(|value: Value<'de>| value)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value(Some(Scalar::Whole(number))))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value(Some(i64::try_from(number).map_or(Scalar::Fraction(number as f64), Scalar::Whole))))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value(Some(Scalar::Fraction(number))))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value(None))
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value(None))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Value<'de>, S::Error> {
        let first = items.next_element()?.unwrap_or(Value(None));
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value<'de>, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value(None))
    }
}
