//! The list of sessions.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::Json;
use warifu_session::Status;
use warifu_session::decision::SessionKind;

use super::{Client, Doors, Front, Refusal, both};
use crate::kyc::list::{Filter, LIMIT, Row, Slice};
use crate::kyc::session::VENDOR_DATA;
use crate::{Error, Issuer};

/// Rows of a page where nobody says how many.
const USUAL: usize = 50;
/// Longest search term, in characters.
const SEARCH: usize = 256;

pub(super) fn doors() -> Doors {
    both(Doors::default(), routes!(list))
}

/// A page of sessions.
#[derive(Serialize, ToSchema)]
struct Sessions {
    /// How many there are under the filters.
    count: usize,
    /// Whether that is all of them: beyond 10,000 nothing is counted.
    count_is_exact: bool,
    /// Address of the next page.
    next: Option<String>,
    /// Address of the page before.
    previous: Option<String>,
    /// Newest first.
    results: Vec<Row>,
}

/// The query, as it is described; it is read by hand, so that each refusal names its parameter.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read from the query")]
struct Query {
    /// Rows of a page, 1 to 200; 50 when absent.
    limit: Option<usize>,
    /// Rows to pass over, at most 10,000.
    offset: Option<usize>,
    /// A place to go on from; it stands in `next`.
    after: Option<String>,
    /// `user`, `business` or `all`.
    session_kind: Option<String>,
    /// Your own identifier of the person, whole.
    vendor_data: Option<String>,
    /// Status words with commas between them: `Approved,In Review`.
    status: Option<String>,
    /// The workflow.
    workflow_id: Option<Uuid>,
    /// Issuing state, ISO 3166-1 alpha-3.
    country: Option<String>,
    /// A day, or a moment: the first.
    date_from: Option<String>,
    /// A day, or a moment: the last.
    date_to: Option<String>,
    /// Name, number of the document, number or identifier of the session.
    search: Option<String>,
}

/// Lists the sessions, newest first.
///
/// All filters hold together. Parameters that mean nothing here are passed over.
#[utoipa::path(
    get, path = "/v3/sessions/", tag = "sessions", operation_id = "session_list", params(Query),
    responses((status = 200, description = "A page of them.", body = Sessions))
)]
async fn list(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let asked = Asked::parse(query.as_deref().unwrap_or_default())?;
    let listed = front.0.list_sessions(client.0.id, &asked.filter, asked.slice, now).await?;
    let Slice { limit, offset, .. } = asked.slice;
    let next = listed.next.map(|place| asked.link(&front.0, offset.saturating_add(limit), Some(place.to_string())));
    // Backwards there is no place to go on from, only a distance from the newest.
    let back = offset.saturating_sub(limit);
    let previous = (offset > 0 && back <= crate::kyc::list::OFFSET).then(|| asked.link(&front.0, back, None));
    let answer =
        Sessions { count: listed.count, count_is_exact: listed.counted_all, next, previous, results: listed.rows };
    Ok(Json(answer).into_response())
}

/// What the query string asks for. Parameters that mean nothing here are passed over.
struct Asked {
    filter: Filter,
    slice: Slice,
    /// The filters as they came, for the links.
    filters: Vec<(String, String)>,
}

impl Asked {
    fn parse(query: &str) -> Result<Self, Error> {
        let mut filter = Filter::default();
        let mut slice = Slice { limit: USUAL, offset: 0, after: None };
        let mut filters = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let named = match &*name {
                "limit" => {
                    let limit: usize = value.parse().map_err(|_| bad("limit", "A valid integer is required."))?;
                    slice.limit = limit.clamp(1, LIMIT);
                    continue;
                }
                "offset" => {
                    slice.offset = value.parse().map_err(|_| bad("offset", "A valid integer is required."))?;
                    continue;
                }
                "after" => {
                    slice.after = Some(value.parse().map_err(|_| bad("after", "Take it from `next`."))?);
                    continue;
                }
                "session_kind" => {
                    filter.kind = match value {
                        "user" => Some(SessionKind::User),
                        "business" => Some(SessionKind::Business),
                        "all" => None,
                        _ => return Err(bad("session_kind", "Must be one of user, business, all.")),
                    };
                    "session_kind"
                }
                "vendor_data" => {
                    filter.vendor_data = Some(short("vendor_data", value, VENDOR_DATA)?);
                    "vendor_data"
                }
                "status" => {
                    filter.statuses = statuses(value)?;
                    "status"
                }
                "workflow_id" => {
                    let workflow = value.parse().map_err(|_| bad("workflow_id", "Must be a valid UUID."))?;
                    filter.workflow = Some(workflow);
                    "workflow_id"
                }
                "country" => {
                    if !(value.len() == 3 && value.bytes().all(|byte| byte.is_ascii_alphabetic())) {
                        return Err(bad("country", "Enter an ISO 3166-1 alpha-3 code."));
                    }
                    filter.country = Some(value.to_ascii_uppercase());
                    "country"
                }
                "date_from" => {
                    filter.from = Some(moment("date_from", value, 0)?);
                    "date_from"
                }
                "date_to" => {
                    filter.before = Some(moment("date_to", value, 1)?);
                    "date_to"
                }
                "search" => {
                    filter.search = Some(short("search", value, SEARCH)?);
                    "search"
                }
                _ => continue,
            };
            filters.push((named.to_owned(), value.to_owned()));
        }
        Ok(Self { filter, slice, filters })
    }

    fn link(&self, issuer: &Issuer, offset: usize, after: Option<String>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.filters);
        query.append_pair("limit", &self.slice.limit.to_string()).append_pair("offset", &offset.to_string());
        if let Some(after) = after {
            query.append_pair("after", &after);
        }
        issuer.config().address(&format!("/v3/sessions/?{}", query.finish()))
    }
}

/// Status words with commas between them, as they are written (`In Review`) or as constants (`IN_REVIEW`).
fn statuses(text: &str) -> Result<Vec<Status>, Error> {
    let mut statuses = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let same = |status: &&Status| status.word().eq_ignore_ascii_case(&word.replace('_', " "));
        let status = Status::ALL.iter().find(same).ok_or_else(|| bad("status", "Not a valid choice."))?;
        if !statuses.contains(status) {
            statuses.push(*status);
        }
    }
    Ok(statuses)
}

/// A day, or a moment in RFC 3339. Of a day the first moment, of one that ends a range the first after it.
fn moment(field: &'static str, text: &str, days: i64) -> Result<Timestamp, Error> {
    let wrong = || bad(field, "Enter a date as YYYY-MM-DD, or a time as in RFC 3339.");
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    let day = day.checked_add(days.days()).map_err(|_| wrong())?;
    Ok(day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp())
}

fn short(field: &'static str, text: &str, most: usize) -> Result<String, Error> {
    if text.chars().count() > most {
        return Err(bad(field, "Ensure this field has at most 256 characters."));
    }
    Ok(text.to_owned())
}

fn bad(field: &'static str, why: &str) -> Error {
    Error::Field { field, why: why.to_owned() }
}
