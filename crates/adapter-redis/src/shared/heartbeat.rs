//! How many instances there are. Each says once in a while that it lives, and is forgotten when it no longer does.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::link::{Link, NoAnswer, Script};

/// The braces are for a cluster, as everywhere.
const KEY: &str = "activity:{instances}";
/// Who has said nothing for so long is gone: several times what lies between two heartbeats.
const LIFE: Duration = Duration::from_secs(5);
/// KEYS[1]: instances by when they were last heard of. ARGV: which one this is, and how long it lives without another word.
const BEAT: &str = "local parts = redis.call('TIME')
local now = parts[1] * 1000 + math.floor(parts[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])";

/// The heart of this instance.
pub(super) struct Heart {
    script: Script,
    id: String,
    /// The contact with Redis, and since when.
    contact: (u64, Instant),
    /// How many instances there are.
    count: u32,
}

impl Heart {
    pub fn new() -> Self {
        // Instances need not be guessed, only told apart; these are the random keys of the hasher.
        let id = format!("{:016x}", RandomState::new().hash_one(0));
        Self { script: Script::new(BEAT), id, contact: (0, Instant::now()), count: 1 }
    }

    /// Says that this instance lives. Returns how many do. At the beginning of a contact others may not have said so
    /// yet: until they have had the time, there are as many as before.
    pub async fn beat(&mut self, link: &Link, contact: u64) -> Result<u32, NoAnswer> {
        if self.contact.0 != contact {
            self.contact = (contact, Instant::now());
        }
        let keys = vec![KEY.to_owned()];
        let arguments = vec![self.id.as_str().into(), LIFE.as_millis().to_string().into()];
        let script = &self.script;
        let count: u32 = link.ask(async |client| script.run(client, keys, arguments).await).await?;
        self.count = if self.contact.1.elapsed() < LIFE { self.count.max(count) } else { count.max(1) };
        Ok(self.count)
    }
}
