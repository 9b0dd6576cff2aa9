//! Whoever watches over a server: `activity-tracker health`, and systemd.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::Node;

#[tokio::test(flavor = "multi_thread")]
async fn health_says_whether_the_server_is_ready() {
    let mut node = Node::new(&[]);
    let (is_well, said) = node.run(&["health"]);
    assert!(!is_well && said.contains("no server is running on"), "{said}");
    node.start().await;
    let (is_well, said) = node.run(&["health"]);
    assert!(is_well && said.starts_with("{\"status\":\"ok\""), "{said}");
    node.kill();
    assert!(node.path("data/server.url").exists(), "it left its address behind");
    assert!(!node.run(&["health"]).0);
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut node = Node::started(&[("NOTIFY_SOCKET", socket.to_str().unwrap())]).await;
    let hear = || {
        let mut heard = [0; 64];
        let length = systemd.recv(&mut heard).unwrap();
        String::from_utf8_lossy(&heard[..length]).into_owned()
    };
    assert_eq!(hear(), "READY=1");
    node.stop().await;
    assert_eq!(hear(), "STOPPING=1");
}
