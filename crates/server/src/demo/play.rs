//! The play: clients register, days of theirs are told by the admin, and then they go on by themselves.

use std::fmt::Write;
use std::time::{Duration, Instant};

use activity_domain::port::Clock;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cast::{Actor, CAST};
use super::stage::Stage;
use super::traffic::{Call, Traffic};
use crate::config::Settings;
use crate::running::RunningServer;
use crate::system::SystemClock;
use crate::{Failure, print, secrets, wire};

/// How long the server may take to be ready.
const READY: Duration = Duration::from_mins(1);
const GLANCE: Duration = Duration::from_millis(50);
/// How often ten seconds are waited for the database.
const PATIENCE: u32 = 6;
/// Calls of one request.
const BATCH: usize = 2_000;
/// Of the client with a limit of its own: what is left of it when the play begins.
const LEFT: usize = 40;
/// Once in so many calls, the client that is near its limit calls.
const SELDOM: u64 = 150;

/// One of the cast, registered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    client_id: String,
    api_key: String,
}

/// Plays for as long as the server is there. Returns why it cannot go on.
pub async fn on(settings: &Settings, stage: &Stage) -> Failure {
    match play(settings, stage).await {
        Ok(never) => match never {},
        Err(failure) => failure,
    }
}

async fn play(settings: &Settings, stage: &Stage) -> Result<std::convert::Infallible, Failure> {
    let server = ready(settings).await?;
    let now = SystemClock.now();
    let mut traffic = Traffic::new(stage.options.seed, now);
    let mut members = Vec::new();
    for actor in CAST {
        members.push(register(&server, actor).await?);
    }
    let told = tell(&server, &mut traffic, &members, stage).await?;
    spend(&server, &mut traffic, &members).await?;
    print(&welcome(settings, stage, &server, &members, told))?;
    go_on(&server, &mut traffic, &members, stage.options.calls_per_day).await
}

/// Waits for the server to be ready.
async fn ready(settings: &Settings) -> Result<RunningServer, Failure> {
    let begun = Instant::now();
    loop {
        if wire::url_file(settings).exists()
            && let Ok(server) = RunningServer::find(settings)
            && let Ok(answer) = server.get("/readyz").send().await
            && answer.status().is_success()
        {
            return Ok(server);
        }
        if begun.elapsed() > READY {
            return Err("the server of the demo does not get ready".into());
        }
        tokio::time::sleep(GLANCE).await;
    }
}

async fn register(server: &RunningServer, actor: &Actor) -> Result<Member, Failure> {
    let mut wish = json!({ "name": actor.name, "email": format!("{}@example.com", actor.mailbox) });
    // The rest is never in its own way.
    wish["rateLimit"] = actor.limit.unwrap_or(100_000).into();
    let answer = server.post("/api/register").json(&wish).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}

/// Tells the days before now, as one may who records for others. Returns how many calls that were.
async fn tell(
    server: &RunningServer,
    traffic: &mut Traffic,
    members: &[Member],
    stage: &Stage,
) -> Result<u64, Failure> {
    let (mut told, mut waiting) = (0, Vec::new());
    for hours_ago in (1..=stage.options.days * 24).rev() {
        for mut call in traffic.hour(hours_ago, stage.options.calls_per_day) {
            call.client_id = members.get(call.actor).map(|member| member.client_id.clone());
            waiting.push(call);
        }
        if waiting.len() >= BATCH || hours_ago == 1 {
            for batch in waiting.chunks(BATCH) {
                let answer = server.post("/api/logs").json(batch).send().await?.error_for_status()?;
                let answer: Value = answer.json().await?;
                told += answer["accepted"].as_u64().unwrap_or_default();
            }
            if hours_ago == 1 {
                settle(server, waiting.last()).await?;
            }
            waiting.clear();
        }
    }
    Ok(told)
}

/// Waits until all is in the database that was told, for whoever looks at it then. What comes twice counts once.
async fn settle(server: &RunningServer, last: Option<&Call>) -> Result<(), Failure> {
    let Some(last) = last else { return Ok(()) };
    for _ in 0..PATIENCE {
        let request = server.post("/api/logs").header("Prefer", "wait=10").json(last);
        if request.send().await?.error_for_status()?.status().as_u16() == 201 {
            break;
        }
    }
    Ok(())
}

/// Brings the client with a limit of its own near it, by its own key.
async fn spend(server: &RunningServer, traffic: &mut Traffic, members: &[Member]) -> Result<(), Failure> {
    for (index, actor) in CAST.iter().enumerate() {
        let (Some(limit), Some(member)) = (actor.limit, members.get(index)) else { continue };
        let count = usize::try_from(limit)?.saturating_sub(LEFT);
        let ago = |seconds: u64| SystemClock.now().plus_seconds(-i64::try_from(seconds).unwrap_or_default());
        let calls: Vec<Call> = (0..count)
            .filter_map(|_| {
                let at = ago(traffic.between(5, 1_800));
                traffic.of(index, at)
            })
            .collect();
        let request = server.post_as(&member.api_key, "/api/logs").json(&calls);
        request.send().await?.error_for_status()?;
    }
    Ok(())
}

/// As many calls as before, each by the key of its client. What the server refuses, as by a limit, is part of the play.
async fn go_on(
    server: &RunningServer,
    traffic: &mut Traffic,
    members: &[Member],
    calls_per_day: u32,
) -> Result<std::convert::Infallible, Failure> {
    let limited = CAST.iter().position(|actor| actor.limit.is_some());
    loop {
        let pause = traffic.pause(SystemClock.now(), calls_per_day);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let now = SystemClock.now();
        let mut calls: Vec<Call> = traffic.any(now).into_iter().collect();
        calls.retain(|call| Some(call.actor) != limited);
        if traffic.between(0, SELDOM) == 0 {
            calls.extend(limited.and_then(|index| traffic.of(index, now)));
        }
        for call in calls {
            let Some(member) = members.get(call.actor) else { continue };
            server.post_as(&member.api_key, "/api/logs").json(&call).send().await?;
        }
    }
}

fn welcome(
    settings: &Settings,
    stage: &Stage,
    server: &RunningServer,
    members: &[Member],
    told: u64,
) -> String {
    let url = server.url();
    let mut text = format!(
        "\n  Made-up traffic: {} clients, {told} calls of the last {} days, and more by the second.\n\n",
        members.len(),
        stage.options.days
    );
    // Writing to a string cannot fail.
    let mut line = |name: &str, what: &str| {
        let _ = writeln!(text, "  {name:<11}{what}");
    };
    line("Server", url);
    line("Dashboard", &format!("{url}/"));
    line("Docs", &format!("{url}/api-docs"));
    if let Some(file) = secrets::admin_key_file(settings) {
        line("Admin key", &format!("in {}", file.display()));
        let command = format!("curl -s {url}/api/usage/top -H \"X-API-Key: $(cat {})\"", file.display());
        line("Try", &command);
    }
    for (actor, member) in CAST.iter().zip(members).take(1) {
        line("A client", &format!("{}, {}, with the key {}", actor.name, member.client_id, member.api_key));
    }
    let fate = if stage.is_temporary() { ", removed at the end" } else { "" };
    line("Data", &format!("{}{fate}", settings.data_dir.display()));
    line("The end", "Ctrl-C");
    text
}
