//! Sealing the audit trails of a request's events, beside the workers that serve requests.

use std::mem;

use activity_domain::activity::Activity;
use actix_web::web;

use super::events::Rejection;
use crate::audit::{Audit, Sent};
use crate::problem::Problem;

/// Activities, and what is still to be sealed for some of them.
#[derive(Default)]
pub struct Unsealed {
    /// The activities.
    pub activities: Vec<Activity>,
    sent: Vec<Trail>,
}

struct Trail {
    /// Place of its activity.
    place: usize,
    /// Place of its event in the request.
    index: usize,
    sent: Sent,
}

impl Unsealed {
    /// Adds the activity of the event with this index.
    pub fn push(&mut self, index: usize, activity: Activity, sent: Option<Sent>) {
        let place = self.activities.len();
        self.sent.extend(sent.map(|sent| Trail { place, index, sent }));
        self.activities.push(activity);
    }

    /// Seals what there is. Activities whose trail cannot be read are left out.
    fn seal(&mut self, audit: &Audit) -> Vec<(usize, Rejection)> {
        let (mut rejected, mut bad) = (Vec::new(), Vec::new());
        for Trail { place, index, sent } in mem::take(&mut self.sent) {
            let Some(activity) = self.activities.get_mut(place) else { continue };
            match audit.seal(&sent, activity) {
                Ok(sealed) => activity.audit = sealed,
                Err((field, reason)) => {
                    bad.push(place);
                    rejected.push((index, Rejection::new(field, reason.0)));
                }
            }
        }
        let (mut places, mut bad) = (0.., bad.into_iter().peekable());
        self.activities.retain(|_| {
            let place = places.next();
            bad.next_if(|bad| Some(*bad) == place).is_none()
        });
        rejected
    }
}

/// Seals the trails, and gives the events whose trail cannot be read. Where there are none, nothing waits.
pub async fn seal(
    audit: &Audit,
    mut events: Unsealed,
) -> Result<(Unsealed, Vec<(usize, Rejection)>), Problem> {
    if events.sent.is_empty() {
        return Ok((events, Vec::new()));
    }
    let audit = audit.clone();
    let sealing = web::block(move || {
        let rejected = events.seal(&audit);
        (events, rejected)
    });
    sealing.await.map_err(|_| Problem::unavailable("the server is shutting down", 1))
}
