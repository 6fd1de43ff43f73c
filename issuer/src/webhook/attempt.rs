//! One attempt to tell a receiver of an event.

use jiff::Timestamp;
use url::Url;
use warifu_server::delivery::{self, Attempted};
use warifu_server::fetch::Fetcher;
use warifu_session::webhook::{Event, WebhookSecret, X_TEST, sign};

/// Whether somebody tries the destination out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    Event,
    Test,
}

/// Signs an event for `now` and sends it.
pub(super) async fn attempt(
    fetcher: &Fetcher,
    url: &Url,
    secret: &WebhookSecret,
    event: &Event,
    occasion: Occasion,
    now: Timestamp,
) -> Attempted {
    let signed = sign(event, secret, now);
    let timestamp = signed.timestamp.to_string();
    let mut headers = signed.headers(&timestamp).to_vec();
    match occasion {
        Occasion::Event => {}
        Occasion::Test => headers.push((X_TEST, "true")),
    }
    delivery::attempt(fetcher, url, &headers, signed.body.clone()).await
}
