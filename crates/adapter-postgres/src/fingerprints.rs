//! Secrets that all instances on one database have to share. The database knows each by a fingerprint, so that
//! an instance with another one finds out before it signs or seals something that nobody else can check or open.

use activity_domain::error::StoreError;
use diesel::OptionalExtension;
use diesel::sql_types::{Binary, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::out_of_reach;
use crate::migrations;
use crate::options::Server;
use crate::statement::statement;

/// A digest that says whether two secrets are the same and nothing else about them.
pub type Digest = [u8; 32];

/// What is known of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Its setting.
    pub name: &'static str,
    /// Of the one in use.
    pub in_use: Digest,
    /// Of those that are on their way out and still good.
    pub former: Vec<Digest>,
}

/// Attempts where another instance moves a secret on at the same time.
const ATTEMPTS: usize = 5;

statement! {
    Known<'a> { name: &'a str => Text } -> Binary =
        "SELECT digest FROM secret_fingerprint WHERE name = $1"
}

statement! {
    /// Two that come first at once settle it by the key.
    First<'a> { name: &'a str => Text, digest: &'a [u8] => Binary } -> () =
        "INSERT INTO secret_fingerprint (name, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING"
}

statement! {
    /// Only if nobody else has moved it on.
    Move<'a> { name: &'a str => Text, digest: &'a [u8] => Binary, from: &'a [u8] => Binary } -> () =
        "UPDATE secret_fingerprint SET digest = $2 WHERE name = $1 AND digest = $3"
}

statement! {
    Replace<'a> { name: &'a str => Text, digest: &'a [u8] => Binary } -> () =
        "INSERT INTO secret_fingerprint (name, digest) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET digest = EXCLUDED.digest"
}

/// Compares secrets with those that the database knows, and makes those known that it does not. Where it knows
/// one that is on its way out here, the one in use takes its place.
pub(crate) async fn check(server: &Server, secrets: &[Fingerprint]) -> Result<(), StoreError> {
    if secrets.is_empty() {
        return Ok(());
    }
    let mut connection = migrations::connect(server).await?;
    for secret in secrets {
        settle(&mut connection, server, secret).await?;
    }
    Ok(())
}

/// Makes the database know these from now on, whatever it knew.
pub async fn accept(server: &Server, secrets: &[Fingerprint]) -> Result<(), StoreError> {
    migrations::require_current(server).await?;
    let mut connection = migrations::connect(server).await?;
    for Fingerprint { name, in_use, .. } in secrets {
        let replaced = Replace { name, digest: in_use }.execute(&mut connection).await;
        replaced.map_err(|error| out_of_reach(&error))?;
    }
    Ok(())
}

async fn settle(c: &mut AsyncPgConnection, server: &Server, secret: &Fingerprint) -> Result<(), StoreError> {
    let Fingerprint { name, in_use, former } = secret;
    let failed = |error: diesel::result::Error| out_of_reach(&error);
    for _ in 0..ATTEMPTS {
        let known: Option<Vec<u8>> = Known { name }.get_result(c).await.optional().map_err(failed)?;
        match known.as_deref() {
            Some(known) if known == in_use => return Ok(()),
            Some(known) if former.iter().any(|digest| known == digest) => {
                Move { name, digest: in_use, from: known }.execute(c).await.map_err(failed)?;
            }
            Some(_) => return Err(differs(name, server)),
            None => {
                First { name, digest: in_use }.execute(c).await.map_err(failed)?;
            }
        }
    }
    Err(out_of_reach(&format_args!("{name} is being changed by others")))
}

fn differs(name: &str, server: &Server) -> StoreError {
    StoreError::Refused(format!(
        "{name} is another one than that of the instances that work on the database on {server}: give all of \
         them the same. To change it for all, stop them and run `activity-tracker admin accept-secrets` with \
         the new one"
    ))
}
