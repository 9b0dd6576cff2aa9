//! The database, read with nothing of the server's in between but the form of its deltas.

use activity_domain::rollup::Delta;
use activity_testkit::Address;

use crate::support::{Count, Days, Row, date};

/// All raw rows.
pub fn all(address: &Address) -> Vec<Row> {
    let text = address.sql(
        "SELECT a.at, coalesce(n.id, '?'), replace(a.id::text, '-', ''), a.status, a.response_time \
         FROM activity a LEFT JOIN client_number n ON n.no = a.client",
    );
    text.lines().map(row).collect()
}

fn row(line: &str) -> Row {
    let mut fields = line.split('|');
    let mut next = || fields.next().unwrap();
    Row {
        at: next().parse().unwrap(),
        client: next().to_owned(),
        id: bytes(next()),
        status: next().parse().unwrap(),
        took: next().parse().ok(),
    }
}

/// What blocks of so many minutes say by days of UTC, together with the deltas that wait to be folded into them.
pub fn rollups(address: &Address, minutes: i64) -> Days {
    // From one snapshot, or what is folded meanwhile would count twice or not at all.
    let text = address.sql(&format!(
        "SELECT 'block', b.start, n.id, b.requests, b.errors, b.timed, b.micros \
         FROM usage_block b JOIN client_number n ON n.no = b.client WHERE b.minutes = {minutes} \
         UNION ALL SELECT 'name', no, id, 0, 0, 0, 0 FROM client_number \
         UNION ALL SELECT 'delta', seq, encode(increments, 'hex'), 0, 0, 0, 0 FROM usage_delta"
    ));
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('|').collect()).collect();
    let of = |kind: &'static str| lines.iter().filter(move |line| line[0] == kind);
    let mut days = Days::new();
    for block in of("block") {
        let number = |field: usize| block[field].parse::<u64>().unwrap();
        let day = date(block[1].parse::<i64>().unwrap() * 60_000_000);
        let count = Count { requests: number(3), errors: number(4), timed: number(5), micros: number(6) };
        days.entry((day, block[2].to_owned())).or_default().add(count);
    }
    for delta in of("delta") {
        for ((minute, client), profile) in Delta::decode(&bytes(delta[2])).unwrap().clients {
            let t = profile.total();
            let count = Count { requests: t.requests, errors: t.errors, timed: t.timed, micros: t.micros };
            let name = of("name").find(|name| name[1] == client.0.to_string()).unwrap();
            days.entry((date(minute.0 * 60_000_000), name[2].to_owned())).or_default().add(count);
        }
    }
    days
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
