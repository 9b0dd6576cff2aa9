//! A script in Lua.

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::LuaInterface;
use fred::types::{FromValue, Value, scripts};

use super::library::is_sent_away;

/// A server may not know the script, or say that the keys are elsewhere, where it may not be known either.
const TRIES: usize = 4;

/// Is sent by its hash.
pub(crate) struct Script(scripts::Script);

impl Script {
    pub fn new(text: &'static str) -> Self {
        Self(scripts::Script::from_lua(text))
    }

    /// Runs it, once, with keys that are on one server: each of these answers comes in place of a run.
    pub async fn run<T: FromValue>(
        &self,
        client: &Client,
        keys: Vec<String>,
        arguments: Vec<Value>,
    ) -> Result<T, Error> {
        let hash = self.0.sha1().clone();
        for _ in 1..TRIES {
            match client.evalsha(hash.clone(), keys.clone(), arguments.clone()).await {
                Err(error) if error.details().starts_with("NOSCRIPT") => self.0.load(client).await?,
                Err(error) if is_sent_away(&error) => {}
                answer => return answer,
            }
        }
        client.evalsha(hash, keys, arguments).await
    }
}
