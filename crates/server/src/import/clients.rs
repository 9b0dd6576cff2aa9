//! Whose requests they are.

use std::collections::HashSet;
use std::sync::Arc;

use activity_access_log::Entry;
use activity_domain::address::AddressPrivacy;
use activity_domain::client::{Client, ClientLimits, ClientName, RateLimit, Role};
use activity_domain::error::Invalid;
use activity_domain::id::ClientId;
use activity_domain::port::{ClientRepo, Clock, Read};
use sha2::{Digest, Sha256};

use crate::Failure;
use crate::system::SystemClock;

/// Clients that are remembered as being there; the rest is asked for again.
const REMEMBERED: usize = 100_000;
/// The client of requests without a user, where users are the clients.
const ANONYMOUS: &str = "(anonymous)";

enum By {
    Ip,
    User,
    One(ClientId),
}

/// Finds the client of each entry, making those that are missing: without key and email, until an
/// admin gives them some. A client's id follows from its name, so that a second run finds it again.
pub struct Owners {
    by: By,
    repo: Arc<dyn ClientRepo>,
    addresses: AddressPrivacy,
    rate_limit: RateLimit,
    known: HashSet<ClientId>,
    missing: Vec<Client>,
    new: u64,
}

impl Owners {
    /// Owners by what the command line says.
    pub async fn new(
        by: &str,
        repo: Arc<dyn ClientRepo>,
        addresses: AddressPrivacy,
        rate_limit: RateLimit,
    ) -> Result<Self, Failure> {
        let by = match by {
            "ip" => By::Ip,
            "user" => By::User,
            id => By::One(existing(id, repo.as_ref()).await?),
        };
        Ok(Self { by, repo, addresses, rate_limit, known: HashSet::new(), missing: Vec::new(), new: 0 })
    }

    /// How many clients were made.
    pub fn made(&self) -> u64 {
        self.new
    }

    /// The client of an entry; the error rejects the line. What is missing is noted for
    /// [`Owners::make_missing`], which has to come before the events are stored.
    pub fn of(&mut self, entry: &Entry) -> Result<ClientId, Invalid> {
        let (kind, name) = match &self.by {
            By::One(id) => return Ok(id.clone()),
            By::Ip => {
                let kept = entry.ip.map(|ip| self.addresses.of(ip).to_string());
                ("ip", kept.unwrap_or_else(|| entry.host.clone()))
            }
            By::User => ("user", entry.user.clone().unwrap_or_else(|| ANONYMOUS.to_owned())),
        };
        let id = derived(kind, &name);
        if self.known.contains(&id) {
            return Ok(id);
        }
        let name = ClientName::parse(&name).map_err(|reason| {
            Invalid::new(format!("has a {kind} that cannot be a client's name: it {reason}"))
        })?;
        self.known.insert(id.clone());
        self.missing.push(Client {
            id: id.clone(),
            name,
            email: None,
            role: Role::Client,
            rate_limit: self.rate_limit,
            limits: ClientLimits::default(),
            is_active: true,
            created_at: SystemClock.now(),
        });
        Ok(id)
    }

    /// Makes the clients of the entries since the last call, except those of an earlier run.
    pub async fn make_missing(&mut self) -> Result<(), Failure> {
        let missing = std::mem::take(&mut self.missing);
        if !missing.is_empty() {
            self.new += self.repo.insert_missing(&missing).await?;
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        Ok(())
    }
}

async fn existing(id: &str, repo: &dyn ClientRepo) -> Result<ClientId, Failure> {
    let unknown = || format!("--client-by must be ip, user or the id of a client; there is no client {id}");
    let id = ClientId::parse(id).map_err(|_| unknown())?;
    repo.by_id(&id, Read::Latest).await?.ok_or_else(unknown)?;
    Ok(id)
}

fn derived(kind: &str, name: &str) -> ClientId {
    let digest = Sha256::digest(format!("activity-tracker import\0{kind}\0{name}"));
    let mut bits = [0; 10];
    bits.copy_from_slice(&digest[..10]);
    ClientId::from_bits(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_kind_and_name() {
        assert_eq!(derived("ip", "192.0.2.7"), derived("ip", "192.0.2.7"));
        assert_ne!(derived("ip", "192.0.2.7"), derived("ip", "192.0.2.8"));
        assert_ne!(derived("ip", "ada"), derived("user", "ada"));
    }
}
