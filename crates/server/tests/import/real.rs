//! A real Apache log with known totals. It stays outside the repository: the test runs where the file
//! is, and says so where it is not.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::support::Node;
use crate::truth::{Call, recount, reported, top};
use crate::{counted, import};

fn sample() -> Option<PathBuf> {
    let given = std::env::var_os("ACCESS_LOG_SAMPLE").map(PathBuf::from);
    let path = given
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/apache_logs.gz"));
    path.exists().then_some(path)
}

/// Reads the log in the plainest way: fields by their place between blanks and quotes.
fn calls(path: &Path) -> Vec<Call> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    // The one line whose last quote is missing is not a line of this format.
    text.lines().filter(|line| line.ends_with('"')).map(call).collect()
}

fn call(line: &str) -> Call {
    let (client, rest) = line.split_once(' ').unwrap();
    let (_, rest) = rest.split_once('[').unwrap();
    let (time, rest) = rest.split_once("] \"").unwrap();
    let (_, rest) = rest.split_once("\" ").unwrap();
    let at = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).unwrap();
    Call {
        client: client.into(),
        seconds: at.to_timestamp().unwrap().as_second(),
        status: rest[..3].parse().unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_log_has_its_true_totals() {
    let Some(path) = sample() else {
        println!("not run: there is no log at ../shared/data/apache_logs.gz; ACCESS_LOG_SAMPLE may name one");
        return;
    };
    let mut node = Node::new(&[]);
    let first = import(&node, "ip", &[&path]);
    assert_eq!((counted(&first, "stored"), counted(&first, "rejected")), (9_999, 1));
    assert_eq!(counted(&first, "new clients"), 1_753);
    let rejects = std::fs::read_to_string(node.path("import.rejects")).unwrap();
    assert!(rejects.contains(":8899\t"), "{rejects}");
    let second = import(&node, "ip", &[&path]);
    assert_eq!((counted(&second, "stored"), counted(&second, "duplicates")), (0, 9_999));

    node.start().await;
    let busiest = top(&node, ("2015-05-17", "2015-05-22"), 5).await;
    let expected = [
        ("66.249.73.135", 482),
        ("46.105.14.53", 364),
        ("130.237.218.86", 357),
        ("75.97.9.59", 273),
        ("50.16.19.13", 113),
    ];
    assert_eq!(busiest, expected.map(|(name, count)| (name.to_owned(), count)));

    let calls = calls(&path);
    for zone in ["UTC", "Asia/Kathmandu", "America/New_York"] {
        let table = reported(&node, ("2015-05-16", "2015-05-22"), zone).await;
        assert_eq!(table, recount(&calls, zone), "{zone}");
        if zone == "UTC" {
            let of_day = |day: &str| -> u64 {
                table.iter().filter(|((date, _), _)| date == day).map(|(_, (requests, _))| requests).sum()
            };
            let days = ["2015-05-17", "2015-05-18", "2015-05-19", "2015-05-20"].map(of_day);
            assert_eq!(days, [1_632, 2_893, 2_896, 2_578]);
            assert_eq!(table.values().map(|(_, errors)| errors).sum::<u64>(), 220);
        }
    }
}
