//! The door behind the links to pictures and files.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::{Json, Path, Query};

use super::Front;
use super::api::Refusal;
use crate::kyc::media::Shown;

pub(super) fn router() -> Router<Front> {
    Router::new().route("/media/{session}/{name}", get(show))
}

#[derive(Deserialize)]
struct Link {
    session: Uuid,
    name: String,
}

#[derive(Deserialize)]
struct Good {
    expires: i64,
    proof: String,
}

/// `GET /media/{session}/{name}?expires=…&proof=…`.
async fn show(
    State(front): State<Front>,
    Now(now): Now,
    Path(link): Path<Link>,
    Query(good): Query<Good>,
) -> Result<Response, Refusal> {
    let shown = front.0.media(link.session, &link.name, (good.expires, &good.proof), now).await?;
    Ok(match shown {
        Some(shown) => served(shown),
        None => {
            let detail = "There is nothing here, or the link is over. Read the decision again for a fresh one.";
            (StatusCode::NOT_FOUND, Json(json!({ "detail": detail }))).into_response()
        }
    })
}

/// Foreign bytes: a browser may show pictures and save the rest, and runs nothing of them.
fn served(shown: Shown) -> Response {
    let picture = ["image/jpeg", "image/png", "image/webp"].contains(&shown.media_type.as_str());
    let headers = [
        (header::CONTENT_TYPE, if picture { shown.media_type } else { "application/octet-stream".to_owned() }),
        (header::CONTENT_DISPOSITION, if picture { "inline" } else { "attachment" }.to_owned()),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, shown.bytes).into_response()
}
