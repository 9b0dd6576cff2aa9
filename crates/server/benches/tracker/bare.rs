//! The baseline of requests: the same web framework with as many workers, and a handler that reads
//! the body and answers. Nothing is parsed, kept or waited for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::Command;

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::Outcome;
use crate::process::Process;

const MAX_BODY: usize = 10 * 1024 * 1024;

/// The baseline's process.
pub struct Bare {
    /// Where it listens.
    pub address: SocketAddr,
    _process: Process,
}

impl Bare {
    /// Starts this program anew as the baseline.
    pub fn start() -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = Process::piped(command.arg("--bare-server"))?;
        let output = process.child.stdout.take().ok_or("the baseline has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { address: line.trim().parse()?, _process: process })
    }
}

/// Serves until standard input ends, which it does with the process that holds its other end.
pub fn serve() -> Outcome<()> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    actix_web::rt::System::new().block_on(async move {
        let app = || {
            App::new()
                .app_data(web::PayloadConfig::new(MAX_BODY))
                .route("/api/logs", web::post().to(logs))
                .route("/api/verify", web::get().to(verify))
        };
        let server = HttpServer::new(app).workers(workers).disable_signals().bind(("127.0.0.1", 0))?;
        let address = *server.addrs().first().ok_or("the baseline does not listen")?;
        writeln!(std::io::stdout(), "{address}")?;
        std::thread::spawn(|| {
            // An error is an end as well.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
        Ok(server.run().await?)
    })
}

async fn verify() -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn logs(body: web::Bytes) -> HttpResponse {
    debug_assert!(!body.is_empty());
    HttpResponse::Accepted().content_type("application/json").body(r#"{"accepted":1,"rejected":[]}"#)
}
