//! A WebSocket that sends back what it is sent, read by what reads `/api/ws`: for `cargo xtask websocket`, which holds it
//! against a conformance suite. It prints its address, and serves until its input ends.

#![allow(clippy::print_stdout, reason = "whoever starts it has to learn its address")]

use std::io;

use activity_http::live::incoming::{Incoming, Portioned};
use actix_web::{App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, Closed, Session};

/// The suite sends messages of up to 16 MiB.
const MAX_MESSAGE: usize = 16 << 20;

#[actix_web::main]
async fn main() -> io::Result<()> {
    let server = HttpServer::new(|| App::new().route("/", web::get().to(open)))
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        println!("ws://{address}/");
    }
    let running = server.run();
    let handle = running.handle();
    actix_web::rt::spawn(async move {
        // Whoever started it holds the other end, and may be gone at any time.
        let _ = web::block(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
        handle.stop(false).await;
    });
    running.await
}

async fn open(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Error> {
    let (portioned, mut payload) = Portioned::new(payload.into_inner(), MAX_MESSAGE);
    let payload = web::Payload::from_request(&request, &mut payload).await?;
    let (response, session, stream) = actix_ws::handle(&request, payload)?;
    actix_web::rt::spawn(echo(session, portioned.messages(stream)));
    Ok(response)
}

async fn echo(mut session: Session, mut incoming: Incoming) {
    let reason = loop {
        match incoming.next().await {
            None => return,
            Some(Err(code)) => break Some(code.into()),
            Some(Ok(AggregatedMessage::Close(reason))) => break reason,
            Some(Ok(message)) => {
                if send_back(&mut session, message).await.is_err() {
                    return;
                }
            }
        }
    };
    let reason = reason.map(|CloseReason { code, .. }| CloseReason::from(code));
    let _ = session.close(reason.or(Some(CloseCode::Normal.into()))).await;
}

async fn send_back(session: &mut Session, message: AggregatedMessage) -> Result<(), Closed> {
    match message {
        AggregatedMessage::Text(text) => session.text(text).await,
        AggregatedMessage::Binary(bytes) => session.binary(bytes).await,
        AggregatedMessage::Ping(data) => session.pong(&data).await,
        AggregatedMessage::Pong(_) | AggregatedMessage::Close(_) => Ok(()),
    }
}
