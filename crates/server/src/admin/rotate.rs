//! `admin rotate-encryption`: everything that is sealed, under the first key of `ENCRYPTION_KEY`.

use std::time::{Duration, Instant};

use activity_domain::error::StoreError;
use activity_domain::port::{Resealed, Resealing};

use super::{Opened, open};
use crate::Failure;
use crate::config::Settings;

/// Attempts while the store is busy, with growing pauses: half a minute in all.
const ATTEMPTS: u32 = 8;
/// Between two words about how far it is.
const PROGRESS: Duration = Duration::from_secs(2);

/// Goes through the store, also beside running servers. It may be stopped at any time and run again.
pub async fn run(settings: &Settings) -> Result<(), Failure> {
    let opened = open(settings).await?;
    let mut pass = opened.storage.sealed.resealing();
    let (mut done, mut told) = (Resealed::default(), None::<Instant>);
    loop {
        let step = patiently(pass.as_mut()).await?;
        done = sum(done, step);
        if !step.more {
            break;
        }
        if told.is_none_or(|told| told.elapsed() >= PROGRESS) {
            tracing::info!(trails = done.trails, emails = done.emails, "sealing anew");
            told = Some(Instant::now());
        }
    }
    crate::print(&account(&done, is_aside(&opened).await?))
}

async fn patiently(pass: &mut dyn Resealing) -> Result<Resealed, StoreError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match pass.step().await {
            Err(error) if error.is_transient() && attempt < ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(100 << attempt.min(6))).await;
            }
            step => return step,
        }
    }
}

fn sum(a: Resealed, b: Resealed) -> Resealed {
    Resealed {
        trails: a.trails + b.trails,
        emails: a.emails + b.emails,
        unopened: a.unopened + b.unopened,
        more: b.more,
    }
}

async fn is_aside(opened: &Opened) -> Result<bool, StoreError> {
    Ok(!opened.storage.set_aside.list(0, 1).await?.is_empty())
}

fn account(done: &Resealed, is_aside: bool) -> String {
    let Resealed { trails, emails, unopened, .. } = done;
    let mut lines = vec![
        format!("  audit trails sealed anew  {trails:>12}"),
        format!("  emails sealed anew        {emails:>12}"),
    ];
    if *unopened > 0 {
        lines.push(format!(
            "  left as they are          {unopened:>12}  they do not open with any key of ENCRYPTION_KEY"
        ));
    }
    if is_aside {
        lines.push(
            "What is set aside keeps its key: see `activity-tracker admin set-aside list` first.".to_owned(),
        );
    }
    lines.push(if trails + emails == 0 {
        "Everything in the database is sealed with the first key. The others may be taken off the list.".to_owned()
    } else {
        "Run this again when all instances have had the new list for half an hour, so that spools have nothing of \
         before. When nothing is left to be sealed anew, the other keys may be taken off the list."
            .to_owned()
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_keys_may_go_only_when_nothing_was_left() {
        let some = Resealed { trails: 2, emails: 1, unopened: 0, more: false };
        assert!(account(&some, false).contains("Run this again"));
        let none = account(&Resealed { unopened: 3, ..Resealed::default() }, true);
        assert!(
            none.contains("may be taken off")
                && none.contains("set aside")
                && none.contains("3  they do not")
        );
    }
}
