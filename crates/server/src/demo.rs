//! `demo`: a server with made-up traffic to look at, on the way that real traffic takes: through the API.

mod cast;
mod play;
mod stage;
mod traffic;

use rustix::process::{Signal, getpid, kill_process};

pub use self::stage::Stage;
use crate::config::Settings;
use crate::{Failure, serve};

/// Serves and plays until SIGTERM or SIGINT.
pub async fn run(settings: &Settings, stage: &Stage) -> Result<(), Failure> {
    let mut serving = std::pin::pin!(serve::run(settings, None));
    let failure = tokio::select! {
        ended = &mut serving => return ended,
        // The server has heard it too. Whoever plays need not see it go.
        () = serve::asked_to_stop() => None,
        failure = play::on(settings, stage) => Some(failure),
    };
    if failure.is_some() {
        // Heard by the server as if it came from outside: it stops in order.
        kill_process(getpid(), Signal::TERM)?;
    }
    let ended = serving.await;
    failure.map_or(ended, Err)
}
