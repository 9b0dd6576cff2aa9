//! The OpenAPI document and Swagger UI, from the binary itself.

use std::sync::Arc;

use actix_web::dev::{ServiceFactory, ServiceRequest};
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use actix_web::{App, HttpResponse, web};
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
        move |file: web::Path<String>| {
            let config = config.clone();
            async move { page(&file, config) }
        },
    )))
}

fn page(file: &str, config: Arc<Config<'static>>) -> Result<HttpResponse, Problem> {
    let file = if file.is_empty() { "index.html" } else { file };
    let found = utoipa_swagger_ui::serve(file, config).map_err(|error| {
        tracing::error!(%error, "Swagger UI cannot be served");
        Problem::unavailable("Swagger UI cannot be served", 60)
    })?;
    let found = found.ok_or_else(|| Problem::not_found(format!("there is no /api-docs/{file}")))?;
    let mut answer = HttpResponse::Ok();
    // Every browser takes it; whoever says nothing of what he takes, takes all.
    if found.gzpipped {
        answer.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(answer
        .insert_header((CONTENT_TYPE, found.content_type))
        .insert_header(("Content-Security-Policy", POLICY))
        .insert_header(("Cache-Control", "max-age=3600"))
        .body(found.bytes.into_owned()))
}
