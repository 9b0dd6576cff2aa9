//! The OpenAPI document and Swagger UI, from the binary itself.

use std::fmt::Display;
use std::io::Read as _;
use std::sync::Arc;

use actix_web::dev::{ServiceFactory, ServiceRequest};
use actix_web::http::header::{
    AcceptEncoding, CONTENT_TYPE, ContentEncoding, Encoding, Header as _, LOCATION, VARY,
};
use actix_web::{App, HttpRequest, HttpResponse, web};
use flate2::read::GzDecoder;
use serde_json::Value;
use utoipa_swagger_ui::Config;

use crate::problem::Problem;
use crate::watch::routes::Route;

/// Scripts and styles of its own only; Swagger UI sets style attributes and draws data: images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'";

/// Adds the document and the UI to an application.
pub fn mount<T>(app: App<T>, document: &Value) -> App<T>
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = actix_web::Error, InitError = ()>,
{
    let document: Arc<str> = document.to_string().into();
    let config = Arc::new(Config::from("/api-docs/openapi.json").validator_url("none"));
    let resource = |path: &str, template: &str| web::resource(path).app_data(Route::of(template));
    let own = |path: &str| resource(path, path);
    app.service(own("/api-docs/openapi.json").route(web::get().to(move || {
        let document = document.clone();
        async move {
            HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(document.to_string())
        }
    })))
    .service(
        own("/api-docs").route(
            web::get().to(async || {
                HttpResponse::PermanentRedirect().insert_header((LOCATION, "/api-docs/")).finish()
            }),
        ),
    )
    .service(resource("/api-docs/{file:.*}", "/api-docs/{file}").route(web::get().to(
        move |file: web::Path<String>, request: HttpRequest| {
            let config = config.clone();
            async move { page(&file, config, takes_gzip(&request)) }
        },
    )))
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let both = [Encoding::gzip(), Encoding::identity()];
    let chosen = AcceptEncoding::parse(request).ok().and_then(|wanted| wanted.negotiate(both.iter()));
    chosen == Some(Encoding::gzip())
}

fn page(file: &str, config: Arc<Config<'static>>, takes_gzip: bool) -> Result<HttpResponse, Problem> {
    let unavailable = |error: &dyn Display| {
        tracing::error!(%error, "Swagger UI cannot be served");
        Problem::unavailable("Swagger UI cannot be served", 60)
    };
    let file = if file.is_empty() { "index.html" } else { file };
    let found = utoipa_swagger_ui::serve(file, config).map_err(|error| unavailable(&error))?;
    let found = found.ok_or_else(|| Problem::not_found(format!("there is no /api-docs/{file}")))?;
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_TYPE, found.content_type))
        .insert_header(("Content-Security-Policy", POLICY))
        .insert_header(("Cache-Control", "max-age=3600"))
        .insert_header((VARY, "Accept-Encoding"));
    if !found.gzpipped {
        return Ok(answer.body(found.bytes.into_owned()));
    }
    // The files lie in the program compressed, as nearly everybody takes them.
    if takes_gzip {
        return Ok(answer.insert_header(ContentEncoding::Gzip).body(found.bytes.into_owned()));
    }
    let mut plain = Vec::new();
    GzDecoder::new(&*found.bytes).read_to_end(&mut plain).map_err(|error| unavailable(&error))?;
    Ok(answer.body(plain))
}
