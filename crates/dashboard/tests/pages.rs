//! What browsers are told: forms, tags, how long to keep it, and what is not there.

use activity_dashboard::pages::{Mark, mount, mount_site};
use activity_dashboard::site::{BUILT, Built, Site};
use actix_web::App;
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::ServiceConfig;
use bytes::Bytes;

const SITE: Site = Site(&[
    Built { name: "index.html", tag: "aa", plain: b"<page>", brotli: Some(b"<br>"), gzip: Some(b"<gz>") },
    Built { name: "assets/a-1.js", tag: "bb", plain: b"a()", brotli: None, gzip: Some(b"gz()") },
    Built { name: "assets/f-1.woff2", tag: "cc", plain: b"font", brotli: None, gzip: None },
]);

const UNMARKED: Mark = |resource, _| resource;

async fn ask(mount: impl FnOnce(&mut ServiceConfig), request: TestRequest) -> ServiceResponse {
    let app = init_service(App::new().configure(mount)).await;
    call_service(&app, request.to_request()).await
}

async fn get(path: &str, headers: &[(&str, &str)]) -> ServiceResponse {
    let request =
        headers.iter().fold(TestRequest::get().uri(path), |request, pair| request.insert_header(*pair));
    ask(|config| mount_site(config, UNMARKED, SITE), request).await
}

fn text<'a>(answer: &'a ServiceResponse, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap_or_default())
}

#[actix_web::test]
async fn one_page_holds_all_views_and_nothing_else() {
    for path in ["/", "/app", "/app/live", "/app/clients/CL-1?range=7d"] {
        let answer = get(path, &[]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(text(&answer, "content-type"), "text/html; charset=utf-8");
        assert_eq!(text(&answer, "cache-control"), "no-cache");
        assert_eq!(read_body(answer).await, Bytes::from_static(b"<page>"));
    }
    for path in
        ["/api/nothing", "/application", "/index.html", "/assets/", "/assets/b.js", "/assets/../index.html"]
    {
        assert_eq!(get(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix_web::test]
async fn the_policy_allows_nothing_inline() {
    let answer = get("/", &[]).await;
    let policy = text(&answer, "content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("data:"), "{policy}");
}

#[actix_web::test]
async fn each_gets_the_smallest_form_that_it_takes() {
    for (accepted, path, coding, body) in [
        ("gzip, deflate, br", "/", "br", "<br>"),
        ("gzip", "/", "gzip", "<gz>"),
        ("br;q=0, gzip;q=0.5", "/", "gzip", "<gz>"),
        ("identity", "/", "", "<page>"),
        ("gzip, br", "/assets/a-1.js", "gzip", "gz()"),
        ("gzip, br", "/assets/f-1.woff2", "", "font"),
    ] {
        let answer = get(path, &[("accept-encoding", accepted)]).await;
        assert_eq!(text(&answer, "content-encoding"), coding, "{accepted} {path}");
        assert_eq!(text(&answer, "vary"), "accept-encoding");
        assert_eq!(read_body(answer).await, Bytes::from(body), "{accepted} {path}");
    }
}

#[actix_web::test]
async fn files_are_kept_for_ever() {
    let answer = get("/assets/a-1.js", &[]).await;
    assert_eq!(text(&answer, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(text(&answer, "content-type"), "text/javascript; charset=utf-8");
    assert_eq!(text(&get("/assets/f-1.woff2", &[]).await, "content-type"), "font/woff2");
}

#[actix_web::test]
async fn what_the_caller_has_is_not_sent_again() {
    let packed = get("/", &[("accept-encoding", "br")]).await;
    let plain = get("/", &[]).await;
    let (packed, plain) = (text(&packed, "etag").to_owned(), text(&plain, "etag").to_owned());
    assert_ne!(packed, plain);
    for (given, accepted, status) in [
        (plain.clone(), "identity", StatusCode::NOT_MODIFIED),
        (packed.clone(), "br", StatusCode::NOT_MODIFIED),
        (format!("\"x\", W/{plain}"), "identity", StatusCode::NOT_MODIFIED),
        ("*".to_owned(), "identity", StatusCode::NOT_MODIFIED),
        (plain, "br", StatusCode::OK),
        ("\"other\"".to_owned(), "identity", StatusCode::OK),
    ] {
        let answer = get("/", &[("if-none-match", &given), ("accept-encoding", accepted)]).await;
        assert_eq!(answer.status(), status, "{given} {accepted}");
        assert_eq!(text(&answer, "cache-control"), "no-cache");
        assert_eq!(read_body(answer).await.is_empty(), status == StatusCode::NOT_MODIFIED);
    }
}

#[actix_web::test]
async fn it_can_be_read_and_nothing_else() {
    let head = ask(
        |config| mount_site(config, UNMARKED, SITE),
        TestRequest::default().method(Method::HEAD).uri("/"),
    )
    .await;
    assert_eq!(head.status(), StatusCode::OK);
    for path in ["/", "/app/live", "/assets/a-1.js"] {
        let answer = ask(|config| mount_site(config, UNMARKED, SITE), TestRequest::post().uri(path)).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(text(&answer, "allow"), "GET, HEAD");
    }
}

#[actix_web::test]
async fn without_built_files_the_page_says_how_to_get_them() {
    let answer =
        ask(|config| mount_site(config, UNMARKED, Site(&[])), TestRequest::get().uri("/app/live")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(text(&answer, "cache-control"), "no-store");
    let body = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
    assert!(body.contains("npm") && body.contains("cargo xtask run"), "{body}");
}

/// Whether the site was built or not, this binary answers with what it has.
#[actix_web::test]
async fn what_was_built_is_whole() {
    let answer = ask(|config| mount(config, UNMARKED), TestRequest::get().uri("/")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let body = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
    for named in body.split('"').filter(|part| part.starts_with("/assets/")) {
        assert!(BUILT.find(named.trim_start_matches('/')).is_some(), "{named}");
    }
}
