//! How a request stands, as it changes: server-sent events (WHATWG HTML section 9.2) for the partner's own servers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::Value;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use warifu_server::Now;
use warifu_server::extract::Path;

use super::api::Partner;
use super::openapi::Detail;
use crate::Verifier;
use crate::request::RequestError;

/// How often a request is looked at though nobody said that it changed: it may have ended by the clock, or in another
/// process.
const LOOK: Duration = Duration::from_secs(5);

/// A stream of the states of one request.
struct Watching {
    verifier: Arc<Verifier>,
    id: String,
    changes: Receiver<String>,
    /// What was sent last.
    said: Option<Value>,
    over: bool,
}

impl Watching {
    /// The next state that differs from the last; nothing after the one that ends the request.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.over {
            return None;
        }
        loop {
            let record = self.verifier.request(&self.id, self.verifier.clock.now()).await.ok()?;
            let state = record.verdict();
            if self.said.as_ref() != Some(&state) {
                self.over = record.ending().is_some();
                let event = Event::default().event("state").json_data(&state).ok()?;
                self.said = Some(state);
                return Some((Ok(event), self));
            }
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        let changed = async {
            loop {
                match self.changes.recv().await {
                    Ok(id) if id == self.id => return,
                    Ok(_) => {}
                    // Some were missed, perhaps this one's.
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let _ = tokio::time::timeout(LOOK, changed).await;
    }
}

/// How a request stands, as it changes.
///
/// Server-sent events named `state`: the members of the state but the values that were shown. The first comes at once, the
/// stream ends with the request.
#[utoipa::path(
    get, path = "/v1/requests/{id}/events", tag = "requests", operation_id = "request_events",
    params(("id" = String, Path, description = "Identifier of the request.")),
    responses(
        (status = 200, description = "The stream.", body = String, content_type = "text/event-stream"),
        (status = 404, description = "There is no such request.", body = Detail),
    )
)]
pub(super) async fn events(
    _: Partner,
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
) -> Result<Response, RequestError> {
    // Listens before it looks, so that nothing is missed in between.
    let changes = verifier.changes.subscribe();
    verifier.request(&id, now).await?;
    let watching = Watching { verifier, id, changes, said: None, over: false };
    let events = Sse::new(stream::unfold(watching, Watching::next));
    Ok(events.keep_alive(KeepAlive::default()).into_response())
}
