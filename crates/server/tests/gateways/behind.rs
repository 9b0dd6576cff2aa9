//! The service behind a gateway: it says what it was asked.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::json;

/// A service that ends with the test.
pub struct Behind {
    pub port: u16,
    calls: Arc<AtomicU64>,
    handle: ServerHandle,
}

impl Behind {
    pub fn start() -> Self {
        let calls = Arc::<AtomicU64>::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let counted = Data::from(calls.clone());
        let app = move || App::new().app_data(counted.clone()).default_service(web::to(say));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { port, calls, handle }
    }

    /// How many calls have come through.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn say(request: HttpRequest, body: Bytes, calls: Data<AtomicU64>) -> HttpResponse {
    calls.fetch_add(1, Ordering::SeqCst);
    let header = |(name, value): (&_, &actix_web::http::header::HeaderValue)| {
        (ToString::to_string(name), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers: BTreeMap<String, String> = request.headers().iter().map(header).collect();
    let body = String::from_utf8_lossy(&body).into_owned();
    HttpResponse::Created().json(json!({
        "method": request.method().as_str(), "uri": request.uri().to_string(), "headers": headers, "body": body,
    }))
}
