//! A small service on actix-web that has its calls recorded:
//! `cargo run -p activity-client --example actix_service -- http://127.0.0.1:8080 $KEY 9000`

use std::env;
use std::error::Error;

use activity_client::{Client, Options, Recording, Reporter};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(tracker), Some(key), Some(port)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("arguments: the tracker's address, an API key, a port".into());
    };
    let reporter = Reporter::start(Client::new(&tracker, &key)?, Options::default())?;
    let recording = web::Data::new(Recording::own(reporter.clone()));
    let app = move || {
        App::new()
            .app_data(recording.clone())
            .wrap(from_fn(activity_client::actix::record))
            .route("/things/{id}", web::get().to(thing))
    };
    // Ends on SIGTERM, when the requests that it has are answered.
    HttpServer::new(app).workers(1).bind(("127.0.0.1", port.parse()?))?.run().await?;
    writeln!(std::io::stderr(), "{:?}", reporter.shut_down().await)?;
    Ok(())
}

use std::io::Write;

async fn thing(id: web::Path<u64>) -> String {
    format!("thing {id}")
}
