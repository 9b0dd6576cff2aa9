//! The server that runs on the same `DATA_DIR`, for this program's other subcommands.

use std::io::ErrorKind;
use std::time::Duration;

use activity_ingest::OpenError;

use crate::config::Settings;
use crate::system::OsRandomness;
use crate::tls::bridge;
use crate::{Failure, secrets, wire};

/// A running server, spoken to as its admin.
pub struct RunningServer {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl RunningServer {
    /// Finds the server that has the data folder. The error says if there is none.
    pub fn find(settings: &Settings) -> Result<Self, Failure> {
        let (folder, file) = (settings.data_dir.display(), wire::url_file(settings));
        let none = || format!("no server is running on {folder}");
        let url = match std::fs::read_to_string(&file) {
            Ok(url) => url,
            Err(error) if error.kind() == ErrorKind::NotFound && !is_in_use(settings)? => {
                return Err(none().into());
            }
            Err(error) => {
                let file = file.display();
                return Err(
                    format!("{folder} is in use, but {file} does not say by which server: {error}").into()
                );
            }
        };
        // One that was killed leaves its address behind.
        if !is_in_use(settings)? {
            return Err(none().into());
        }
        let key = secrets::open(settings, &OsRandomness)?.admin;
        let url = reachable(url.trim(), settings)?;
        let client = reqwest::Client::builder().timeout(Duration::from_mins(1)).no_proxy().build()?;
        Ok(Self { client, url, key: key.reveal().to_owned() })
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A question to a path.
    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).header("x-api-key", &self.key)
    }

    /// The same as [`Self::post`] by somebody else.
    pub fn post_as(&self, key: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).header("x-api-key", key)
    }

    /// A request to a path.
    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).header("x-api-key", &self.key)
    }
}

/// Where the server with this address can be spoken to without TLS.
pub fn reachable(url: &str, settings: &Settings) -> Result<String, Failure> {
    match (url.strip_prefix("https://"), &settings.tls) {
        (Some(address), Some(files)) => Ok(format!("http://{}", bridge::to(address.parse()?, files)?)),
        (Some(_), None) => Err("the running server speaks TLS: see TLS_CERT_FILE".into()),
        (None, _) => Ok(url.to_owned()),
    }
}

/// Whether another process has the data folder.
fn is_in_use(settings: &Settings) -> Result<bool, Failure> {
    let folder = wire::spool_folder(settings);
    if !folder.exists() {
        return Ok(false);
    }
    match activity_ingest::claim(&folder) {
        Ok(_) => Ok(false),
        Err(OpenError::InUse(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
