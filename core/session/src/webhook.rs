//! Webhooks of the v3 session API, third generation: what an event says, how it is written, how it is signed and how a
//! receiver checks it.
//!
//! The body that is sent *is* the canonical form ([`canonical`] with [`Text::Utf8`]). So `X-Signature` and
//! `X-Signature-V2` are one value here, and three kinds of receivers are served by the same bytes: those that verify the
//! raw bytes against either header, and those that parse, write anew and verify that.
//!
//! ```
//! # use warifu_session::webhook::{Received, WebhookSecret};
//! # fn receive(body: &[u8], headers: &[(&str, &str)], now: jiff::Timestamp) -> Result<(), warifu_session::webhook::Refusal> {
//! let secret = WebhookSecret::from_text("the secret of the destination");
//! let received = headers.iter().fold(Received::new(body), |all, (name, value)| all.header(name, value));
//! let event = received.verify(&secret, now)?;
//! // Do nothing for an `event_id` that was done before: an event may come twice.
//! # let _ = event.get("event_id");
//! # Ok(())
//! # }
//! ```
//!
//! Left out on purpose: sending. That is the issuer's outbox.

mod canonical;
mod event;
mod received;
mod signature;
mod singular;

pub use canonical::{Text, canonical, is_portable_name, portable};
pub use event::{Event, EventType, NotAnEventType, ResubmitInfo, Version, WithdrawnConsent, carries_decision};
pub use received::{Findings, Received, Refusal, WINDOW_SECONDS};
pub use signature::{Signatures, Signed, WebhookSecret, sign, sign_body};
pub use singular::singular;

/// Header of the signature over the bytes as they were sent.
pub const X_SIGNATURE: &str = "x-signature";
/// Header of the signature over the canonical form in UTF-8.
pub const X_SIGNATURE_V2: &str = "x-signature-v2";
/// Header of the signature over timestamp, session, status and type alone.
pub const X_SIGNATURE_SIMPLE: &str = "x-signature-simple";
/// Header that repeats the member `timestamp`, in seconds since 1970.
pub const X_TIMESTAMP: &str = "x-timestamp";
/// Header, with the value `true`, of a delivery that somebody asked for to try a destination out. Receivers that exist
/// look for this name.
pub const X_TEST: &str = "x-didit-test-webhook";
