//! What a call takes from quotas.

use super::Quota;
use crate::error::Invalid;

/// What a call takes from one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// From which.
    pub quota: Quota,
    /// How much; 0 from a quota that the call does not touch, which then has no say in it.
    pub cost: u64,
}

impl Charge {
    /// The cost as a count, where it can ever fit into the quota.
    pub(super) fn count(&self) -> Option<u32> {
        u32::try_from(self.cost).ok().filter(|count| *count <= self.quota.limit.get())
    }
}

/// What a call takes from each of its subject's quotas: 1 to [`Charges::MAX`] charges, of quotas with
/// different names.
///
/// Quotas that the call does not touch are part of it too, at no cost: a limiter may let go of one that
/// calls no longer name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charges(Vec<Charge>);

impl Charges {
    /// The most quotas that one call may have.
    pub const MAX: usize = 8;

    /// Takes charges, in the order in which decisions speak of them.
    pub fn parse(charges: Vec<Charge>) -> Result<Self, Invalid> {
        few_and_different(&charges, |charge| &charge.quota)?;
        Ok(Self(charges))
    }

    /// Takes charges that are few and of different names by where they come from.
    pub(crate) fn known_to_differ(charges: Vec<Charge>) -> Self {
        debug_assert!(few_and_different(&charges, |charge| &charge.quota).is_ok());
        Self(charges)
    }

    /// The charges, in order.
    pub fn as_slice(&self) -> &[Charge] {
        &self.0
    }
}

impl From<Charge> for Charges {
    fn from(charge: Charge) -> Self {
        Self(vec![charge])
    }
}

/// Quotas to be looked at: 1 to [`Charges::MAX`], with different names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas(Vec<Quota>);

impl Quotas {
    /// Takes quotas, in the order in which answers speak of them.
    pub fn parse(quotas: Vec<Quota>) -> Result<Self, Invalid> {
        few_and_different(&quotas, |quota| quota)?;
        Ok(Self(quotas))
    }

    /// The quotas, in order.
    pub fn as_slice(&self) -> &[Quota] {
        &self.0
    }
}

impl From<Quota> for Quotas {
    fn from(quota: Quota) -> Self {
        Self(vec![quota])
    }
}

impl From<&Charges> for Quotas {
    fn from(charges: &Charges) -> Self {
        Self(charges.0.iter().map(|charge| charge.quota).collect())
    }
}

fn few_and_different<T>(list: &[T], quota: impl Fn(&T) -> &Quota) -> Result<(), Invalid> {
    if list.is_empty() || list.len() > Charges::MAX {
        return Err(Invalid::new("must be 1 to 8 quotas"));
    }
    let name = |item: &T| quota(item).name;
    let is_named_before = |index: usize| list[..index].iter().any(|item| name(item) == name(&list[index]));
    if (1..list.len()).any(is_named_before) {
        return Err(Invalid::new("must not hold two quotas of one name"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::RateLimit;
    use crate::limit::{QuotaName, Window};

    fn charge(name: &str, cost: u64) -> Charge {
        let name = QuotaName::parse(name).unwrap();
        let quota =
            Quota { name, limit: RateLimit::parse(5).unwrap(), window: Window::MINUTE, shadow: false };
        Charge { quota, cost }
    }

    #[test]
    fn quotas_are_few_and_have_different_names() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let all = names.map(|name| charge(name, 1));
        assert!(Charges::parse(all[..8].to_vec()).is_ok());
        assert!(Charges::parse(all.to_vec()).is_err());
        assert!(Charges::parse(Vec::new()).is_err());
        assert!(Charges::parse(vec![charge("a", 1), charge("b", 0), charge("a", 2)]).is_err());
        assert!(Quotas::parse(vec![charge("a", 1).quota; 2]).is_err());
    }

    #[test]
    fn a_cost_counts_where_it_can_fit() {
        let counts = [0, 1, 5, 6, 1 << 32, u64::MAX].map(|cost| charge("a", cost).count());
        assert_eq!(counts, [Some(0), Some(1), Some(5), None, None, None]);
    }
}
