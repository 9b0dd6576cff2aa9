//! Who is calling: `X-API-Key: <key>` or `Authorization: Bearer <JWT>`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use activity_domain::error::AccessError;
use activity_domain::service::{Access, Caller, Limited, Limits};
use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use paperclip::actix::{Apiv2Security, OperationModifier};
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw, SecurityScheme};
use paperclip::v2::schema::Apiv2Schema;

use crate::problem::Problem;
use crate::token::Tokens;
use crate::{limits, peer};

/// An authenticated caller.
pub struct Authenticated(pub Caller);

/// A caller who may be nobody. A key or token that is not valid is refused all the same.
pub struct MaybeAuthenticated(pub Option<Caller>);

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let caller = authenticate(&request).await?;
            caller.map(Self).ok_or_else(|| Problem::unauthorized("an API key or token is needed"))
        })
    }
}

impl FromRequest for MaybeAuthenticated {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { authenticate(&request).await.map(Self) })
    }
}

async fn authenticate(request: &HttpRequest) -> Result<Option<Caller>, Problem> {
    let (Some(access), Some(tokens)) =
        (request.app_data::<web::Data<Access>>(), request.app_data::<web::Data<Tokens>>())
    else {
        return Err(Problem::unavailable("authentication is not set up", 60));
    };
    if let Some(key) = request.headers().get("x-api-key") {
        return by_key(request, access, key.to_str().unwrap_or_default()).await.map(Some);
    }
    let Some(token) = bearer(request.headers())? else { return Ok(None) };
    let answer = match tokens.verify(token) {
        // Nobody can guess a signature, so a token may be looked up however many others fail.
        Some((client, key)) => access.by_token(&client, &key).await,
        None => Err(AccessError::Unknown),
    };
    match answer {
        Err(AccessError::Unknown) => Err(failed(request).await),
        answer => Ok(Some(answer?)),
    }
}

/// A key that is remembered as good gets in, however many bad ones come from the same network: many
/// may share its address. One that has to be looked up has to wait until those are fewer.
async fn by_key(request: &HttpRequest, access: &Access, key: &str) -> Result<Caller, Problem> {
    match access.remembered(key) {
        Some(Err(AccessError::Unknown)) => return Err(failed(request).await),
        Some(answer) => return Ok(answer?),
        None => {}
    }
    let Some(limits) = request.app_data::<web::Data<Limits>>() else { return Ok(access.by_key(key).await?) };
    if let Err(limited) = limits.may_present(peer::address(request)).await {
        return Err(over(request, limited));
    }
    match access.by_key(key).await {
        Err(AccessError::Unknown) => Err(failed(request).await),
        answer => Ok(answer?),
    }
}

/// The answer to a key or token that is not valid.
async fn failed(request: &HttpRequest) -> Problem {
    let Some(limits) = request.app_data::<web::Data<Limits>>() else { return AccessError::Unknown.into() };
    match limits.failed(peer::address(request)).await {
        Ok(_) => AccessError::Unknown.into(),
        Err(limited) => over(request, limited),
    }
}

/// 429: a network has failed too often.
fn over(request: &HttpRequest, limited: Limited) -> Problem {
    limits::noted(request, Err(limited)).err().unwrap_or_else(|| AccessError::Unknown.into())
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let (scheme, token) = value.to_str().ok().and_then(|v| v.split_once(' ')).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(token.trim()));
    }
    Err(Problem::unauthorized("Authorization must be of the form: Bearer <token>"))
}

/// The OpenAPI security scheme of API keys.
#[derive(Apiv2Security)]
#[openapi(apiKey, alias = "apiKey", in = "header", name = "X-API-Key", description = "An API key.")]
struct ApiKeyScheme;

/// The OpenAPI security scheme of tokens; [`crate::openapi`] turns it into `http`/`bearer`, which the
/// version 2 document that paperclip builds cannot say.
#[derive(Apiv2Security)]
#[openapi(apiKey, alias = "bearer", in = "header", name = "Authorization", description = "A token.")]
struct BearerScheme;

macro_rules! secured_by_key_or_token {
    ($extractor:ty) => {
        impl Apiv2Schema for $extractor {}

        impl OperationModifier for $extractor {
            fn update_parameter(_: &mut DefaultOperationRaw) {}
            fn update_definitions(_: &mut BTreeMap<String, DefaultSchemaRaw>) {}
            fn update_security(operation: &mut DefaultOperationRaw) {
                ApiKeyScheme::update_security(operation);
                BearerScheme::update_security(operation);
            }
            fn update_security_definitions(map: &mut BTreeMap<String, SecurityScheme>) {
                ApiKeyScheme::update_security_definitions(map);
                BearerScheme::update_security_definitions(map);
            }
        }
    };
}

secured_by_key_or_token!(Authenticated);
secured_by_key_or_token!(MaybeAuthenticated);
