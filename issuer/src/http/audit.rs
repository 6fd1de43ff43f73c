//! The audit log's doors, for whoever runs the issuer: the log speaks of the sessions of every application.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::middleware::from_extractor_with_state;
use warifu_server::audit;

use super::Front;
use super::api::{Client, Refusal};
use super::applications::Operator;
use crate::application::BUILT_IN;
use crate::{Error, Issuer};

pub(super) fn router(issuer: &Arc<Issuer>) -> Router<Front> {
    let guard = from_extractor_with_state::<Auditor, _>(Front(Arc::clone(issuer)));
    audit::router(issuer.audit_log().clone()).route_layer(guard)
}

/// Whoever holds the operator's key or a key of the settings.
struct Auditor;

impl FromRequestParts<Front> for Auditor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Refusal> {
        if Operator::from_request_parts(parts, front).await.is_ok() {
            return Ok(Self);
        }
        let Client(application) = Client::from_request_parts(parts, front).await?;
        if application.id == BUILT_IN { Ok(Self) } else { Err(Error::OperatorKey.into()) }
    }
}
