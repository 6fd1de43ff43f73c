//! What imports would cost: counted by the month, never collected, and nothing is blocked by it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use warifu_server::extract::{Json, Query};
use warifu_server::{Now, Problem};
use warifu_session::billing::{Price, Usage};

use super::api::{Partner, Refused};
use crate::Verifier;

/// The price list.
#[derive(Serialize, ToSchema)]
struct PriceList {
    /// Always `USD`.
    currency: &'static str,
    /// One row for each item.
    prices: Vec<Price>,
}

/// The price list.
#[utoipa::path(
    get, path = "/v3/billing/prices/", tag = "billing", operation_id = "billing_prices",
    responses((status = 200, description = "The prices.", body = PriceList))
)]
pub(super) async fn prices(
    partner: Result<Partner, Problem>,
    State(verifier): State<Arc<Verifier>>,
) -> Result<Response, Refused> {
    partner?;
    let price = Price::new("import", verifier.config.import_price, 0, "importer");
    Ok(Json(PriceList { currency: "USD", prices: vec![price] }).into_response())
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// The month as `2026-11`; this one when absent.
    month: Option<String>,
}

/// What was imported in a month.
#[utoipa::path(
    get, path = "/v3/billing/usage/", tag = "billing", operation_id = "billing_usage", params(Asked),
    responses((status = 200, description = "The counts.", body = Usage))
)]
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
