//! The three signatures of a delivery, all HMAC-SHA-256 in lower-case hexadecimal.

use std::fmt;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::Sha256;
use warifu_keys::{Entropy, Secret};

use super::canonical::{Text, canonical};
use super::event::Event;
use super::{X_SIGNATURE, X_SIGNATURE_SIMPLE, X_SIGNATURE_V2, X_TIMESTAMP};

/// The secret that a destination shares with us. Its text is the key, as UTF-8: nothing is decoded from it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Secret);

impl WebhookSecret {
    /// A fresh secret: 43 URL-safe characters, 256 random bits.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Secret::new(entropy.token().into_bytes()))
    }

    /// The secret of this text, of any length.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(Secret::new(text.as_bytes().to_vec()))
    }

    /// The secret of these bytes, as they were sealed or read from a file.
    #[must_use]
    pub fn from_secret(bytes: Secret) -> Self {
        Self(bytes)
    }

    /// The bytes of the text, for showing it once and for sealing it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// HMAC-SHA-256 of `message`.
    fn mac(&self, message: &[u8]) -> String {
        // The block-sized key of HMAC: a longer one is hashed first (RFC 2104 section 2).
        let mut key = [0; 64];
        match self.0.expose() {
            long if long.len() > key.len() => key[..32].copy_from_slice(&warifu_keys::sha256(long)),
            short => key[..short.len()].copy_from_slice(short),
        }
        let mut mac = Hmac::<Sha256>::new(&key.into());
        key.fill(0);
        mac.update(message);
        mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

/// The three signatures of one body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// `X-Signature`: over the bytes that are sent.
    pub raw: String,
    /// `X-Signature-V2`: over the canonical form in UTF-8, without any prefix.
    pub canonical: String,
    /// `X-Signature-Simple`: over `timestamp:session_id:status:webhook_type`. It protects neither decision nor metadata.
    pub simple: String,
}

impl Signatures {
    /// The signatures of `body`, which reads as `event`.
    #[must_use]
    pub fn of(body: &[u8], event: &Map<String, Value>, secret: &WebhookSecret) -> Self {
        let canonical = canonical(&Value::Object(event.clone()), Text::Utf8);
        Self {
            raw: secret.mac(body),
            canonical: secret.mac(canonical.as_bytes()),
            simple: secret.mac(simple_text(event).as_bytes()),
        }
    }
}

/// What the simple signature covers; an absent member is an empty text.
fn simple_text(event: &Map<String, Value>) -> String {
    let member = |name| match event.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => canonical(other, Text::Utf8),
    };
    ["timestamp", "session_id", "status", "webhook_type"].map(member).join(":")
}

/// A body with its signatures: what one attempt sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The bytes to send.
    pub body: String,
    /// The signatures of them.
    pub signatures: Signatures,
    /// The value of `X-Timestamp`, which the body says too.
    pub timestamp: i64,
}

impl Signed {
    /// The headers that carry the signatures; `timestamp` is that of the body, written out.
    #[must_use]
    pub fn headers<'a>(&'a self, timestamp: &'a str) -> [(&'static str, &'a str); 4] {
        [
            (X_SIGNATURE, &self.signatures.raw),
            (X_SIGNATURE_V2, &self.signatures.canonical),
            (X_SIGNATURE_SIMPLE, &self.signatures.simple),
            (X_TIMESTAMP, timestamp),
        ]
    }
}

/// Writes and signs an event for an attempt at `now`.
///
/// The time of the attempt is signed, because receivers refuse what is older than five minutes and the last attempt comes
/// after that. When the event happened stays in `created_at`, and which one it is in `event_id`.
#[must_use]
pub fn sign(event: &Event, secret: &WebhookSecret, now: Timestamp) -> Signed {
    let timestamp = now.as_second();
    sign_body(&event.at(timestamp), secret, timestamp)
}

/// [`sign`] for what is no event of a session; `body` says `timestamp` itself, in seconds since 1970.
#[must_use]
pub fn sign_body(body: &Map<String, Value>, secret: &WebhookSecret, timestamp: i64) -> Signed {
    let written = canonical(&Value::Object(body.clone()), Text::Utf8);
    let raw = secret.mac(written.as_bytes());
    // The body is the canonical form, so both signatures are one.
    let signatures = Signatures { canonical: raw.clone(), raw, simple: secret.mac(simple_text(body).as_bytes()) };
    Signed { body: written, signatures, timestamp }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::received::{Received, Refusal};
    use super::*;

    const SECRET: &str = "test-secret-for-our-own-vectors-000000000000";

    fn id(last: &str) -> String {
        format!("00000000-0000-4000-8000-{last:0>12}")
    }

    fn vector(vendor_data: &str, metadata: Value, decision: Option<Value>) -> Map<String, Value> {
        let value = json!({
            "event_id": id("1"), "application_id": id("aa"), "session_id": id("bb"), "workflow_id": id("cc"),
            "webhook_type": "status.updated", "timestamp": 1_767_225_600, "created_at": 1_767_225_590,
            "environment": "sandbox", "status": "In Review", "workflow_version": 2,
            "vendor_data": vendor_data, "metadata": metadata,
        });
        let Value::Object(mut map) = value else { unreachable!() };
        map.extend(decision.map(|decision| ("decision".to_owned(), decision)));
        map
    }

    #[track_caller]
    fn check(event: Map<String, Value>, raw: &str, canonical_signature: &str) {
        let secret = WebhookSecret::from_text(SECRET);
        let body = canonical(&Value::Object(event.clone()), Text::Ascii);
        let signatures = Signatures::of(body.as_bytes(), &event, &secret);
        assert_eq!(signatures.raw, raw);
        assert_eq!(signatures.canonical, canonical_signature);
        assert_eq!(signatures.simple, "a07a3d69fee1104a3fe84d722bf72bbbe24e1fe241bd5a44423bcd0592615d4e");
        // And by the receiver, as it would come in: the older sender's body, and ours.
        let now = Timestamp::from_second(1_767_225_601).unwrap();
        let received = |body: &str, raw: &str| {
            Received::new(body.as_bytes())
                .header("X-Signature", raw)
                .header("X-Signature-V2", canonical_signature)
                .header("X-Signature-Simple", &signatures.simple)
                .header("X-Timestamp", "1767225600")
                .findings(&secret, now)
        };
        let ours = canonical(&Value::Object(event), Text::Utf8);
        for (body, raw) in [(&body, raw), (&ours, canonical_signature)] {
            let findings = received(body, raw);
            assert_eq!(
                (findings.raw, findings.canonical, findings.simple, findings.time),
                (Ok(()), Ok(()), Ok(()), Ok(()))
            );
        }
        assert_eq!(received(&ours, raw).raw, Err(Refusal::Wrong("X-Signature")));
    }

    /// Appendix C, vector A: recomputed with Python and Node.
    #[test]
    fn vector_a() {
        let decision = json!({
            "status": "In Review", "liveness_checks": [{ "node_id": "n1", "score": 88.0, "face_quality": 71.25 }],
        });
        check(
            vector("山田-7", json!({}), Some(decision)),
            "cea02f5674062b1777a9e6c8acd1ba0787f3b83e0b749b37dc6031a183011477",
            "2320255819d3c0493b071cc2d57ee549bc3ce4229bc3c44835495dad3f2a412b",
        );
    }

    /// Appendix C, vector B: the characters that languages escape differently.
    #[test]
    fn vector_b() {
        check(
            vector("a\"b\\c/d\n\t\u{1}\u{7f}\u{1f600}", json!({ "k": [1.0, 2.5, true, null, {}] }), None),
            "539935c14dffc7a22d9b4d087a6da62ddd3e6c9ca9b45637dbbe2a0393e50e7c",
            "97fdc3c7b8cb95f691827b9f0ffebcb3b083bd25125cea6195920102e778751f",
        );
    }

    /// RFC 4231, test cases 2 and 6: a key shorter and one longer than a block.
    #[test]
    fn keys_of_any_length() {
        let short = WebhookSecret::from_text("Jefe").mac(b"what do ya want for nothing?");
        assert_eq!(short, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = WebhookSecret::from_secret(Secret::new(vec![0xaa; 131]));
        let mac = long.mac(b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn a_secret_is_long_and_silent() {
        let secret = WebhookSecret::generate(&warifu_keys::entropy::Seeded::dangerous_new("webhook"));
        assert_eq!(secret.expose().len(), 43);
        assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
    }
}
