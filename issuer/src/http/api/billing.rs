//! Counters and prices. Nothing is blocked by them.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::json;
use warifu_server::Now;
use warifu_server::extract::{Json, Query};

use super::{Client, Front, Refusal, both};
use crate::Error;

pub(super) fn router() -> Router<Front> {
    let router = both(Router::new(), "/v3/billing/balance", get(balance));
    let router = both(router, "/v3/billing/prices", get(prices));
    both(router, "/v3/billing/usage", get(usage))
}

/// `GET /v3/billing/balance/`: nothing is paid in advance, so nothing is ever there and nothing ever runs out.
async fn balance(_: Client) -> Response {
    let answer = json!({
        "balance": "0.0000",
        "auto_refill_enabled": false,
        "auto_refill_amount": null,
        "auto_refill_threshold": null,
    });
    Json(answer).into_response()
}

/// `GET /v3/billing/prices/`.
async fn prices(State(front): State<Front>, _: Client) -> Response {
    Json(json!({ "currency": "USD", "prices": front.0.config().prices.list() })).into_response()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    month: Option<String>,
}

/// `GET /v3/billing/usage/?month=2026-11`: what was counted in a month, this one where none is named.
async fn usage(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let wrong = |_| Error::Field { field: "month", why: "Enter a month as YYYY-MM.".to_owned() };
    let first: Date = match asked.month {
        Some(month) => format!("{month}-01").parse().map_err(wrong)?,
        None => now.to_zoned(TimeZone::UTC).date().first_of_month(),
    };
    Ok(Json(front.0.usage(&client.0, first).await?).into_response())
}
