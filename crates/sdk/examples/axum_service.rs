//! A small service on axum that has its calls recorded:
//! `cargo run -p activity-client --example axum_service -- http://127.0.0.1:8080 $KEY 9000`

use std::env;
use std::error::Error;
use std::io::Write;

use activity_client::tower::RecordLayer;
use activity_client::{Client, Options, Recording, Reporter};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(tracker), Some(key), Some(port)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("arguments: the tracker's address, an API key, a port".into());
    };
    let reporter = Reporter::start(Client::new(&tracker, &key)?, Options::default())?;
    let app = Router::new()
        .route("/things/{id}", get(async |Path(id): Path<u64>| format!("thing {id}")))
        .layer(RecordLayer::new(Recording::own(reporter.clone())));
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let end = async move {
        terminate.recv().await;
    };
    // Ends on SIGTERM, when the requests that it has are answered.
    axum::serve(listener, app).with_graceful_shutdown(end).await?;
    writeln!(std::io::stderr(), "{:?}", reporter.shut_down().await)?;
    Ok(())
}
