//! What imports would cost: counted by the month, never collected, and nothing is blocked by it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::json;
use warifu_server::extract::{Json, Query};
use warifu_server::{Now, Problem};
use warifu_session::billing::Price;

use super::api::{Partner, Refused};
use crate::Verifier;

/// `GET /v3/billing/prices/`.
pub(super) async fn prices(
    partner: Result<Partner, Problem>,
    State(verifier): State<Arc<Verifier>>,
) -> Result<Response, Refused> {
    partner?;
    let price = Price::new("import", verifier.config.import_price, 0, "importer");
    Ok(Json(json!({ "currency": "USD", "prices": [price] })).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    month: Option<String>,
}

/// `GET /v3/billing/usage/?month=2026-11`: what was imported in a month, this one where none is named.
pub(super) async fn usage(
    partner: Result<Partner, Problem>,
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    asked: Result<Query<Asked>, Problem>,
) -> Result<Response, Refused> {
    partner?;
    let Query(asked) = asked?;
    let wrong = || Refused::field(StatusCode::BAD_REQUEST, "month", "Enter a month as YYYY-MM.");
    let first: Date = match asked.month {
        Some(month) => format!("{month}-01").parse().map_err(|_| wrong())?,
        None => now.to_zoned(TimeZone::UTC).date().first_of_month(),
    };
    match verifier.usage(first).await? {
        Some(usage) => Ok(Json(usage).into_response()),
        None => Err(wrong()),
    }
}
