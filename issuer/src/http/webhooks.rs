//! The webhook doors of the v3 API: destinations, their log, replay and trying out; and the older door, which knows one
//! destination per application.

use std::str::FromStr;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::{Json, Path, Query};
use warifu_session::webhook::{EventType, Version};
use warifu_store::Cursor;

use super::Front;
use super::api::{Body, Client, Refusal, both, text};
use crate::Error;
use crate::webhook::{Delivery, DestinationChange, Logged, NewDestination, Shared, Summary, Tested};

/// Rows of a log on one page, unless asked otherwise, and at most.
const PAGE: usize = 50;
const MOST: usize = 200;

pub(super) fn router() -> Router<Front> {
    let router = both(Router::new(), "/v3/webhook", get(single).patch(change_single));
    let router = both(router, "/v3/webhook/destinations", get(list).post(create));
    let router = both(router, "/v3/webhook/destinations/{id}", get(one).patch(change).delete(remove));
    let router = both(router, "/v3/webhook/destinations/{id}/deliveries", get(deliveries));
    let router = both(router, "/v3/webhook/destinations/{id}/deliveries/{delivery}/replay", post(replay));
    both(router, "/v3/webhook/destinations/{id}/test", post(test))
}

/// `POST /v3/webhook/destinations/`: a destination, with its secret this once.
async fn create(State(front): State<Front>, client: Client, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let made = front.0.create_destination(client.0.id, new_destination(&body?.0)?, now).await?;
    Ok((StatusCode::CREATED, Json(row(&made))).into_response())
}

/// `GET /v3/webhook/destinations/`: all of them, oldest first.
async fn list(State(front): State<Front>, client: Client) -> Result<Response, Refusal> {
    let results: Vec<Value> = front.0.destinations(client.0.id).await?.iter().map(row).collect();
    Ok(Json(json!({ "count": results.len(), "next": null, "previous": null, "results": results })).into_response())
}

/// `GET /v3/webhook/destinations/{id}/`.
async fn one(State(front): State<Front>, client: Client, Named([id]): Named<1>) -> Result<Response, Refusal> {
    Ok(Json(row(&front.0.destination(client.0.id, id).await?)).into_response())
}

/// `PATCH /v3/webhook/destinations/{id}/`: changes what is named. `rotate_secret_key` gives a fresh secret, shown this once.
async fn change(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Named([id]): Named<1>,
    body: Body,
) -> Result<Response, Refusal> {
    let changed = front.0.change_destination(client.0.id, id, destination_change(&body?.0)?, now).await?;
    Ok(Json(row(&changed)).into_response())
}

/// `DELETE /v3/webhook/destinations/{id}/`.
async fn remove(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Named([id]): Named<1>,
) -> Result<Response, Refusal> {
    front.0.delete_destination(client.0.id, id, now).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /v3/webhook/destinations/{id}/deliveries/`: every attempt, newest first.
async fn deliveries(
    State(front): State<Front>,
    client: Client,
    Named([id]): Named<1>,
    Query(page): Query<Page>,
) -> Result<Response, Refusal> {
    let limit = page.limit.unwrap_or(PAGE).clamp(1, MOST);
    let after = page.cursor.as_deref().map(Cursor::from_str).transpose();
    let after = after.map_err(|_| bad("cursor", "Name the cursor of a page before."))?;
    let Logged { deliveries, next } = front.0.deliveries(client.0.id, id, limit, after).await?;
    let next = next.map(|cursor| {
        let path = format!("/v3/webhook/destinations/{id}/deliveries/?limit={limit}&cursor={cursor}");
        front.0.config().address(&path)
    });
    let results: Vec<Value> =
        deliveries.iter().map(|(delivery, excerpt)| logged(delivery, excerpt.as_deref())).collect();
    Ok(Json(json!({ "next": next, "previous": null, "results": results })).into_response())
}

/// `POST /v3/webhook/destinations/{id}/deliveries/{delivery}/replay/`: the same event once more.
async fn replay(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Named([id, delivery]): Named<2>,
) -> Result<Response, Refusal> {
    let queued = front.0.replay(client.0.id, id, delivery, now).await?;
    let answer = json!({ "event_id": queued.event_id, "replayed": delivery, "status": "queued" });
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// `POST /v3/webhook/destinations/{id}/test/`: an invented event, now; answers with what the receiver did.
async fn test(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Named([id]): Named<1>,
    body: Body,
) -> Result<Response, Refusal> {
    let wanted = match &body {
        Ok(body) => text(&body.0, "event_type")?,
        Err(_) => None,
    };
    let webhook_type = wanted.map_or(Ok(EventType::StatusUpdated), str::parse);
    let webhook_type = webhook_type.map_err(|_| bad("event_type", "Not a valid choice."))?;
    let Tested { delivery, excerpt } = front.0.test_destination(client.0.id, id, webhook_type, now).await?;
    Ok(Json(logged(&delivery, Some(&excerpt).filter(|text| !text.is_empty()).map(String::as_str))).into_response())
}

/// `GET /v3/webhook/`: the one destination of the older API.
async fn single(State(front): State<Front>, client: Client) -> Result<Response, Refusal> {
    let found = front.0.destinations(client.0.id).await?.into_iter().find(|shared| shared.destination.single);
    Ok(Json(single_row(found.as_ref())).into_response())
}

/// `PATCH /v3/webhook/`: makes, changes or, with an empty `webhook_url`, removes it.
async fn change_single(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body?.0;
    check_single(&body)?;
    let found = front.0.destinations(client.0.id).await?.into_iter().find(|shared| shared.destination.single);
    let removed = matches!(body.get("webhook_url"), Some(Value::Null)) || body.get("webhook_url") == Some(&json!(""));
    let url = text(&body, "webhook_url")?.map(|text| address("webhook_url", text)).transpose()?;
    let webhook_version = version(&body)?;
    let shared = match (found, url) {
        (Some(found), _) if removed => {
            front.0.delete_destination(client.0.id, found.destination.id, now).await?;
            None
        }
        (Some(found), url) => {
            let rotate = flag(&body, "rotate_secret_key")?.unwrap_or(false);
            let change = DestinationChange { url, webhook_version, rotate, ..DestinationChange::default() };
            Some(front.0.change_destination(client.0.id, found.destination.id, change, now).await?)
        }
        (None, Some(url)) => {
            let wanted = NewDestination {
                label: String::new(),
                url,
                enabled: true,
                webhook_version: webhook_version.unwrap_or_default(),
                subscribed_events: vec![EventType::StatusUpdated, EventType::DataUpdated],
                single: true,
            };
            Some(front.0.create_destination(client.0.id, wanted, now).await?)
        }
        (None, None) if removed => None,
        (None, None) => return Err(bad("webhook_url", "This field is required.").into()),
    };
    Ok(Json(single_row(shared.as_ref())).into_response())
}

/// What the older door also took is refused where it would not do what it says.
fn check_single(body: &Map<String, Value>) -> Result<(), Error> {
    if body.get("capture_method").is_some_and(|method| method != "both") {
        return Err(bad("capture_method", "Only both: people choose on the page."));
    }
    if body.get("data_retention_months").is_some_and(|months| !months.is_null()) {
        return Err(bad("data_retention_months", "Not offered here: delete the sessions instead."));
    }
    Ok(())
}

/// The identifiers in a path, in their order. A text that is no UUID names nothing.
struct Named<const N: usize>([Uuid; N]);

impl<const N: usize> FromRequestParts<Front> for Named<N> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Refusal> {
        let none = || Refusal::Service(Error::NoSuchDestination);
        let named = Path::<Vec<(String, Uuid)>>::from_request_parts(parts, front).await.map_err(|_| none())?;
        let ids: Vec<Uuid> = named.0.into_iter().map(|(_, id)| id).collect();
        ids.try_into().map(Self).map_err(|_| none())
    }
}

fn new_destination(body: &Map<String, Value>) -> Result<NewDestination, Error> {
    let required = |field| move || bad(field, "This field is required.");
    let url = text(body, "url")?.ok_or_else(required("url"))?;
    Ok(NewDestination {
        label: text(body, "label")?.unwrap_or_default().to_owned(),
        url: address("url", url)?,
        enabled: flag(body, "enabled")?.unwrap_or(true),
        webhook_version: version(body)?.unwrap_or_default(),
        subscribed_events: events(body)?.ok_or_else(required("subscribed_events"))?,
        single: false,
    })
}

fn destination_change(body: &Map<String, Value>) -> Result<DestinationChange, Error> {
    let label = body.contains_key("label").then(|| text(body, "label")).transpose()?;
    Ok(DestinationChange {
        label: label.map(|label| label.unwrap_or_default().to_owned()),
        url: match body.get("url") {
            Some(_) => {
                let url = text(body, "url")?.ok_or_else(|| bad("url", "This field may not be blank."))?;
                Some(address("url", url)?)
            }
            None => None,
        },
        enabled: flag(body, "enabled")?,
        webhook_version: version(body)?,
        subscribed_events: events(body)?,
        rotate: flag(body, "rotate_secret_key")?.unwrap_or(false),
    })
}

fn address(field: &'static str, text: &str) -> Result<Url, Error> {
    Url::parse(text.trim()).map_err(|_| bad(field, "Enter a valid URL."))
}

fn version(body: &Map<String, Value>) -> Result<Option<Version>, Error> {
    let word = text(body, "webhook_version")?;
    word.map(|word| Version::from_word(word).ok_or_else(|| bad("webhook_version", "Must be one of v1, v2, v3.")))
        .transpose()
}

fn flag(body: &Map<String, Value>, field: &'static str) -> Result<Option<bool>, Error> {
    match body.get(field) {
        None => Ok(None),
        Some(value) => value.as_bool().map(Some).ok_or_else(|| bad(field, "Must be a valid boolean.")),
    }
}

fn events(body: &Map<String, Value>) -> Result<Option<Vec<EventType>>, Error> {
    let Some(value) = body.get("subscribed_events") else { return Ok(None) };
    let field = "subscribed_events";
    let words = value.as_array().ok_or_else(|| bad(field, "Expected a list of items."))?;
    let word = |word: &Value| word.as_str().and_then(|word| word.parse().ok());
    let events: Result<Vec<EventType>, Error> =
        words.iter().map(|item| word(item).ok_or_else(|| bad(field, "Not a valid choice."))).collect();
    events.map(Some)
}

fn bad(field: &'static str, why: &str) -> Error {
    Error::Field { field, why: why.to_owned() }
}

fn row(shared: &Shared) -> Value {
    let Shared { destination, summary, .. } = shared;
    let mut row = json!({
        "uuid": destination.id,
        "label": destination.label,
        "url": destination.url,
        "enabled": destination.enabled,
        "webhook_version": destination.webhook_version,
        "subscribed_events": destination.subscribed_events,
        "created_at": destination.created_at,
        "updated_at": destination.updated_at,
        "summary": summary_row(summary),
    });
    if let Some(secret) = secret_text(shared) {
        row["secret_shared_key"] = secret.into();
    }
    row
}

fn summary_row(summary: &Summary) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a percentage, to two decimals")]
    let share = |part: u64| match summary.total_deliveries {
        0 => 0.0,
        total => (part as f64 * 10_000.0 / total as f64).round() / 100.0,
    };
    json!({
        "total_deliveries": summary.total_deliveries,
        "failed_deliveries": summary.failed_deliveries,
        "error_rate_percentage": share(summary.failed_deliveries),
        "min_response_time_ms": summary.min_milliseconds,
        "avg_response_time_ms": summary.all_milliseconds.checked_div(summary.total_deliveries),
        "max_response_time_ms": summary.max_milliseconds,
        "last_delivery_at": summary.last_delivery_at,
    })
}

/// The secret, where it is new.
fn secret_text(shared: &Shared) -> Option<String> {
    shared.secret.as_ref().map(|secret| String::from_utf8_lossy(secret.expose()).into_owned())
}

fn single_row(shared: Option<&Shared>) -> Value {
    json!({
        "webhook_url": shared.map(|shared| &shared.destination.url),
        "webhook_version": shared.map(|shared| shared.destination.webhook_version).unwrap_or_default(),
        // Shown when it is made, as everywhere.
        "secret_shared_key": shared.and_then(secret_text),
        "capture_method": "both",
        "data_retention_months": null,
    })
}

fn logged(delivery: &Delivery, excerpt: Option<&str>) -> Value {
    json!({
        "uuid": delivery.id,
        "event_id": delivery.event_id,
        "webhook_type": delivery.webhook_type,
        "session_id": delivery.session_id,
        "attempt": delivery.attempt,
        "test": delivery.test,
        "created_at": delivery.at,
        "delivered": delivery.answer.is_success(),
        "status_code": delivery.answer.status(),
        "error": delivery.answer.failure(),
        "response_time_ms": delivery.milliseconds,
        "response_body": excerpt,
        "next_attempt_at": delivery.next_attempt,
    })
}
