//! `demo` as its users run it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Node, until};

/// Far more than anything here needs.
const LONG: Duration = Duration::from_mins(1);

/// A demo that ends with the test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts one among settings that it must not heed, and waits until it says where it is.
async fn started(node: &Node, folder: &Path) -> (Demo, String) {
    let mut command = node.command();
    command.args(["demo", "--port", "0", "--days", "2", "--calls-per-day", "400", "--data-dir"]).arg(folder);
    let said = node.path("said");
    command.stdout(File::create(&said).unwrap());
    let mut demo = Demo(command.spawn().unwrap());
    let welcome = until("a welcome", LONG, async || {
        let ended = demo.0.try_wait().unwrap();
        assert!(ended.is_none(), "it ended with {ended:?}");
        fs::read_to_string(&said).ok().filter(|text| text.contains("Ctrl-C"))
    });
    let welcome = welcome.await;
    (demo, welcome)
}

/// The rest of a line that begins so.
fn line<'a>(welcome: &'a str, name: &str) -> &'a str {
    let mut lines = welcome.lines().filter_map(|line| line.trim().strip_prefix(name));
    lines.next().unwrap_or_else(|| panic!("no {name} in {welcome}")).trim()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_has_a_past_and_goes_on_until_it_is_told_to_stop() {
    let node = Node::new(&[("DATABASE_HOST", "nowhere.invalid"), ("REDIS_HOST", "nowhere.invalid")]);
    let folder = node.path("demo");
    let (mut demo, welcome) = started(&node, &folder).await;
    let url = line(&welcome, "Server").to_owned();
    let admin = fs::read_to_string(line(&welcome, "Admin key").strip_prefix("in ").unwrap()).unwrap();
    let get = async |key: &str, path: &str| -> Value {
        let request = node.http.get(format!("{url}{path}")).header("x-api-key", key.trim());
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let all = async || -> u64 {
        let daily = get(&admin, "/api/usage/daily?days=3").await;
        daily["data"].as_array().unwrap().iter().map(|row| row["requestCount"].as_u64().unwrap()).sum()
    };
    let told: u64 =
        welcome.split(' ').skip_while(|word| *word != "clients,").nth(1).unwrap().parse().unwrap();
    assert!(told > 300, "{welcome}");
    until("all that it told", LONG, async || (all().await > told).then_some(())).await;
    let top = get(&admin, "/api/usage/top?hours=72&limit=100").await;
    assert!(top["data"].as_array().unwrap().len() >= 10, "{top}");

    // One of the clients is near its limit. The one that is named sees its own.
    let clients = get(&admin, "/api/clients").await;
    let export = clients["data"].as_array().unwrap().iter().find(|client| client["rateLimit"] == 500);
    let id = export.unwrap()["clientId"].as_str().unwrap();
    let limit = get(&admin, &format!("/api/clients/{id}/rate-limit")).await;
    assert!((1..=40).contains(&limit["remaining"].as_u64().unwrap()), "{limit}");
    let key = line(&welcome, "A client").rsplit(' ').next().unwrap();
    assert!(!get(key, "/api/usage/daily?days=3").await["data"].as_array().unwrap().is_empty());

    // It goes on by itself.
    let before = all().await;
    until("more calls", LONG, async || (all().await > before).then_some(())).await;

    kill_process(Pid::from_child(&demo.0), Signal::INT).unwrap();
    let status = until("the end", LONG, async || demo.0.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
    let (ok, said) = node.run(&["demo", "--port", "0", "--data-dir", folder.to_str().unwrap()]);
    assert!(!ok && said.contains("has something in it"), "{said}");
}
