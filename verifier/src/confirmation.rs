//! From an answer to a result that counts: the browser that began the request has to be the one that the answer belongs to
//! (OpenID4VP 1.0 section 13.3, HAIP 1.0 section 5.1).
//!
//! A wallet answers; whether the person with the wallet is the person in front of the page is another question. By which
//! [`Way`] the wallet came to the request says how it is settled:
//!
//! * [`Way::Device`]: the link of the page, on the same device. The answer sends the wallet's user back with a response code
//!   that is good once, in the browser that began and in no other. Brought by another browser it ends the request: somebody
//!   was talked into opening somebody else's link.
//! * [`Way::Screen`]: the QR code. The user is on another device, so the address with the response code opens in a browser
//!   that knows nothing; it shows a confirmation code of six digits, to be typed into the page that began. So whoever
//!   has the QR code, or made somebody else scan it, has no result without what that person's own device shows. Three
//!   wrong codes end the request. Where the address opens in the browser that began, nothing needs to be typed.
//! * [`Way::Link`]: the link that the partner's own server got. No page of ours stands between: the result counts at once and
//!   says that nobody confirmed it. The link carries a key of its own, which is on no page, so that nobody who sees a page
//!   can turn the one way into the other.
//!
//! Until it is confirmed the report is kept sealed, and nobody sees a claim of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;
use warifu_keys::{base64url, equal_in_constant_time, sha256};
use warifu_store::{Loaded, Version};

use crate::Verifier;
use crate::check::Report;
use crate::request::{Record, RequestError, Stage};
use crate::transaction::{TransactionId, Viewer};

/// How often a confirmation code may be wrong before the request ends.
pub const TRIES: u8 = 3;
/// How long an answer waits for its confirmation at least, however late in the life of the request it came.
const PATIENCE: SignedDuration = SignedDuration::from_secs(120);

/// How a wallet came to the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By the link that the partner's server got.
    Link,
    /// By the QR code of the page, or nobody knows how.
    #[default]
    Screen,
    /// By the link of the page for wallets on the same device.
    Device,
}

/// What says that the answer belongs to the browser that began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmedBy {
    /// Nothing: the partner handed the link out itself, and has to know to whom.
    #[default]
    None,
    /// The response code came back in that browser.
    ResponseCode,
    /// Its user typed the code that the other device showed.
    ConfirmationCode,
    /// It was asked and answered over the Digital Credentials API in that browser.
    DcApi,
}

impl ConfirmedBy {
    /// The word in the state of a request.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ResponseCode => "response_code",
            Self::ConfirmationCode => "confirmation_code",
            Self::DcApi => "dc_api",
        }
    }
}

/// An accepted answer that nobody has confirmed yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// The report, sealed.
    report: String,
    /// How the wallet came to the request.
    way: Way,
    /// Hash of the response code.
    response_code: String,
    /// Hash of the confirmation code.
    confirmation_code: String,
    /// How many wrong confirmation codes are left.
    tries: u8,
    /// When it is given up.
    pub(crate) until: Timestamp,
}

impl Unconfirmed {
    /// What it waits for.
    #[must_use]
    pub fn awaits(&self) -> ConfirmedBy {
        match self.way {
            Way::Device => ConfirmedBy::ResponseCode,
            Way::Screen | Way::Link => ConfirmedBy::ConfirmationCode,
        }
    }
}

/// Where somebody who came back with a response code goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// To the result: this is the browser that began.
    Confirmed,
    /// Nowhere: this browser shows the code that the one that began is to be told.
    Code(String),
}

impl Verifier {
    /// The stage after an accepted answer, and where the wallet's user goes from there.
    pub(crate) fn after_acceptance(
        &self,
        record: &Record,
        way: Way,
        report: Report,
        now: Timestamp,
    ) -> Result<(Stage, Option<Url>), RequestError> {
        if way == Way::Link {
            return Ok((Stage::Answered { report, confirmed_by: ConfirmedBy::None }, None));
        }
        let code = TransactionId::generate(&*self.entropy);
        let until = now.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX).max(record.expires);
        let unconfirmed = Unconfirmed {
            report: self.seal(&record.id, &report)?,
            way,
            response_code: code.hash(),
            confirmation_code: hash(&record.id, &confirmation_code(&code)),
            tries: TRIES,
            until,
        };
        let mut back = self.way_back(record);
        back.query_pairs_mut().append_pair("response_code", code.as_str());
        Ok((Stage::Unconfirmed(unconfirmed), Some(back)))
    }

    /// The address that leads a wallet's user back to the page of the request.
    pub(crate) fn way_back(&self, record: &Record) -> Url {
        self.config.at(&format!("request/{}/return", record.id))
    }

    /// Takes a response code that a browser brought.
    pub async fn come_back(
        &self,
        id: &str,
        code: &TransactionId,
        transaction: Option<&TransactionId>,
        now: Timestamp,
    ) -> Result<Returned, RequestError> {
        let (seen, record, waiting) = self.unconfirmed(id, now).await?;
        if !code.is(&waiting.response_code) {
            return Err(RequestError::ResponseCode);
        }
        match (self.viewer(id, transaction).await?, waiting.way) {
            (Viewer::Beginner, _) => {
                self.confirm_by(seen, record, &waiting, ConfirmedBy::ResponseCode, now).await?;
                Ok(Returned::Confirmed)
            }
            (Viewer::Stranger, Way::Screen | Way::Link) => Ok(Returned::Code(confirmation_code(code))),
            (Viewer::Stranger, Way::Device) => {
                let ended = record.with(Stage::Failed { reason: "other_browser".to_owned() });
                self.turn(seen, &ended, self.request_entry("request.refused", &ended, now)).await?;
                Err(RequestError::OtherBrowser)
            }
        }
    }

    /// Takes a confirmation code that the user of the browser that began typed; spaces in it do not count.
    pub async fn confirm(
        &self,
        id: &str,
        typed: &str,
        transaction: Option<&TransactionId>,
        now: Timestamp,
    ) -> Result<(), RequestError> {
        let (seen, record, mut waiting) = self.unconfirmed(id, now).await?;
        if self.viewer(id, transaction).await? != Viewer::Beginner {
            return Err(RequestError::OtherBrowser);
        }
        // With the link of the same device nobody is shown a code, so that none can be right.
        if waiting.way == Way::Device {
            return Err(RequestError::OutOfTurn);
        }
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).take(32).collect();
        if equal_in_constant_time(hash(id, &typed).as_bytes(), waiting.confirmation_code.as_bytes()) {
            return self.confirm_by(seen, record, &waiting, ConfirmedBy::ConfirmationCode, now).await;
        }
        waiting.tries = waiting.tries.saturating_sub(1);
        let left = waiting.tries;
        let stage = match left {
            0 => Stage::Failed { reason: "wrong_confirmation_code".to_owned() },
            _ => Stage::Unconfirmed(waiting),
        };
        let next = record.with(stage);
        self.turn(seen, &next, self.request_entry("request.refused", &next, now)).await?;
        Err(RequestError::ConfirmationCode { left })
    }

    async fn unconfirmed(&self, id: &str, now: Timestamp) -> Result<(Version, Record, Unconfirmed), RequestError> {
        let Loaded { seen, value } = self.load(id).await?;
        let Stage::Unconfirmed(waiting) = &value.stage else { return Err(RequestError::OutOfTurn) };
        if now >= waiting.until {
            return Err(RequestError::Expired);
        }
        let waiting = waiting.clone();
        Ok((seen, value, waiting))
    }

    async fn confirm_by(
        &self,
        seen: Version,
        record: Record,
        waiting: &Unconfirmed,
        confirmed_by: ConfirmedBy,
        now: Timestamp,
    ) -> Result<(), RequestError> {
        let report = self.unseal(&record.id, &waiting.report)?;
        let next = record.with(Stage::Answered { report, confirmed_by });
        let entry = self.request_entry("request.confirmed", &next, now).fact("confirmed_by", confirmed_by.word());
        self.turn(seen, &next, entry).await
    }
}

/// The six digits that belong to a response code: only who has the one knows the other.
fn confirmation_code(code: &TransactionId) -> String {
    let digest = sha256(format!("warifu confirmation code 1\0{}", code.as_str()).as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("{:06}", number % 1_000_000)
}

/// What is kept of a confirmation code.
fn hash(id: &str, code: &str) -> String {
    base64url::encode(&sha256(format!("{id}\0{code}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;

    use super::*;

    #[test]
    fn a_code_has_six_digits_and_belongs_to_one_response() {
        let entropy = Seeded::dangerous_new("codes");
        let codes: Vec<_> = (0..200).map(|_| confirmation_code(&TransactionId::generate(&entropy))).collect();
        assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())));
        let mut different = codes.clone();
        different.sort();
        different.dedup();
        assert!(different.len() > 190, "{}", different.len());
    }
}
