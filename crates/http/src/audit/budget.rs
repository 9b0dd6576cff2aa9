//! Cuts JSON to a number of bytes: what is left is JSON of the same kind.

use serde_json::{Map, Value};

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
