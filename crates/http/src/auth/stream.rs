//! Who opens a stream: by key or token in a header, or by a ticket in the query.

use std::collections::BTreeMap;
use std::sync::Arc;

use activity_domain::error::AccessError;
use activity_domain::port::TicketRepo;
use activity_domain::service::Caller;
use activity_domain::time::Timestamp;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw, SecurityScheme};
use paperclip::v2::schema::Apiv2Schema;

use super::{Credential, Extracted, authenticate, earlier, let_in, nobody, not_set_up};
use crate::problem::Problem;
use crate::ticket::Tickets;

/// A caller, and when what it came with ends, if it does.
pub struct Lasting {
    /// Who it is.
    pub caller: Caller,
    /// The end of its key or token, whichever comes first.
    pub ends: Option<Timestamp>,
}

/// The same for a stream, which a ticket opens too. A ticket that comes here is used, whatever the answer is.
pub struct Streaming(pub Lasting);

impl FromRequest for Lasting {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (caller, ends) = authenticate(&request).await?.ok_or_else(nobody)?;
            Ok(Self { caller, ends })
        })
    }
}

impl FromRequest for Streaming {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            if let Some((caller, ends)) = authenticate(&request).await? {
                return Ok(Self(Lasting { caller, ends }));
            }
            let mut query = form_urlencoded::parse(request.query_string().as_bytes());
            match query.find(|(name, _)| name == "ticket") {
                Some((_, ticket)) => redeem(&request, &ticket).await.map(Self),
                None => Err(Problem::unauthorized("an API key, a token or a ticket is needed")),
            }
        })
    }
}

/// The caller whom a ticket was made for, if nobody has used it.
async fn redeem(request: &HttpRequest, ticket: &str) -> Result<Lasting, Problem> {
    let (Some(tickets), Some(used)) =
        (request.app_data::<web::Data<Tickets>>(), request.app_data::<web::Data<Arc<dyn TicketRepo>>>())
    else {
        return Err(not_set_up());
    };
    let Some(ticket) = tickets.verify(ticket) else {
        // It is counted against the network like any other credential that is not valid.
        let_in(request, Credential::Bad).await?;
        return Err(AccessError::Unknown.into());
    };
    let caller = let_in(request, Credential::Token(ticket.client, ticket.key)).await?;
    if !used.redeem(ticket.id, ticket.until).await? {
        return Err(Problem::unauthorized("this ticket was used already; get a new one"));
    }
    let ends = earlier(caller.key_ends, ticket.ends);
    Ok(Lasting { caller, ends })
}

impl Apiv2Schema for Streaming {}

impl OperationModifier for Streaming {
    fn update_parameter(_: &mut DefaultOperationRaw) {}
    fn update_definitions(_: &mut BTreeMap<String, DefaultSchemaRaw>) {}
    fn update_security(operation: &mut DefaultOperationRaw) {
        Lasting::update_security(operation);
    }
    fn update_security_definitions(map: &mut BTreeMap<String, SecurityScheme>) {
        Lasting::update_security_definitions(map);
    }
}
