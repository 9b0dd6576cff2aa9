//! Who is calling: `X-API-Key: <key>` or `Authorization: Bearer <JWT>`.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use activity_domain::error::AccessError;
use activity_domain::id::{ClientId, KeyId};
use activity_domain::service::{Access, Caller, Limited, Limits};
use activity_domain::time::Timestamp;
use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use paperclip::actix::{Apiv2Security, OperationModifier};
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw, SecurityScheme};
use paperclip::v2::schema::Apiv2Schema;

use crate::problem::Problem;
use crate::token::Tokens;
use crate::watch::{Refused, Watch};
use crate::{limits, peer};

const API_KEY: &str = "x-api-key";

mod stream;

pub use stream::{Lasting, Streaming};

/// An authenticated caller.
pub struct Authenticated(pub Caller);

/// A caller who may be nobody. A key or token that is not valid is refused all the same.
pub struct MaybeAuthenticated(pub Option<Caller>);

/// A caller who has shown a key. One who has only a token is refused: what a leaked token can do ends
/// with it.
pub struct ByKey(pub Caller);

/// A caller, or why he is not let in, for an operation that has to say so in its own way.
pub struct Presented(pub Result<Caller, Problem>);

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let presented = Presented::from_request(request, payload);
        Box::pin(async move { presented.await?.0.map(Self) })
    }
}

impl FromRequest for Presented {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let caller = authenticate(&request).await;
            Ok(Self(caller.and_then(|caller| caller.map(|(caller, _)| caller).ok_or_else(nobody))))
        })
    }
}

impl FromRequest for ByKey {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match authenticate(&request).await? {
                Some((caller, _)) if request.headers().contains_key(API_KEY) => Ok(Self(caller)),
                Some(_) => {
                    Err(Problem::forbidden("this needs the API key itself, in X-API-Key, not a token"))
                }
                None => Err(Problem::unauthorized("an API key is needed, in X-API-Key")),
            }
        })
    }
}

impl FromRequest for MaybeAuthenticated {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(
            async move { authenticate(&request).await.map(|caller| Self(caller.map(|(caller, _)| caller))) },
        )
    }
}

fn nobody() -> Problem {
    Problem::unauthorized("an API key or token is needed")
}

/// Who calls, and until when: a key and a token may end.
async fn authenticate(request: &HttpRequest) -> Result<Option<(Caller, Option<Timestamp>)>, Problem> {
    let Some(tokens) = request.app_data::<web::Data<Tokens>>() else { return Err(not_set_up()) };
    let (credential, ends) = if let Some(key) = request.headers().get(API_KEY) {
        (Credential::Key(key.to_str().unwrap_or_default().to_owned()), None)
    } else {
        let Some(token) = bearer(request.headers())? else { return Ok(None) };
        match tokens.verify(token) {
            Some(bearer) => (Credential::Token(bearer.client, bearer.key), Some(bearer.ends)),
            None => (Credential::Bad, None),
        }
    };
    let caller = let_in(request, credential).await?;
    let ends = earlier(caller.key_ends, ends);
    Ok(Some((caller, ends)))
}

/// The earlier end, of what may have none.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

fn not_set_up() -> Problem {
    Problem::unavailable("authentication is not set up", 60)
}

async fn let_in(request: &HttpRequest, credential: Credential) -> Result<Caller, Problem> {
    let Some(access) = request.app_data::<web::Data<Access>>() else { return Err(not_set_up()) };
    if let Some(Ok(caller)) = credential.remembered(access) {
        return Ok(caller);
    }
    let gate = Gate {
        access: access.clone(),
        limits: request.app_data::<web::Data<Limits>>().cloned(),
        from: peer::address(request),
    };
    // A task of its own, since a request may be given up while it waits: what fails is counted all the same.
    let Ok(answer) = actix_web::rt::spawn(async move { gate.try_in(&credential).await }).await else {
        return Err(Problem::unavailable("the server is overloaded", 1));
    };
    answer.map_err(|refusal| {
        if let Some(watch) = request.app_data::<web::Data<Watch>>() {
            refusal.count(&watch.refused);
        }
        match refusal {
            Refusal::Access(error) => error.into(),
            Refusal::TooOften(limited) => over(request, limited),
        }
    })
}

/// What a caller shows.
enum Credential {
    Key(String),
    /// What a token with a good signature was made from.
    Token(ClientId, KeyId),
    /// A token that is none of ours, or not any more.
    Bad,
}

impl Credential {
    /// What memory says of it; `None` if that takes a look into the store.
    fn remembered(&self, access: &Access) -> Option<Result<Caller, AccessError>> {
        match self {
            Self::Key(key) => access.remembered(key),
            Self::Token(client, key) => access.remembered_token(client, key),
            Self::Bad => Some(Err(AccessError::Unknown)),
        }
    }

    async fn look_up(&self, access: &Access) -> Result<Caller, AccessError> {
        match self {
            Self::Key(key) => access.by_key(key).await,
            Self::Token(client, key) => access.by_token(client, key).await,
            Self::Bad => Err(AccessError::Unknown),
        }
    }
}

enum Refusal {
    Access(AccessError),
    TooOften(Limited),
}

impl Refusal {
    fn count(&self, refused: &Refused) {
        match self {
            Self::Access(error) => refused.note(error),
            Self::TooOften(_) => refused.throttled.add(),
        }
    }
}

/// Where credentials from a network are tried.
struct Gate {
    access: web::Data<Access>,
    limits: Option<web::Data<Limits>>,
    from: IpAddr,
}

impl Gate {
    /// Who is remembered gets in, however many others from the same network fail: many may share its
    /// address. Who has to be looked up has to wait until those are fewer.
    async fn try_in(&self, credential: &Credential) -> Result<Caller, Refusal> {
        let answer = if let Some(answer) = credential.remembered(&self.access) {
            answer
        } else {
            if let Some(limits) = &self.limits {
                limits.may_present(self.from).await.map_err(Refusal::TooOften)?;
            }
            credential.look_up(&self.access).await
        };
        if let (Err(AccessError::Unknown), Some(limits)) = (&answer, &self.limits) {
            limits.failed(self.from).await.map_err(Refusal::TooOften)?;
        }
        answer.map_err(Refusal::Access)
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

impl Apiv2Schema for ByKey {}

impl OperationModifier for ByKey {
    fn update_parameter(_: &mut DefaultOperationRaw) {}
    fn update_definitions(_: &mut BTreeMap<String, DefaultSchemaRaw>) {}
    fn update_security(operation: &mut DefaultOperationRaw) {
        ApiKeyScheme::update_security(operation);
    }
    fn update_security_definitions(map: &mut BTreeMap<String, SecurityScheme>) {
        ApiKeyScheme::update_security_definitions(map);
    }
}

secured_by_key_or_token!(Authenticated);
secured_by_key_or_token!(Lasting);
secured_by_key_or_token!(MaybeAuthenticated);
secured_by_key_or_token!(Presented);
