//! Asking Sentinels which server is the primary. An old one that is to step down goes on taking writes for ten seconds, all
//! of which are lost, unless somebody leaves it.

use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::{ClusterHash, CustomCommand};
use tokio::task::JoinHandle;

use super::guard::{Errors, last_trouble};
use super::{Options, library};

/// Connections to all Sentinels that are known.
pub(super) struct Sentinels {
    clients: Vec<Client>,
    errors: Vec<Errors>,
    master_name: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Sentinels {
    /// Begins to connect. `None` where there are none.
    pub fn open(options: &Options) -> Result<Option<Self>, String> {
        let Some((hosts, master_name)) = options.sentinels() else { return Ok(None) };
        let (mut clients, mut errors, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
        for host in &hosts {
            let client = library::client(host)?;
            errors.push(client.error_rx());
            tasks.push(library::keep_connected(client.clone()));
            clients.push(client);
        }
        Ok(Some(Self { clients, errors, master_name: master_name.to_owned(), tasks }))
    }

    /// Whether most of them name the same server, which is not the one that a client talks to.
    pub async fn name_another_than(&self, client: &Client) -> bool {
        let [ours] = &client.active_connections()[..] else { return false };
        let (mut named, mut others) = (Vec::new(), 0);
        for sentinel in self.clients.iter().filter(|sentinel| sentinel.is_connected()) {
            named.extend(self.ask(sentinel).await);
        }
        for one in &named {
            let agree = named.iter().filter(|other| *other == one).count();
            let is_ours = ours.host == one.0 && one.1 == ours.port;
            others = others.max(if is_ours { 0 } else { agree });
        }
        2 * others > self.clients.len()
    }

    /// Why one of them cannot be reached, if that is known; told once.
    pub fn trouble(&mut self) -> Option<String> {
        let mut troubles = self.errors.iter_mut().filter_map(last_trouble);
        troubles.next().map(|trouble| format!("Sentinel: {trouble}"))
    }

    /// Host and port that one of them names.
    async fn ask(&self, sentinel: &Client) -> Option<(String, u16)> {
        let command = CustomCommand::new_static("SENTINEL", ClusterHash::FirstKey, false);
        sentinel.custom(command, vec!["GET-MASTER-ADDR-BY-NAME", &self.master_name]).await.ok()
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for client in std::mem::take(&mut self.clients) {
            library::quit(client);
        }
    }
}
