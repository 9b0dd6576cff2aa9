//! An API key from any text: never a panic, what parses is kept as it is, and a key of ours comes back.

#![no_main]

use activity_domain::id::KeyId;
use activity_domain::key::ApiKey;
use activity_domain::port::Randomness;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text);
        check(&format!("atk_{text}"));
    }
    let (id, key) = ApiKey::generate(&Given(bytes));
    assert_eq!(key.id(), id);
    check(key.reveal());
    assert_eq!(ApiKey::parse(key.reveal()), Ok(key));
});

fn check(text: &str) {
    let Ok(key) = ApiKey::parse(text) else { return };
    assert_eq!(key.reveal(), text);
    assert!((16..=256).contains(&text.len()) && text.is_ascii());
    assert_eq!(KeyId::parse(key.id().as_str()).as_ref(), Ok(&key.id()));
    assert_eq!(ApiKey::parse(text).map(|again| again.digest()), Ok(key.digest()));
    assert!(!format!("{key:?} {:?}", key.digest()).contains(text));
}

/// Gives these bytes over and over.
struct Given<'a>(&'a [u8]);

impl Randomness for Given<'_> {
    fn fill(&self, bytes: &mut [u8]) {
        let mut given = self.0.iter().cycle();
        bytes.fill_with(|| given.next().copied().unwrap_or_default());
    }
}
