//! How a store keeps emails: sealed, and found again by an index that takes a key.

use std::fmt;
use std::sync::Arc;

use crate::audit::{self, Sealed};
use crate::client::Email;
use crate::digest::keyed;
use crate::error::{Invalid, StoreError, Unopened};
use crate::id::{ActivityId, ClientId};
use crate::port::{Randomness, Vault};
use crate::time::Timestamp;

/// How a store keeps emails.
#[derive(Debug, Clone, Default)]
pub enum Emails {
    /// As they are: for a store whose file is nobody's business.
    #[default]
    Plain,
    /// Sealed.
    Sealed(EmailVault),
}

/// An email as it is kept; all of it `None` where a client has no email.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeptEmail {
    /// As it is.
    pub plain: Option<String>,
    /// Sealed, for its client.
    pub sealed: Option<Vec<u8>>,
    /// What equal emails have in common and others do not.
    pub index: Option<Vec<u8>>,
}

impl Emails {
    /// The vault, if emails are sealed.
    pub fn vault(&self) -> Option<&EmailVault> {
        match self {
            Self::Plain => None,
            Self::Sealed(vault) => Some(vault),
        }
    }

    /// An email as it is to be kept. `key` is that of the store's index, as it is kept there; without a vault, and
    /// for a client without an email, there need be none.
    pub fn keep(
        &self,
        client: &ClientId,
        email: Option<&Email>,
        key: Option<&Sealed>,
    ) -> Result<KeptEmail, StoreError> {
        let (Some(email), Self::Sealed(vault)) = (email, self) else {
            let plain = email.map(|email| email.as_str().to_owned());
            return Ok(KeptEmail { plain, ..KeptEmail::default() });
        };
        let key =
            key.ok_or_else(|| StoreError::Refused("the key of the index of emails is missing".into()))?;
        let index = vault.index(key, email).map_err(|error| locked(&error))?;
        let sealed = vault.seal(client, email).map_err(|error| StoreError::Refused(error.0))?;
        Ok(KeptEmail { plain: None, sealed: Some(sealed.as_bytes().to_vec()), index: Some(index.to_vec()) })
    }

    /// An email from what is kept of it. One whose key is not at hand is shown as none: who its client is does
    /// not depend on it.
    pub fn read(
        &self,
        client: &ClientId,
        plain: Option<&str>,
        sealed: Option<&[u8]>,
    ) -> Result<Option<Email>, Invalid> {
        match (sealed, self) {
            (None, _) => plain.map(Email::parse).transpose(),
            (Some(_), Self::Plain) => Ok(None),
            (Some(sealed), Self::Sealed(vault)) => match vault.open(client, &Sealed::parse(sealed)?) {
                Ok(email) => Email::parse(&email).map(Some),
                Err(Unopened::NoKey(_)) => Ok(None),
                Err(error @ Unopened::Altered) => Err(Invalid::new(error.to_string())),
            },
        }
    }
}

/// That the key of the index does not open, which is sealed with the oldest key that is still of use.
fn locked(error: &Unopened) -> StoreError {
    StoreError::Refused(match error {
        Unopened::NoKey(id) => format!(
            "ENCRYPTION_KEY lacks the key {id}, which emails in the database are sealed with: put it on the list \
             again, and take it off only after `activity-tracker admin rotate-encryption`"
        ),
        Unopened::Altered => "the key of the index of emails in the database is damaged".to_owned(),
    })
}

/// Seals emails for a store, each for its client.
///
/// Equal emails, sealed, differ. So that they are known as equal, each has an index, which is made with a key of
/// the store's own: random, and kept there, sealed as well. It stays when the encryption key changes.
#[derive(Clone)]
pub struct EmailVault {
    vault: Arc<dyn Vault>,
    randomness: Arc<dyn Randomness>,
}

impl fmt::Debug for EmailVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailVault(..)")
    }
}

/// Where the key of the index belongs.
const INDEX_KEY: &[u8] = b"index_key.sealed\0email";

impl EmailVault {
    /// Seals with a vault, and takes new keys from there.
    pub fn new(vault: Arc<dyn Vault>, randomness: Arc<dyn Randomness>) -> Self {
        Self { vault, randomness }
    }

    /// A new key for a store's index.
    pub fn make_index_key(&self) -> Result<Sealed, Invalid> {
        let mut key = [0; 32];
        self.randomness.fill(&mut key);
        self.vault.seal(&key, INDEX_KEY)
    }

    /// Whether the key of the index can be used.
    pub fn check(&self, key: &Sealed) -> Result<(), StoreError> {
        self.index_key(key).map(|_| ()).map_err(|error| locked(&error))
    }

    /// What everything begins with that need not be sealed anew.
    pub fn mark(&self) -> Vec<u8> {
        self.vault.mark()
    }

    /// Seals the key of the index with the key that seals now; `None` if it is.
    pub fn reseal_index_key(&self, key: &Sealed) -> Result<Option<Sealed>, Unopened> {
        self.reseal(key, INDEX_KEY)
    }

    /// The same for a client's email.
    pub fn reseal_email(&self, client: &ClientId, email: &Sealed) -> Result<Option<Sealed>, Unopened> {
        self.reseal(email, &context(client))
    }

    /// The same for an audit trail.
    pub fn reseal_trail(
        &self,
        (client, id, at): (&ClientId, ActivityId, Timestamp),
        trail: &Sealed,
    ) -> Result<Option<Sealed>, Unopened> {
        self.reseal(trail, &audit::context(client, id, at))
    }

    fn reseal(&self, sealed: &Sealed, context: &[u8]) -> Result<Option<Sealed>, Unopened> {
        if sealed.as_bytes().starts_with(&self.vault.mark()) {
            return Ok(None);
        }
        let plain = self.vault.open(sealed, context)?;
        // What was sealed once is not too long for it.
        self.vault.seal(&plain, context).map(Some).map_err(|_| Unopened::Altered)
    }

    fn seal(&self, client: &ClientId, email: &Email) -> Result<Sealed, Invalid> {
        self.vault.seal(email.as_str().as_bytes(), &context(client))
    }

    fn open(&self, client: &ClientId, email: &Sealed) -> Result<String, Unopened> {
        let plain = self.vault.open(email, &context(client))?;
        String::from_utf8(plain).map_err(|_| Unopened::Altered)
    }

    fn index(&self, key: &Sealed, email: &Email) -> Result<[u8; 32], Unopened> {
        Ok(keyed(&self.index_key(key)?, email.as_str().as_bytes()))
    }

    fn index_key(&self, key: &Sealed) -> Result<[u8; 32], Unopened> {
        let key = self.vault.open(key, INDEX_KEY)?;
        key.try_into().map_err(|_| Unopened::Altered)
    }
}

/// Where the email of a client belongs.
fn context(client: &ClientId) -> Vec<u8> {
    [b"client.email_sealed\0", client.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up.
    struct Counting;
    impl Randomness for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(1..).for_each(|(byte, value)| *byte = value);
        }
    }

    /// A key of one byte, by which it is known; it does not hide anything.
    struct Glass(Vec<u8>);
    impl Vault for Glass {
        fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<Sealed, Invalid> {
            Sealed::parse([&self.0[..1], context, plaintext].concat())
        }
        fn mark(&self) -> Vec<u8> {
            self.0[..1].to_vec()
        }
        fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Vec<u8>, Unopened> {
            let (key, rest) = sealed.as_bytes().split_at(1);
            if !self.0.contains(&key[0]) {
                return Err(Unopened::NoKey(key[0].to_string()));
            }
            rest.strip_prefix(context).map(<[u8]>::to_vec).ok_or(Unopened::Altered)
        }
    }

    fn vault(keys: &[u8]) -> EmailVault {
        EmailVault::new(Arc::new(Glass(keys.to_vec())), Arc::new(Counting))
    }

    fn client(id: &str) -> ClientId {
        ClientId::parse(id).unwrap()
    }

    fn keep(vault: &EmailVault, key: &Sealed, id: &str, email: &str) -> KeptEmail {
        let email = Email::parse(email).unwrap();
        Emails::Sealed(vault.clone()).keep(&client(id), Some(&email), Some(key)).unwrap()
    }

    #[test]
    fn equal_emails_are_known_by_their_index_and_no_email_is_in_clear() {
        let vault = vault(&[1]);
        let key = vault.make_index_key().unwrap();
        let [one, same, other] = [("CL-1", "a@x.test"), ("CL-2", "A@X.test"), ("CL-3", "b@x.test")]
            .map(|(id, email)| keep(&vault, &key, id, email));
        assert_eq!(one.index, same.index);
        assert!(one.index != other.index && one.sealed != same.sealed && one.plain.is_none());
        let read = |id, kept: &KeptEmail| {
            Emails::Sealed(vault.clone()).read(&client(id), None, kept.sealed.as_deref())
        };
        assert_eq!(read("CL-1", &one).unwrap().unwrap().as_str(), "a@x.test");
        assert!(read("CL-2", &one).is_err(), "it opens for its own client only");
    }

    #[test]
    fn the_index_stays_when_the_key_changes() {
        let (old, both, new) = (vault(&[1]), vault(&[2, 1]), vault(&[2]));
        let key = old.make_index_key().unwrap();
        let before = keep(&old, &key, "CL-1", "a@x.test");
        let sealed = Sealed::parse(before.sealed.clone().unwrap()).unwrap();
        let email = both.reseal_email(&client("CL-1"), &sealed).unwrap().unwrap();
        let key = both.reseal_index_key(&key).unwrap().unwrap();
        assert_eq!(
            both.reseal_email(&client("CL-1"), &email),
            Ok(None),
            "a second time there is nothing to do"
        );
        let after = keep(&new, &key, "CL-1", "a@x.test");
        assert_eq!((&after.index, after.sealed.as_deref()), (&before.index, Some(email.as_bytes())));
        assert!(new.check(&key).is_ok());
        let StoreError::Refused(reason) = old.check(&key).unwrap_err() else { panic!("it may not pass") };
        assert!(reason.contains("lacks the key 2"), "{reason}");
    }

    #[test]
    fn without_the_key_there_is_no_email_and_the_client_is_there() {
        let one = vault(&[1]);
        let kept = keep(&one, &one.make_index_key().unwrap(), "CL-1", "a@x.test");
        for emails in [Emails::Sealed(vault(&[2])), Emails::Plain] {
            assert_eq!(emails.read(&client("CL-1"), None, kept.sealed.as_deref()), Ok(None));
        }
    }

    #[test]
    fn what_was_kept_in_clear_is_read_until_it_is_sealed() {
        let email = Email::parse("a@x.test").unwrap();
        let kept = Emails::Plain.keep(&client("CL-1"), Some(&email), None).unwrap();
        for emails in [Emails::Plain, Emails::Sealed(vault(&[1]))] {
            assert_eq!(emails.read(&client("CL-1"), kept.plain.as_deref(), None), Ok(Some(email.clone())));
        }
        let none = Emails::Sealed(vault(&[1])).keep(&client("CL-1"), None, None);
        assert_eq!(none, Ok(KeptEmail::default()));
    }
}
