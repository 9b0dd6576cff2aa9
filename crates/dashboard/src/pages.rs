//! The routes: `/` and `/app/...` are one page, which knows its views; `/assets/...` are what it is made of.

use actix_web::error::ErrorNotFound;
use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::{
    ACCEPT_ENCODING, ALLOW, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, Encoding, EntityTag, Header, HeaderName, IfNoneMatch, Preference, Quality, VARY,
};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, Resource, Route};

use crate::site::{BUILT, Built, Site};

/// What comes from here, and nothing inline. Nothing may turn text into scripts either.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The name of a file changes with its content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// It may be kept, and is asked for each time.
const ASK_AGAIN: &str = "no-cache";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Instead of the page, where it was not built.
const ABSENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Activity Tracker</title>\
                      <p>This build has no dashboard: install Node.js (18.20 or newer) with npm, then start the \
                      server again by <code>cargo xtask run</code>. The API is at <a href=\"/api-docs/\">/api-docs</a>.";

/// What an application does with each route, whose template it is told: `/app/{view}`.
pub type Mark = fn(Resource, &'static str) -> Resource;

/// Adds the dashboard to an application.
pub fn mount(config: &mut ServiceConfig, mark: Mark) {
    mount_site(config, mark, BUILT);
}

/// Adds a site to an application.
pub fn mount_site(config: &mut ServiceConfig, mark: Mark, site: Site) {
    let page = move |request: HttpRequest| async move { page(&request, site) };
    let file =
        move |name: web::Path<String>, request: HttpRequest| async move { file(&name, &request, site) };
    for (path, template) in [("/", "/"), ("/app", "/app"), ("/app/{view:.*}", "/app/{view}")] {
        config.service(mark(read_only(path).route(reading().to(page)), template));
    }
    config.service(mark(read_only("/assets/{file:.*}").route(reading().to(file)), "/assets/{file}"));
}

fn reading() -> Route {
    web::route().guard(Any(Get()).or(Head()))
}

/// A path that can be read and nothing else.
fn read_only(path: &str) -> Resource {
    let other = async || HttpResponse::MethodNotAllowed().insert_header((ALLOW, "GET, HEAD")).finish();
    web::resource(path).default_service(web::route().to(other))
}

fn page(request: &HttpRequest, site: Site) -> HttpResponse {
    match site.page() {
        Some(page) => answer(request, page, ASK_AGAIN),
        None => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(ABSENT),
    }
}

fn file(name: &str, request: &HttpRequest, site: Site) -> Result<HttpResponse, Error> {
    match site.find(&format!("assets/{name}")) {
        Some(file) => Ok(answer(request, file, FOR_EVER)),
        None => Err(ErrorNotFound("there is no such file")),
    }
}

/// A file in the form that the caller takes, unless he has it already.
fn answer(request: &HttpRequest, file: &Built, keep: &'static str) -> HttpResponse {
    let (coding, content) = form(request, file);
    let tag = EntityTag::new_strong(match coding {
        Some(coding) => format!("{}-{coding}", file.tag),
        None => file.tag.to_owned(),
    });
    let is_known = has(request, &tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, tag.to_string()))
        .insert_header((CACHE_CONTROL, keep))
        .insert_header((VARY, ACCEPT_ENCODING.as_str()))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((OPENER_POLICY, "same-origin"));
    if is_known {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, file.media_type()));
    if let Some(coding) = coding {
        response.insert_header((CONTENT_ENCODING, coding));
    }
    response.body(content)
}

/// The smallest form that the caller takes, with the name of its coding.
fn form(request: &HttpRequest, file: &Built) -> (Option<&'static str>, &'static [u8]) {
    let accepted = AcceptEncoding::parse(request).unwrap_or(AcceptEncoding(Vec::new()));
    let takes = |coding: Encoding| {
        let wanted = Preference::Specific(coding);
        accepted.0.iter().any(|given| given.item == wanted && given.quality > Quality::ZERO)
    };
    match (file.brotli, file.gzip) {
        (Some(packed), _) if takes(Encoding::brotli()) => (Some("br"), packed),
        (_, Some(packed)) if takes(Encoding::gzip()) => (Some("gzip"), packed),
        _ => (None, file.plain),
    }
}

/// Whether the caller has what this tag stands for.
fn has(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|given| given.weak_eq(tag)),
        Err(_) => false,
    }
}
