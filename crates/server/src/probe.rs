//! `health`: asks the server that runs on the same `DATA_DIR` whether it is ready.

use std::time::Duration;

use crate::config::Settings;
use crate::running::reachable;
use crate::{Failure, print, wire};

/// What an answer may take. The server gives each of its checks a second.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// Prints what `/readyz` answers. The error says if that is not 200, or if nobody answers.
pub async fn run(settings: &Settings) -> Result<(), Failure> {
    let (folder, file) = (settings.data_dir.display(), wire::url_file(settings));
    let url = std::fs::read_to_string(&file).map_err(|_| format!("no server is running on {folder}"))?;
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    let answer = client.get(format!("{}/readyz", reachable(url.trim(), settings)?)).send().await?;
    let status = answer.status();
    print(&answer.text().await?)?;
    if status.is_success() { Ok(()) } else { Err(format!("the server answers {status}").into()) }
}
