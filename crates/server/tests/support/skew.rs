//! Clocks that are wrong.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::Node;

/// libfaketime, which Debian has in a folder for each kind of machine.
pub fn faketime() -> String {
    let root = Path::new("/usr/lib");
    let folders = fs::read_dir(root).unwrap().map(|folder| folder.unwrap().path()).chain([root.to_owned()]);
    let mut places = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    let found = places.find(|place| place.is_file());
    let found = found
        .unwrap_or_else(|| panic!("no libfaketime: `cargo xtask test` brings it, or says how to get it"));
    found.to_string_lossy().into_owned()
}

/// How far a node's clock is off, in seconds.
pub async fn skew(node: &Node) -> i64 {
    let answer = node.http.get(node.at("/livez")).send().await.unwrap();
    let date = answer.headers()["date"].to_str().unwrap().to_owned();
    let said = rfc2822::parse(&date.replace("GMT", "+0000")).unwrap().timestamp();
    said.as_second() - Timestamp::now().as_second()
}
