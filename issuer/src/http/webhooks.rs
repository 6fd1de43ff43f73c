//! The webhook doors of the v3 API: destinations, their log, replay and trying out; and the older door, which knows one
//! destination per application.

use std::str::FromStr;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::{Json, Path, Query};
use warifu_session::webhook::{EventType, Version};
use warifu_store::Cursor;

use super::Front;
use super::api::{Body, Client, Refusal, text};
use super::openapi::{Doors, Found, OneId, bodies, both};
use crate::Error;
use crate::webhook::{Delivery, DestinationChange, Logged, NewDestination, Shared, Summary, Tested};

/// Rows of a log on one page, unless asked otherwise, and at most.
const PAGE: usize = 50;
const MOST: usize = 200;

pub(super) fn doors() -> Doors {
    let doors = both(Doors::default(), routes!(single, change_single));
    let doors = both(doors, routes!(list, create));
    let doors = both(doors, routes!(one, change, remove));
    let doors = both(doors, routes!(deliveries));
    let doors = both(doors, routes!(replay));
    both(doors, routes!(test))
}

/// A destination of webhooks.
#[derive(Serialize, ToSchema)]
struct Destination {
    /// Identifier.
    uuid: Uuid,
    /// Name for people.
    label: String,
    /// Where to.
    url: Url,
    /// Whether anything is sent there.
    enabled: bool,
    /// Shape of the decision.
    #[schema(value_type = String, example = "v3")]
    webhook_version: Version,
    /// What it is told of.
    #[schema(value_type = Vec<String>, example = json!(["status.updated"]))]
    subscribed_events: Vec<EventType>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed.
    updated_at: Timestamp,
    /// How it has done.
    summary: DestinationSummary,
    /// Its secret, where it is new: it is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_shared_key: Option<String>,
}

/// How a destination has done.
#[derive(Serialize, ToSchema)]
struct DestinationSummary {
    /// Attempts.
    total_deliveries: u64,
    /// Those that failed.
    failed_deliveries: u64,
    /// Their share, to two decimals.
    error_rate_percentage: f64,
    /// The quickest answer.
    min_response_time_ms: Option<u64>,
    /// The mean of all answers.
    avg_response_time_ms: Option<u64>,
    /// The slowest answer.
    max_response_time_ms: Option<u64>,
    /// The newest attempt.
    last_delivery_at: Option<Timestamp>,
}

/// The destinations.
#[derive(Serialize, ToSchema)]
struct DestinationList {
    /// How many there are.
    count: usize,
    /// Always `null`: this is all of them.
    next: Option<String>,
    /// Always `null`.
    previous: Option<String>,
    /// Oldest first.
    results: Vec<Destination>,
}

/// The one destination of the older API.
#[derive(Serialize, ToSchema)]
struct OnlyDestination {
    /// Where to; `null` where there is none.
    webhook_url: Option<Url>,
    /// Shape of the decision.
    #[schema(value_type = String, example = "v3")]
    webhook_version: Version,
    /// Shown when it is made, as everywhere.
    secret_shared_key: Option<String>,
    /// Always `both`.
    #[schema(example = "both")]
    capture_method: &'static str,
    /// Always `null`.
    data_retention_months: Option<u32>,
}

/// One attempt.
#[derive(Serialize, ToSchema)]
struct DeliveryRow {
    /// Identifier.
    uuid: Uuid,
    /// The event, the same in all attempts.
    event_id: Uuid,
    /// What happened.
    #[schema(value_type = String, example = "status.updated")]
    webhook_type: EventType,
    /// To which session.
    session_id: Uuid,
    /// Counted from 1.
    attempt: u32,
    /// Whether it was only tried out.
    test: bool,
    /// When.
    created_at: Timestamp,
    /// Whether it was answered with success.
    delivered: bool,
    /// Status of the answer.
    status_code: Option<u16>,
    /// Why there was none.
    error: Option<String>,
    /// How long it took.
    response_time_ms: u64,
    /// How the answer began.
    response_body: Option<String>,
    /// When it is tried again.
    next_attempt_at: Option<Timestamp>,
}

/// A page of attempts.
#[derive(Serialize, ToSchema)]
struct DeliveryList {
    /// Address of the next page.
    next: Option<String>,
    /// Always `null`: the log is read forwards.
    previous: Option<String>,
    /// Newest first.
    results: Vec<DeliveryRow>,
}

/// An event that will be sent again.
#[derive(Serialize, ToSchema)]
struct Replayed {
    /// The event.
    event_id: Uuid,
    /// The attempt that is repeated.
    replayed: Uuid,
    /// Always `queued`.
    #[schema(example = "queued")]
    status: &'static str,
}

/// An attempt in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes what is read from the path")]
struct DeliveryId {
    /// Identifier of the attempt.
    delivery: Uuid,
}

/// Makes a destination, and shows its secret once.
#[utoipa::path(
    post, path = "/v3/webhook/destinations/", tag = "webhooks", operation_id = "webhook_create", request_body = bodies::NewDestination,
    responses((status = 201, description = "The destination.", body = Destination))
)]
async fn create(State(front): State<Front>, client: Client, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let made = front.0.create_destination(client.0.id, new_destination(&body?.0)?, now).await?;
    Ok((StatusCode::CREATED, Json(row(&made))).into_response())
}

/// Lists the destinations.
#[utoipa::path(
    get, path = "/v3/webhook/destinations/", tag = "webhooks", operation_id = "webhook_list",
    responses((status = 200, description = "The destinations.", body = DestinationList))
)]
async fn list(State(front): State<Front>, client: Client) -> Result<Response, Refusal> {
    let results: Vec<Destination> = front.0.destinations(client.0.id).await?.iter().map(row).collect();
    Ok(Json(DestinationList { count: results.len(), next: None, previous: None, results }).into_response())
}

/// One destination.
#[utoipa::path(
    get, path = "/v3/webhook/destinations/{id}/", tag = "webhooks", operation_id = "webhook_get", params(OneId),
    responses((status = 200, description = "The destination.", body = Destination), Found)
)]
async fn one(State(front): State<Front>, client: Client, Named([id]): Named<1>) -> Result<Response, Refusal> {
    Ok(Json(row(&front.0.destination(client.0.id, id).await?)).into_response())
}

/// Changes what is named of a destination.
///
/// `rotate_secret_key` gives a fresh secret, shown this once.
#[utoipa::path(
    patch, path = "/v3/webhook/destinations/{id}/", tag = "webhooks", operation_id = "webhook_update", params(OneId),
    request_body = bodies::DestinationChange, responses((status = 200, description = "The destination.", body = Destination), Found)
)]
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

/// Removes a destination.
#[utoipa::path(
    delete, path = "/v3/webhook/destinations/{id}/", tag = "webhooks", operation_id = "webhook_delete", params(OneId),
    responses((status = 204, description = "It is gone."), Found)
)]
async fn remove(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Named([id]): Named<1>,
) -> Result<Response, Refusal> {
    front.0.delete_destination(client.0.id, id, now).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Page {
    /// Rows of a page, 1 to 200; 50 when absent.
    limit: Option<usize>,
    /// A place to go on from; it stands in `next`.
    cursor: Option<String>,
}

/// What was sent to a destination: every attempt, newest first.
#[utoipa::path(
    get, path = "/v3/webhook/destinations/{id}/deliveries/", tag = "webhooks", operation_id = "webhook_deliveries",
    params(OneId, Page), responses((status = 200, description = "A page of attempts.", body = DeliveryList), Found)
)]
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
    let results: Vec<DeliveryRow> =
        deliveries.iter().map(|(delivery, excerpt)| logged(delivery, excerpt.as_deref())).collect();
    Ok(Json(DeliveryList { next, previous: None, results }).into_response())
}

/// Sends an event once more.
#[utoipa::path(
    post, path = "/v3/webhook/destinations/{id}/deliveries/{delivery}/replay/", tag = "webhooks",
    operation_id = "webhook_replay", params(OneId, DeliveryId),
    responses((status = 202, description = "It will be sent.", body = Replayed), Found)
)]
async fn replay(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Named([id, delivery]): Named<2>,
) -> Result<Response, Refusal> {
    let queued = front.0.replay(client.0.id, id, delivery, now).await?;
    let answer = Replayed { event_id: queued.event_id, replayed: delivery, status: "queued" };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// Sends an invented event now, and answers with what the receiver did.
#[utoipa::path(
    post, path = "/v3/webhook/destinations/{id}/test/", tag = "webhooks", operation_id = "webhook_test", params(OneId),
    request_body = Option<bodies::Trial>, responses((status = 200, description = "What the receiver did.", body = DeliveryRow), Found)
)]
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

/// The one destination of the older API.
#[utoipa::path(
    get, path = "/v3/webhook/", tag = "webhooks", operation_id = "webhook_single_get",
    responses((status = 200, description = "The destination.", body = OnlyDestination))
)]
async fn single(State(front): State<Front>, client: Client) -> Result<Response, Refusal> {
    let found = front.0.destinations(client.0.id).await?.into_iter().find(|shared| shared.destination.single);
    Ok(Json(single_row(found.as_ref())).into_response())
}

/// Makes, changes or removes the one destination of the older API.
///
/// An empty `webhook_url` removes it.
#[utoipa::path(
    patch, path = "/v3/webhook/", tag = "webhooks", operation_id = "webhook_single_update", request_body = bodies::SingleDestination,
    responses((status = 200, description = "The destination.", body = OnlyDestination))
)]
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

fn row(shared: &Shared) -> Destination {
    let Shared { destination, summary, .. } = shared;
    Destination {
        uuid: destination.id,
        label: destination.label.clone(),
        url: destination.url.clone(),
        enabled: destination.enabled,
        webhook_version: destination.webhook_version,
        subscribed_events: destination.subscribed_events.clone(),
        created_at: destination.created_at,
        updated_at: destination.updated_at,
        summary: summary_row(summary),
        secret_shared_key: secret_text(shared),
    }
}

fn summary_row(summary: &Summary) -> DestinationSummary {
    #[expect(clippy::cast_precision_loss, reason = "a percentage, to two decimals")]
    let share = |part: u64| match summary.total_deliveries {
        0 => 0.0,
        total => (part as f64 * 10_000.0 / total as f64).round() / 100.0,
    };
    DestinationSummary {
        total_deliveries: summary.total_deliveries,
        failed_deliveries: summary.failed_deliveries,
        error_rate_percentage: share(summary.failed_deliveries),
        min_response_time_ms: summary.min_milliseconds,
        avg_response_time_ms: summary.all_milliseconds.checked_div(summary.total_deliveries),
        max_response_time_ms: summary.max_milliseconds,
        last_delivery_at: summary.last_delivery_at,
    }
}

/// The secret, where it is new.
fn secret_text(shared: &Shared) -> Option<String> {
    shared.secret.as_ref().map(|secret| String::from_utf8_lossy(secret.expose()).into_owned())
}

fn single_row(shared: Option<&Shared>) -> OnlyDestination {
    OnlyDestination {
        webhook_url: shared.map(|shared| shared.destination.url.clone()),
        webhook_version: shared.map(|shared| shared.destination.webhook_version).unwrap_or_default(),
        secret_shared_key: shared.and_then(secret_text),
        capture_method: "both",
        data_retention_months: None,
    }
}

fn logged(delivery: &Delivery, excerpt: Option<&str>) -> DeliveryRow {
    DeliveryRow {
        uuid: delivery.id,
        event_id: delivery.event_id,
        webhook_type: delivery.webhook_type,
        session_id: delivery.session_id,
        attempt: delivery.attempt,
        test: delivery.test,
        created_at: delivery.at,
        delivered: delivery.answer.is_success(),
        status_code: delivery.answer.status(),
        error: delivery.answer.failure().map(|failure| failure.to_string()),
        response_time_ms: delivery.milliseconds,
        response_body: excerpt.map(str::to_owned),
        next_attempt_at: delivery.next_attempt,
    }
}
