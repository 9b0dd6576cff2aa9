//! What the dashboard's views ask for, all of a view at once as a browser does, at two amounts of raw rows: no view may
//! get slower with traffic.

use std::error::Error;
use std::time::Instant;

use activity_domain::client::{Client, ClientLimits, ClientName, RateLimit, Role};
use activity_domain::id::ClientId;
use futures_util::future::try_join_all;

use super::read::{UNCACHED, ask, fill};
use crate::Outcome;
use crate::http::Connection;
use crate::load::percentile;
use crate::options::Options;
use crate::report::{Line, Pairs, Unit, thousands};
use crate::rows::{self, Pace, Rows};
use crate::storage::Storage;
use crate::template::get;
use crate::tracker::Tracker;

const CLIENTS: usize = 100;
const DAYS: i64 = 31;
const AMOUNTS: [usize; 2] = [100_000, 10_000_000];
const QUICK: [usize; 2] = [10_000, 100_000];
/// So often each view is looked at in a round.
const LOOKS: usize = 50;
const DAY: i64 = 86_400;

/// A view and the paths that it asks for.
type View = (&'static str, Vec<String>);

pub async fn run(options: &Options) -> Outcome<Vec<Line>> {
    let amounts = if options.quick { QUICK } else { AMOUNTS };
    let views = views()?;
    let mut trackers = Vec::new();
    for rows in amounts {
        let empty = Storage::Embedded.place(&format!("views_{rows}"))?;
        let filled = fill(empty, Rows::of_clients(CLIENTS, rows, Pace::days(DAYS)?)?).await?;
        filled.store().await?.insert_missing(&clients()?).await?;
        trackers.push(Tracker::start_with(filled, &UNCACHED).await?);
    }
    let mut lines = Vec::new();
    let [few, many] = amounts.map(|rows| thousands(rows as f64));
    let mut pairs: Vec<[Pairs; 2]> = views.iter().map(|_| Default::default()).collect();
    for _ in options.rounds("views") {
        for ((_, paths), pairs) in views.iter().zip(&mut pairs) {
            let mut took = [Vec::new(), Vec::new()];
            let mut browsers = Vec::new();
            for tracker in &trackers {
                browsers.push(Browser::open(tracker, paths).await?);
            }
            for _ in 0..LOOKS {
                for (browser, took) in browsers.iter_mut().zip(&mut took) {
                    took.push(browser.look().await?);
                }
            }
            for took in &mut took {
                took.sort_unstable();
            }
            for (pairs, percent) in pairs.iter_mut().zip([50, 99]) {
                pairs.push(percentile(&took[1], percent), percentile(&took[0], percent));
            }
        }
    }
    for ((view, paths), pairs) in views.iter().zip(&pairs) {
        let notes = format!("{} questions at once; baseline: {few} rows; aim: below 300 ms", paths.len());
        for (pairs, percent) in pairs.iter().zip(["p50", "p99"]) {
            lines.push(pairs.line(format!("views, {view}, {many} rows, {percent}"), Unit::Millis, &notes));
        }
    }
    Ok(lines)
}

/// A connection for each question of a view.
struct Browser(Vec<(Connection, Vec<u8>)>);

impl Browser {
    async fn open(tracker: &Tracker, paths: &[String]) -> Outcome<Self> {
        let open = async |path: &String| {
            Ok::<_, Box<dyn Error + Send + Sync>>((
                Connection::open(tracker.address).await?,
                get(path, &tracker.admin),
            ))
        };
        Ok(Self(try_join_all(paths.iter().map(open)).await?))
    }

    /// Asks everything at once. Microseconds until the last answer.
    async fn look(&mut self) -> Outcome<u32> {
        let begun = Instant::now();
        let asked = self
            .0
            .iter_mut()
            .map(async |(connection, question)| ask(connection, question, &mut Vec::new()).await);
        try_join_all(asked).await?;
        Ok(u32::try_from(begun.elapsed().as_micros())?)
    }
}

/// Those whose rows there are, as an import makes them.
fn clients() -> Outcome<Vec<Client>> {
    let client = |number| {
        Ok(Client {
            id: ClientId::parse(&format!("bench-{number:04}"))?,
            name: ClientName::parse(&format!("Client {number}"))?,
            email: None,
            role: Role::Client,
            rate_limit: RateLimit::parse(1_000)?,
            limits: ClientLimits::default(),
            is_active: true,
            created_at: rows::now()?,
        })
    };
    (0..CLIENTS).map(client).collect()
}

/// As `crates/dashboard/web/src/views` ask, with the longest range of which there are rows.
fn views() -> Outcome<Vec<View>> {
    let now = rows::now()?;
    let ago = |days: i64| now.plus_seconds(-days * DAY);
    let month = format!("from={}&to={now}", ago(DAYS - 1));
    let day = |back: i64, bucket: &str| {
        format!(
            "/api/usage/series?from={}&to={}&bucket={bucket}&timezone=Europe/Berlin",
            ago(back),
            ago(back - 1)
        )
    };
    let endpoints = |sort: &str, of: &str| format!("/api/usage/endpoints?{of}&sort={sort}");
    let traffic = |of: &str| {
        let series =
            |by| format!("/api/usage/series?{month}&bucket=1d&timezone=Europe/Berlin&groupBy={by}{of}");
        [series("status"), series("none")]
    };
    let names = "/api/clients?limit=1000".to_owned();
    let today = format!("from={}&limit=8", ago(1));
    let of_one = "&clientId=bench-0003";
    let log = |filter: &str| vec![format!("/api/logs?{month}&limit=100{filter}"), names.clone()];
    Ok(vec![
        (
            "overview",
            [1, 2, 8]
                .map(|back| day(back, "15m"))
                .into_iter()
                .chain(["/api/usage/top?hours=24&limit=8".to_owned(), endpoints("requests", &today)])
                .chain([format!("/api/logs?from={}&limit=200", ago(1)), names.clone()])
                .collect(),
        ),
        ("traffic", traffic("").into_iter().chain([names.clone()]).collect()),
        ("traffic of a client", traffic(of_one).into_iter().chain([names.clone()]).collect()),
        ("endpoints, by p95", vec![endpoints("p95", &format!("{month}&limit=200")), names.clone()]),
        ("endpoints, by errors", vec![endpoints("errors", &format!("{month}&limit=200")), names.clone()]),
        ("clients", vec!["/api/usage/top?hours=168&limit=200".to_owned(), names.clone()]),
        (
            "client",
            traffic(of_one)
                .into_iter()
                .chain([endpoints("requests", &format!("{today}{of_one}"))])
                .chain([format!("/api/logs?from={}&limit=100{of_one}", ago(1))])
                .collect(),
        ),
        ("log", log("")),
        ("log, of a client and its errors", log(&format!("{of_one}&status=5xx"))),
        (
            "log, of an endpoint and its errors",
            log("&endpoint=/api/v1/collection-07/items&status=5xx&method=POST"),
        ),
        ("log, of a status that there is not", log("&status=418")),
        ("system", vec!["/health-check".to_owned(), "/api/cache/stats".to_owned()]),
    ])
}
