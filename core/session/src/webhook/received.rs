//! What a receiver does with a delivery before it believes a word of it.

use jiff::Timestamp;
use serde_json::{Map, Value};
use warifu_keys::equal_in_constant_time;
use warifu_keys::json::{JsonError, parse_object};

use super::signature::{Signatures, WebhookSecret};
use super::{X_SIGNATURE, X_SIGNATURE_SIMPLE, X_SIGNATURE_V2, X_TIMESTAMP};

/// How far the time in the body may lie from the receiver's, in seconds.
pub const WINDOW_SECONDS: i64 = 300;

/// Why a delivery, or one of its signatures, is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The body is no JSON object, names a member twice, or is too large.
    #[error("the body can not be read: {0}")]
    Body(JsonError),
    /// The header is absent.
    #[error("there is no {0}")]
    Absent(&'static str),
    /// The header is not 64 lower-case hexadecimal digits.
    #[error("{0} is not 64 lower-case hexadecimal digits")]
    Form(&'static str),
    /// The header is well-formed and wrong: another secret, or another body.
    #[error("{0} does not fit: another secret, or another body")]
    Wrong(&'static str),
    /// Only the signature that leaves out decision and metadata holds.
    #[error("only X-Signature-Simple holds, which protects neither decision nor metadata")]
    OnlySimple,
    /// The body says no time, or the header is no number.
    #[error("the body has no timestamp in whole seconds")]
    NoTime,
    /// Header and signed body say different times.
    #[error("X-Timestamp says {header}, the signed body {body}")]
    OtherTime {
        /// What the header says, cut to 20 characters.
        header: String,
        /// What the body says.
        body: i64,
    },
    /// Sent too long ago, or replayed.
    #[error("the delivery is {0} seconds old, more than 300")]
    Old(i64),
    /// Sent in the future: one of both clocks is wrong.
    #[error("the delivery is {0} seconds ahead, more than 300")]
    Ahead(i64),
}

/// A delivery as it came over the wire: nothing in it may be believed.
#[derive(Debug, Clone, Default)]
pub struct Received<'a> {
    body: &'a [u8],
    raw: Option<&'a str>,
    canonical: Option<&'a str>,
    simple: Option<&'a str>,
    timestamp: Option<&'a str>,
}

/// What holds of a delivery, each looked at by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Whether `X-Signature` holds.
    pub raw: Result<(), Refusal>,
    /// Whether `X-Signature-V2` holds.
    pub canonical: Result<(), Refusal>,
    /// Whether `X-Signature-Simple` holds.
    pub simple: Result<(), Refusal>,
    /// Whether it is of now, and header and body agree about that.
    pub time: Result<(), Refusal>,
}

impl<'a> Received<'a> {
    /// A delivery with this body, byte for byte.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self { body, ..Self::default() }
    }

    /// Takes a header, if it is one of the four that matter here; names are compared without case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &'a str) -> Self {
        let place = [
            (X_SIGNATURE, &mut self.raw),
            (X_SIGNATURE_V2, &mut self.canonical),
            (X_SIGNATURE_SIMPLE, &mut self.simple),
            (X_TIMESTAMP, &mut self.timestamp),
        ]
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known));
        if let Some((_, place)) = place {
            *place = Some(value.trim());
        }
        self
    }

    /// Looks at every signature and at the time.
    #[must_use]
    pub fn findings(&self, secret: &WebhookSecret, now: Timestamp) -> Findings {
        match parse_object(self.body) {
            Ok(event) => self.findings_of(&event, secret, now),
            Err(error) => {
                let refused = || Err(Refusal::Body(error.clone()));
                Findings { raw: refused(), canonical: refused(), simple: refused(), time: refused() }
            }
        }
    }

    fn findings_of(&self, event: &Map<String, Value>, secret: &WebhookSecret, now: Timestamp) -> Findings {
        let expected = Signatures::of(self.body, event, secret);
        Findings {
            raw: held("X-Signature", self.raw, &expected.raw),
            canonical: held("X-Signature-V2", self.canonical, &expected.canonical),
            simple: held("X-Signature-Simple", self.simple, &expected.simple),
            time: self.time(event, now),
        }
    }

    /// The time in the signed body decides; a header alone could be changed on the way.
    fn time(&self, event: &Map<String, Value>, now: Timestamp) -> Result<(), Refusal> {
        let body = event.get("timestamp").and_then(Value::as_i64).ok_or(Refusal::NoTime)?;
        if let Some(header) = self.timestamp.filter(|header| header.parse() != Ok(body)) {
            return Err(Refusal::OtherTime { header: header.chars().take(20).collect(), body });
        }
        match now.as_second().saturating_sub(body) {
            old if old > WINDOW_SECONDS => Err(Refusal::Old(old)),
            ahead if ahead < -WINDOW_SECONDS => Err(Refusal::Ahead(ahead.saturating_neg())),
            _ => Ok(()),
        }
    }

    /// The event, once it is certain that the holder of `secret` sent all of it within the last five minutes.
    ///
    /// `X-Signature` or `X-Signature-V2` must hold; `X-Signature-Simple` alone is refused. Whoever sends is bound to send an
    /// event again when no answer came, so the caller remembers each `event_id` and does nothing the second time.
    ///
    /// # Errors
    /// The first [`Refusal`], the signature before the time.
    pub fn verify(&self, secret: &WebhookSecret, now: Timestamp) -> Result<Map<String, Value>, Refusal> {
        let event = parse_object(self.body).map_err(Refusal::Body)?;
        let Findings { raw, canonical, simple, time } = self.findings_of(&event, secret, now);
        match (canonical, raw) {
            (Ok(()), _) | (_, Ok(())) => {}
            (Err(Refusal::Absent(_)), Err(Refusal::Absent(_))) if simple.is_ok() => return Err(Refusal::OnlySimple),
            // What is wrong says more than what is absent.
            (Err(refusal), Err(Refusal::Absent(_)))
            | (Err(Refusal::Absent(_)), Err(refusal))
            | (Err(refusal), Err(_)) => {
                return Err(refusal);
            }
        }
        time?;
        Ok(event)
    }
}

fn held(name: &'static str, found: Option<&str>, expected: &str) -> Result<(), Refusal> {
    let found = found.ok_or(Refusal::Absent(name))?;
    if found.len() != expected.len() || !found.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Refusal::Form(name));
    }
    if equal_in_constant_time(found.as_bytes(), expected.as_bytes()) { Ok(()) } else { Err(Refusal::Wrong(name)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::event::tests::event;
    use super::super::signature::sign;
    use super::*;

    fn secret() -> WebhookSecret {
        WebhookSecret::from_text("s")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const SENT: i64 = 1_795_000_000;

    #[test]
    fn every_rule_by_itself() {
        let signed = sign(&event(), &secret(), at(SENT));
        let (body, v2) = (signed.body.as_bytes(), signed.signatures.canonical.as_str());
        let whole = Received::new(body).header("x-signature-v2", v2).header("X-TIMESTAMP", "1795000000");
        assert_eq!(whole.verify(&secret(), at(SENT)).unwrap()["status"], "Approved");
        let check = |received: &Received<'_>, now: i64, expected: Refusal| {
            assert_eq!(received.verify(&secret(), at(now)), Err(expected));
        };
        assert!(whole.verify(&secret(), at(SENT + 300)).is_ok());
        assert!(whole.verify(&secret(), at(SENT - 300)).is_ok());
        check(&whole, SENT + 301, Refusal::Old(301));
        check(&whole, SENT - 301, Refusal::Ahead(301));
        // A fresh header does not make an old body young.
        let refreshed = whole.clone().header("x-timestamp", "1795000301");
        let other = Refusal::OtherTime { header: "1795000301".to_owned(), body: SENT };
        check(&refreshed, SENT + 301, other);
        assert_eq!(whole.verify(&WebhookSecret::from_text("t"), at(SENT)), Err(Refusal::Wrong("X-Signature-V2")));
        check(&whole.clone().header("x-signature-v2", &v2.to_uppercase()), SENT, Refusal::Form("X-Signature-V2"));
        check(&whole.clone().header("x-signature-v2", &v2[..63]), SENT, Refusal::Form("X-Signature-V2"));
        check(&Received::new(body), SENT, Refusal::Absent("X-Signature-V2"));
        let simple = Received::new(body).header("x-signature-simple", &signed.signatures.simple);
        check(&simple, SENT, Refusal::OnlySimple);
        check(&Received::new(body).header("x-signature", &"0".repeat(64)), SENT, Refusal::Wrong("X-Signature"));
        assert!(matches!(Received::new(b"[]").verify(&secret(), at(SENT)), Err(Refusal::Body(_))));
        // Two members of one name: which one was signed?
        let twice = signed.body.replacen('{', r#"{"status":"Approved","#, 1);
        assert!(matches!(Received::new(twice.as_bytes()).verify(&secret(), at(SENT)), Err(Refusal::Body(_))));
    }

    /// Pretty-printed on the way: the raw signature breaks, the canonical one holds.
    #[test]
    fn a_body_written_anew_still_verifies() {
        let signed = sign(&event(), &secret(), at(SENT));
        let value: Value = serde_json::from_str(&signed.body).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let received = Received::new(pretty.as_bytes())
            .header("x-signature", &signed.signatures.raw)
            .header("x-signature-v2", &signed.signatures.canonical);
        let findings = received.findings(&secret(), at(SENT));
        assert_eq!((findings.raw, findings.canonical), (Err(Refusal::Wrong("X-Signature")), Ok(())));
        assert!(received.verify(&secret(), at(SENT)).is_ok());
    }

    /// The simple signature does not notice another decision; the other two do, whatever is changed.
    #[test]
    fn changed_bytes_are_noticed() {
        let signed = sign(&event(), &secret(), at(SENT));
        for at_byte in 0..signed.body.len() {
            let mut body = signed.body.clone().into_bytes();
            body[at_byte] ^= 1;
            let received = Received::new(&body)
                .header("x-signature", &signed.signatures.raw)
                .header("x-signature-v2", &signed.signatures.canonical);
            assert!(received.verify(&secret(), at(SENT)).is_err(), "byte {at_byte}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(body in prop::collection::vec(any::<u8>(), 0..200), header in ".{0,80}", second in any::<i32>()) {
            let received = ["x-signature", "x-signature-v2", "x-signature-simple", "x-timestamp"]
                .into_iter()
                .fold(Received::new(&body), |received, name| received.header(name, &header));
            prop_assert!(received.verify(&secret(), at(second.into())).is_err());
        }

        #[test]
        fn any_time_is_judged(timestamp in any::<i64>(), second in any::<i32>()) {
            let body = format!(r#"{{"timestamp":{timestamp}}}"#);
            let time = Received::new(body.as_bytes()).findings(&secret(), at(second.into())).time;
            let near = (i128::from(timestamp) - i128::from(second)).abs() <= 300;
            prop_assert_eq!(time.is_ok(), near);
        }
    }
}
