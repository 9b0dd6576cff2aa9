//! Cuts JSON to a number of bytes: what is left is JSON of the same kind.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// What an object costs beyond its text while it is read: it takes a hundred times the memory.
const OBJECT: usize = 32;

/// Bytes that may still be spent.
pub struct Budget {
    left: usize,
    is_cut: bool,
}

impl Budget {
    /// A budget of so many bytes of JSON.
    pub fn new(bytes: usize) -> Self {
        Self { left: bytes, is_cut: false }
    }

    /// Whether something was left out.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// As much of a value as there is room for: its first members, and of a text its first characters.
    pub fn fit(&mut self, value: Value) -> Option<Value> {
        match value {
            Value::String(text) => self.spend(2).then(|| Value::String(self.fit_text(text))),
            Value::Array(items) => self.spend(2).then(|| self.fit_items(items)),
            Value::Object(fields) => self.spend(2).then(|| self.fit_fields(fields)),
            plain => self.spend(plain.to_string().len()).then_some(plain),
        }
    }

    /// The same from text, of which no more is made than there is room for. The rest is only skipped.
    pub fn read(&mut self, text: &str) -> serde_json::Result<Option<Value>> {
        self.deserialize(&mut serde_json::Deserializer::from_str(text))
    }

    fn spend(&mut self, bytes: usize) -> bool {
        let is_there = !self.is_cut && bytes <= self.left;
        if is_there {
            self.left -= bytes;
        } else {
            self.is_cut = true;
        }
        is_there
    }

    fn fit_text(&mut self, mut text: String) -> String {
        let cut = text.char_indices().find(|(_, c)| !self.spend(cost(*c))).map(|(place, _)| place);
        if let Some(place) = cut {
            text.truncate(place);
        }
        text
    }

    fn fit_items(&mut self, items: Vec<Value>) -> Value {
        let mut kept = Vec::new();
        for item in items {
            if !kept.is_empty() && !self.spend(1) {
                break;
            }
            let Some(item) = self.fit(item) else { break };
            kept.push(item);
        }
        Value::Array(kept)
    }

    fn fit_fields(&mut self, fields: Map<String, Value>) -> Value {
        let mut kept = Map::new();
        for (name, value) in fields {
            let comma = usize::from(!kept.is_empty());
            let name_bytes: usize = name.chars().map(cost).sum();
            if !self.spend(comma + name_bytes + 3) {
                break;
            }
            let Some(value) = self.fit(value) else { break };
            kept.insert(name, value);
        }
        Value::Object(kept)
    }
}

impl<'de> DeserializeSeed<'de> for &mut Budget {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Value>, D::Error> {
        if self.is_cut {
            json.deserialize_ignored_any(IgnoredAny).map(|_| None)
        } else {
            json.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for &mut Budget {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(self.fit(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Option<Value>, E> {
        Ok(self.fit(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Option<Value>, E> {
        Ok(self.fit(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Option<Value>, E> {
        Ok(self.fit(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Option<Value>, E> {
        Ok(self.fit(value.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<Value>, E> {
        Ok(self.fit(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<Value>, A::Error> {
        let (is_there, mut kept) = (self.spend(2), Vec::new());
        while !self.is_cut
            && let Some(item) = items.next_element_seed(&mut *self)?
        {
            kept.extend(item);
            // The comma of the next; behind the last there is none, which is near enough.
            self.left = self.left.saturating_sub(1);
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(is_there.then_some(Value::Array(kept)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Option<Value>, A::Error> {
        let (is_there, mut kept) = (self.spend(2), Map::new());
        while !self.is_cut
            && let Some(name) = fields.next_key::<String>()?
        {
            let first = if kept.is_empty() { OBJECT } else { 1 };
            let name_bytes: usize = name.chars().map(cost).sum();
            self.spend(first + name_bytes + 3);
            if let Some(value) = fields.next_value_seed(&mut *self)? {
                kept.insert(name, value);
            }
        }
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(is_there.then_some(Value::Object(kept)))
    }
}

/// Bytes of a character in a JSON text.
fn cost(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fit(value: Value, bytes: usize) -> (Option<Value>, bool) {
        let mut budget = Budget::new(bytes);
        (budget.fit(value), budget.is_cut())
    }

    #[test]
    fn text_is_read_as_far_as_there_is_room() {
        let whole = r#"{"a":[1,-2,1.5,null,true,"ä\n",{"":{}}],"b":"c"}"#;
        let read = |text: &str, bytes| {
            let mut budget = Budget::new(bytes);
            (budget.read(text).unwrap(), budget.is_cut())
        };
        assert_eq!(read(whole, 200), (Some(serde_json::from_str(whole).unwrap()), false));
        for bytes in 0..whole.len() {
            let (kept, is_cut) = read(whole, bytes);
            assert!(is_cut && kept.is_none_or(|kept| kept.to_string().len() <= bytes), "{bytes}");
        }
        let many = format!("[{}0]", r#"{"":0},"#.repeat(150_000));
        let (kept, is_cut) = read(&many, 8 * 8_192);
        let objects = kept.unwrap().as_array().unwrap().len();
        assert!(is_cut && (8_192 / 7..3_000).contains(&objects), "{objects} of 150,000");
        assert!(Budget::new(10).read("[1e400]").is_err(), "what is within reach has to be sound");
    }

    #[test]
    fn what_fits_stays_and_what_does_not_is_cut_to_json() {
        for value in [
            json!(null),
            json!(-1.5e10),
            json!("ä\"\\\n\u{1}"),
            json!([[], {}, ["a", 1]]),
            json!({"a":{"b":[true]},"c":"d"}),
        ] {
            let length = value.to_string().len();
            assert_eq!(fit(value.clone(), length), (Some(value.clone()), false));
            for bytes in 0..length {
                let (kept, is_cut) = fit(value.clone(), bytes);
                assert!(is_cut, "{value} in {bytes}");
                assert!(kept.is_none_or(|kept| kept.to_string().len() <= bytes), "{value} in {bytes}");
            }
        }
        assert_eq!(fit(json!("grüße"), 6), (Some(json!("grü")), true));
        assert_eq!(fit(json!({"a":"xyz","b":1}), 10), (Some(json!({"a":"xy"})), true));
    }
}
