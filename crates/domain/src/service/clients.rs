//! Registering clients.

use std::sync::Arc;

use thiserror::Error;

use super::Caller;
use crate::client::{Client, ClientLimits, ClientName, Email, RateLimit, Role};
use crate::error::{InsertError, StoreError};
use crate::id::{ClientId, KeyId};
use crate::key::{ApiKey, KeyRecord};
use crate::port::{ClientRepo, Clock, Randomness};

/// Who may register clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Anybody, for the role `client`.
    Open,
    /// Admins.
    Admin,
}

/// A wish to be registered.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The name to be shown.
    pub name: ClientName,
    /// The address; no other client may have it.
    pub email: Email,
    /// A limit other than the default.
    pub rate_limit: Option<RateLimit>,
    /// A role other than `client`; only an admin may ask for one.
    pub role: Option<Role>,
}

/// A new client with the one showing of its key.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Its first key's id.
    pub key_id: KeyId,
    /// Its first key.
    pub key: ApiKey,
}

/// Why a registration failed.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// The caller may not do this; the text says what.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Registration is not open and nobody is signed in.
    #[error("registration needs an admin's key")]
    Unauthenticated,
    /// Another client has this email.
    #[error("another client has this email")]
    EmailTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Registers clients.
pub struct Clients {
    repo: Arc<dyn ClientRepo>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    mode: RegistrationMode,
    default_limit: RateLimit,
}

impl Clients {
    /// Registration over a repository.
    pub fn new(
        repo: Arc<dyn ClientRepo>,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
        mode: RegistrationMode,
        default_limit: RateLimit,
    ) -> Self {
        Self { repo, clock, randomness, mode, default_limit }
    }

    /// Whether anybody may register.
    pub fn is_open(&self) -> bool {
        self.mode == RegistrationMode::Open
    }

    /// Whether this caller, or nobody, may register clients at all.
    pub fn admits(&self, by: Option<&Caller>) -> Result<(), RegisterError> {
        match by {
            _ if self.is_open() => Ok(()),
            Some(caller) if caller.role() == Role::Admin => Ok(()),
            Some(_) => Err(RegisterError::Forbidden("only an admin may register clients here")),
            None => Err(RegisterError::Unauthenticated),
        }
    }

    /// Registers a client on behalf of a caller, or of nobody. What an admin does is written down.
    pub async fn register(
        &self,
        wish: Registration,
        by: Option<&Caller>,
    ) -> Result<Registered, RegisterError> {
        self.may_register(&wish, by)?;
        let mut bits = [0; 10];
        self.randomness.fill(&mut bits);
        let (key_id, key) = ApiKey::generate(self.randomness.as_ref());
        let created_at = self.clock.now();
        let client = Client {
            id: ClientId::from_bits(bits),
            name: wish.name,
            email: Some(wish.email),
            role: wish.role.unwrap_or(Role::Client),
            rate_limit: wish.rate_limit.unwrap_or(self.default_limit),
            limits: ClientLimits::default(),
            is_active: true,
            created_at,
        };
        let record = KeyRecord { id: key_id.clone(), digest: key.digest(), created_at, expires_at: None };
        let signature = by.and_then(|caller| caller.signature(created_at));
        let repo = signature.map_or_else(|| self.repo.clone(), |by| self.repo.signed(by));
        match repo.insert(&client, Some(&record)).await {
            Ok(()) => Ok(Registered { client, key_id, key }),
            Err(InsertError::EmailTaken) => Err(RegisterError::EmailTaken),
            Err(InsertError::IdTaken) => {
                // 80 random bits met twice: the randomness is broken, not the caller.
                Err(StoreError::Refused("a new client's id exists already".into()).into())
            }
            Err(InsertError::Store(error)) => Err(error.into()),
        }
    }

    fn may_register(&self, wish: &Registration, by: Option<&Caller>) -> Result<(), RegisterError> {
        self.admits(by)?;
        if by.is_some_and(|caller| caller.role() == Role::Admin) {
            return Ok(());
        }
        if wish.role.is_some() {
            return Err(RegisterError::Forbidden("only an admin may set a role"));
        }
        if wish.rate_limit.is_some_and(|limit| limit > self.default_limit) {
            return Err(RegisterError::Forbidden("only an admin may set a rate limit above the default"));
        }
        Ok(())
    }
}
