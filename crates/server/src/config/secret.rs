//! Secrets: how they are kept out of sight, and which of them are none.

use std::fmt;

use activity_domain::error::Invalid;
use activity_domain::key::ApiKey;

/// What production asks of a secret, in characters.
const MIN_LENGTH: usize = 32;

/// A text that nobody gets to read by accident: its debug output is masked, and it has no display.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a signing secret: at least 32 characters, as they stand.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() < MIN_LENGTH {
            return Err(Invalid::new(format!("must have at least {MIN_LENGTH} characters")));
        }
        Ok(Self(text.to_owned()))
    }

    /// The secret itself, for signing with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Takes a signing secret that somebody configured.
pub fn jwt_secret(text: &str, is_production: bool) -> Result<Secret, Invalid> {
    let secret = Secret::parse(text)?;
    if is_production {
        refuse_weak(text)?;
    }
    Ok(secret)
}

/// Takes what has to be shown for metrics: it goes in a header.
pub fn metrics_token(text: &str, is_production: bool) -> Result<Secret, Invalid> {
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Invalid::new("must have no blanks and only characters of ASCII"));
    }
    jwt_secret(text, is_production)
}

/// Takes an admin key that somebody configured.
pub fn admin_key(text: &str, is_production: bool) -> Result<ApiKey, Invalid> {
    let key = ApiKey::parse(text)?;
    if is_production {
        refuse_weak(text)?;
    }
    Ok(key)
}

/// What may be shown of a secret.
pub fn mask(text: &str) -> String {
    format!("***** ({} characters)", text.chars().count())
}

/// Refuses what an attacker would try first: short, copied from an example, or hardly varied.
pub(super) fn refuse_weak(text: &str) -> Result<(), Invalid> {
    let reason = if text.chars().count() < MIN_LENGTH {
        format!("must have at least {MIN_LENGTH} characters in production")
    } else if is_monotonous(text) {
        "must be random in production, not a repetition or a sequence".to_owned()
    } else if is_example(text) {
        "must be random in production, not an example".to_owned()
    } else {
        return Ok(());
    };
    Err(Invalid::new(reason))
}

/// Few different characters, one block over and over, or mostly characters in a row (`abcd`, `4321`).
fn is_monotonous(text: &str) -> bool {
    const FEW: usize = 6;
    let chars: Vec<u32> = text.chars().map(u32::from).collect();
    let mut different = chars.clone();
    different.sort_unstable();
    different.dedup();
    let repeats = |block: usize| chars.iter().zip(&chars[block..]).all(|(a, b)| a == b);
    let in_a_row = chars.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count();
    different.len() < FEW || (1..=chars.len() / 2).any(repeats) || in_a_row > chars.len() / 2
}

/// The words that example secrets are made of, each before those that it contains.
const EXAMPLE_WORDS: &[&str] = &[
    "authentication",
    "administrator",
    "development",
    "environment",
    "placeholder",
    "application",
    "characters",
    "production",
    "encryption",
    "generated",
    "replace",
    "example",
    "insecure",
    "minimum",
    "password",
    "default",
    "signing",
    "testing",
    "private",
    "please",
    "random",
    "secret",
    "secure",
    "server",
    "sample",
    "should",
    "string",
    "strong",
    "tracker",
    "change",
    "access",
    "activity",
    "before",
    "token",
    "local",
    "super",
    "admin",
    "least",
    "using",
    "value",
    "123456",
    "dummy",
    "build",
    "here",
    "this",
    "that",
    "with",
    "your",
    "long",
    "test",
    "must",
    "very",
    "some",
    "demo",
    "todo",
    "auth",
    "dont",
    "jwt",
    "key",
    "api",
    "dev",
    "use",
    "not",
    "for",
    "the",
    "min",
    "put",
    "add",
    "set",
    "pass",
    "you",
    "are",
];

/// Whether too little is left once the usual words are taken out.
fn is_example(text: &str) -> bool {
    const RANDOM: usize = 20;
    let mut rest: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    rest = rest.to_lowercase();
    for word in EXAMPLE_WORDS {
        // A blank in the gap keeps its two sides from making a new word.
        rest = rest.replace(word, " ");
    }
    rest.chars().filter(|c| !c.is_whitespace()).count() < RANDOM
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_and_patterns_are_weak() {
        for weak in [
            "changeme",
            "secret",
            "changemechangemechangemechangeme",
            "your-secret-key-change-this-in-production",
            "your-super-secret-jwt-key-min-32-characters-long",
            "this_is_a_very_secret_development_key_00",
            "dev-secret-do-not-use-in-production-1234",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "ababababcdcdcdcdababababcdcdcdcdabababab",
            "0123456789abcdef0123456789abcdef",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "----------------------------------------",
        ] {
            assert!(refuse_weak(weak).is_err(), "{weak}");
        }
    }

    #[test]
    fn random_ones_and_long_phrases_are_strong() {
        for strong in [
            "f3a9c1d07be24855912fa6630cd1e8b74410fe92ab67c35d8e01f4b2976ac3d5",
            "kV9!xQ2#rT7@mZ4$wB8%nL1^cJ6&hD3*",
            "correct horse battery staple under an old umbrella",
            "secret-9f0c27be51d84a6633ac70e2b5",
        ] {
            assert_eq!(refuse_weak(strong), Ok(()), "{strong}");
        }
    }

    proptest! {
        #[test]
        fn what_openssl_rand_gives_is_strong(bytes in proptest::array::uniform32(any::<u8>())) {
            use std::fmt::Write;
            prop_assume!(bytes.iter().collect::<std::collections::BTreeSet<_>>().len() > 16);
            let hex = bytes.iter().fold(String::new(), |mut s, b| { let _ = write!(s, "{b:02x}"); s });
            prop_assert!(refuse_weak(&hex).is_ok());
        }

        #[test]
        fn junk_never_panics_and_never_shows(text in "\\PC{0,80}") {
            let _ = refuse_weak(&text);
            let _ = jwt_secret(&text, true).map(|secret| format!("{secret:?}"));
            let _ = admin_key(&text, true);
            prop_assert!(mask(&text).starts_with("***** ("));
        }
    }
}
