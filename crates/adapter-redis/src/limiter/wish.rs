//! Tokens of quotas that an instance is handed together with a decision, to spend them later.

use activity_domain::limit::QuotaName;
use activity_domain::time::Timestamp;
use fred::types::Value;

/// What a call asks for beside its decision; nothing, by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    /// How many tokens of each quota, in the order of the charges.
    pub tokens: Vec<u32>,
    /// So many percent of a limit are not handed out.
    pub kept_percent: u32,
    /// What is given back first, whatever is decided.
    pub back: Option<Back>,
}

/// Tokens that nobody has spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Back {
    /// The instant that they were counted at.
    pub at: Timestamp,
    /// How many of each quota.
    pub tokens: Vec<(QuotaName, u32)>,
}

/// What was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handed {
    /// The instant that it is counted at.
    pub at: Timestamp,
    /// The same by the clock, which may have been put back.
    pub shown: i64,
    /// Of each quota how many tokens, and the instant at which nothing that was spent will count any more; 0 if nothing does.
    pub quotas: Vec<(u32, i64)>,
}

impl Wish {
    /// How many tokens are wanted of the quota of this index.
    pub fn of(&self, index: usize) -> i64 {
        self.tokens.get(index).copied().unwrap_or(0).into()
    }

    /// Adds what the script takes before the quotas.
    pub fn add_to(&self, arguments: &mut Vec<Value>) {
        arguments.push(self.kept_percent.into());
        let Some(Back { at, tokens }) = &self.back else {
            arguments.extend([0.into(), 0.into()]);
            return;
        };
        arguments.extend([at.as_micros().into(), i64::try_from(tokens.len()).unwrap_or(0).into()]);
        for (name, count) in tokens {
            arguments.extend([Value::from(name.as_str()), i64::from(*count).into()]);
        }
    }
}
