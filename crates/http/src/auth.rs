//! Who is calling: `X-API-Key: <key>` or `Authorization: Bearer <JWT>`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use activity_domain::service::{Access, Caller};
use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use paperclip::actix::{Apiv2Security, OperationModifier};
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw, SecurityScheme};
use paperclip::v2::schema::Apiv2Schema;

use crate::problem::Problem;
use crate::token::Tokens;

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
    let refused = || Problem::unauthorized("the API key or token is not valid");
    if let Some(key) = request.headers().get("x-api-key") {
        let key = key.to_str().map_err(|_| refused())?;
        return Ok(Some(access.by_key(key).await?));
    }
    let Some(token) = bearer(request.headers())? else { return Ok(None) };
    let (client, key) = tokens.verify(token).ok_or_else(refused)?;
    Ok(Some(access.by_token(&client, key).await?))
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
