//! Counters and prices. Nothing is blocked by them.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use warifu_server::Now;
use warifu_server::extract::{Json, Query};
use warifu_session::billing::{Price, Usage};

use super::{Client, Doors, Front, Refusal, both};
use crate::Error;

pub(super) fn doors() -> Doors {
    let doors = both(Doors::default(), routes!(balance));
    let doors = both(doors, routes!(prices));
    both(doors, routes!(usage))
}

/// What is left of what was paid in advance.
#[derive(Serialize, ToSchema)]
struct Balance {
    /// US dollars, with four decimals.
    balance: &'static str,
    /// Always `false`.
    auto_refill_enabled: bool,
    /// Always `null`.
    auto_refill_amount: Option<String>,
    /// Always `null`.
    auto_refill_threshold: Option<String>,
}

/// The price list.
#[derive(Serialize, ToSchema)]
struct PriceList {
    /// Always `USD`.
    currency: &'static str,
    /// One row for each item.
    prices: Vec<Price>,
}

/// What is left of what was paid in advance.
///
/// Nothing is paid in advance, so nothing is ever there and nothing ever runs out.
#[utoipa::path(
    get, path = "/v3/billing/balance/", tag = "billing", operation_id = "billing_balance",
    responses((status = 200, description = "The balance.", body = Balance))
)]
async fn balance(_: Client) -> Json<Balance> {
    let balance = Balance {
        balance: "0.0000",
        auto_refill_enabled: false,
        auto_refill_amount: None,
        auto_refill_threshold: None,
    };
    Json(balance)
}

/// The price list.
#[utoipa::path(
    get, path = "/v3/billing/prices/", tag = "billing", operation_id = "billing_prices",
    responses((status = 200, description = "The prices.", body = PriceList))
)]
async fn prices(State(front): State<Front>, _: Client) -> Json<PriceList> {
    Json(PriceList { currency: "USD", prices: front.0.config().prices.list() })
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// The month as `2026-11`; this one when absent.
    month: Option<String>,
}

/// What was counted in a month.
#[utoipa::path(
    get, path = "/v3/billing/usage/", tag = "billing", operation_id = "billing_usage", params(Asked),
    responses((status = 200, description = "The counts.", body = Usage))
)]
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
