//! What every share says about itself: who, to whom, until when, what for, how much.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use warifu_keys::{Entropy, PublicKey, base64url, json as strict, sha256};

use super::{Consent, ShareError};
use crate::consent::{Receipt, UserPid};
use crate::decision::SessionKind;

/// Most words of scope.
pub const MAX_SCOPE: usize = 16;
/// How far the producer's clock may run ahead.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);
/// Shortest life, in seconds.
pub const MIN_LIFE: i64 = 60;
/// Longest life, in seconds.
pub const MAX_LIFE: i64 = 86_400;

/// How long a share lives: 60 to 86400 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life(i64);

impl Default for Life {
    /// 900 seconds.
    fn default() -> Self {
        Self(900)
    }
}

impl Life {
    /// 3600 seconds: the default where the caller writes `for_application_id`.
    pub const HOUR: Self = Self(3600);

    /// A life of so many seconds.
    pub fn from_seconds(seconds: i64) -> Result<Self, ShareError> {
        if (MIN_LIFE..=MAX_LIFE).contains(&seconds) { Ok(Self(seconds)) } else { Err(ShareError::Life(seconds)) }
    }

    /// The seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }
}

/// A word of scope: what part of the verification is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything below.
    Kyc,
    /// Identity and document.
    IdVerification,
    /// Liveness of the selfie.
    Liveness,
    /// Match of selfie and portrait.
    FaceMatch,
}

/// A text that is no word of scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope")]
pub struct NotAScope(String);

impl Scope {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Kyc => "kyc",
            Self::IdVerification => "id_verification",
            Self::Liveness => "liveness",
            Self::FaceMatch => "face_match",
        }
    }

    /// Whether this word includes `part`.
    #[must_use]
    pub fn covers(self, part: Self) -> bool {
        self == part || self == Self::Kyc
    }
}

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        let all = [Self::Kyc, Self::IdVerification, Self::Liveness, Self::FaceMatch];
        let found = all.into_iter().find(|scope| scope.word() == text);
        found.ok_or_else(|| NotAScope(text.chars().take(40).collect()))
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What a share is made from, before it has an identifier and times.
#[derive(Debug, Clone)]
pub struct NewShare {
    /// Who shares: the issuer's address, or [`holder_issuer`] of the wallet's holder key.
    pub issuer: String,
    /// Who may import: the audience identifier of the partner in the trusted list.
    pub audience: String,
    /// Person or company.
    pub session_kind: SessionKind,
    /// What for, in one word or a few: 1 to 200 bytes.
    pub purpose: String,
    /// What is shared.
    pub scope: Vec<Scope>,
    /// The person towards the partner.
    pub user_pid: UserPid,
    /// For how long.
    pub life: Life,
}

/// The claims of a share that both producers write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub(super) jti: Uuid,
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) session_kind: SessionKind,
    pub(super) purpose: String,
    pub(super) scope: Vec<Scope>,
    pub(super) user_pid: UserPid,
}

impl Terms {
    /// Gives a new share its identifier and its times.
    pub fn new(new: NewShare, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, ShareError> {
        let terms = Self {
            jti: uuid::Builder::from_random_bytes(entropy.array()).into_uuid(),
            iss: new.issuer,
            aud: new.audience,
            iat: now.as_second(),
            exp: now.as_second().saturating_add(new.life.0),
            session_kind: new.session_kind,
            purpose: new.purpose,
            scope: new.scope,
            user_pid: new.user_pid,
        };
        terms.check()?;
        Ok(terms)
    }

    /// Identifier of the share; the nonce of the presentation inside.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.jti
    }

    /// Who shares.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.iss
    }

    /// Who may import.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.aud
    }

    /// When the share was made.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        Timestamp::from_second(self.iat).unwrap_or(Timestamp::MIN)
    }

    /// When it runs out.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_second(self.exp).unwrap_or(Timestamp::MIN)
    }

    /// Person or company.
    #[must_use]
    pub fn session_kind(&self) -> SessionKind {
        self.session_kind
    }

    /// What for.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// What is shared.
    #[must_use]
    pub fn scope(&self) -> &[Scope] {
        &self.scope
    }

    /// The person towards the partner.
    #[must_use]
    pub fn user_pid(&self) -> &UserPid {
        &self.user_pid
    }

    /// base64url SHA-256 of the canonical claims: what the wallet's consent receipt carries as `share_digest`.
    #[must_use]
    pub fn digest(&self) -> String {
        self.digest_with(None)
    }

    /// The issuer's signature covers the consent, too; the wallet's consent is itself the signed carrier.
    pub(super) fn digest_with(&self, consent: Option<&Consent>) -> String {
        let value = serde_json::to_value((self, consent)).unwrap_or(Value::Null);
        base64url::encode(&sha256(format!("warifu share 1\n{}", strict::canonical(&value)).as_bytes()))
    }

    pub(super) fn check(&self) -> Result<(), ShareError> {
        let member = |name, good: bool| if good { Ok(()) } else { Err(ShareError::Member(name)) };
        member("iss", !self.iss.is_empty() && self.iss.len() <= 500)?;
        member("aud", !self.aud.is_empty() && self.aud.len() <= 500)?;
        member("purpose", !self.purpose.is_empty() && self.purpose.len() <= 200)?;
        member("scope", !self.scope.is_empty() && self.scope.len() <= MAX_SCOPE)?;
        member("iat", Timestamp::from_second(self.iat).is_ok())?;
        member("exp", Timestamp::from_second(self.exp).is_ok())?;
        Life::from_seconds(self.exp.saturating_sub(self.iat)).map(|_| ())
    }

    /// The rules that do not depend on who made the share.
    pub(super) fn check_for(&self, audience: &str, now: Timestamp) -> Result<(), ShareError> {
        if self.aud != audience {
            return Err(ShareError::WrongAudience);
        }
        if self.issued_at() > now.saturating_add(CLOCK_SKEW).unwrap_or(now) {
            return Err(ShareError::NotYetValid { at: self.issued_at() });
        }
        if now >= self.expires_at() {
            return Err(ShareError::Expired { at: self.expires_at() });
        }
        Ok(())
    }

    /// The receipt must speak of this share: same person, purpose and recipient.
    pub(super) fn check_consent(&self, receipt: &Receipt, now: Timestamp) -> Result<(), ShareError> {
        receipt.check()?;
        receipt.check_given(now)?;
        if receipt.pii_principal_id != self.user_pid {
            return Err(ShareError::ConsentMismatch("person"));
        }
        let processing = &receipt.pii_processing;
        if !processing.purposes.iter().any(|purpose| purpose.purpose == self.purpose) {
            return Err(ShareError::ConsentMismatch("purpose"));
        }
        if !processing.recipient_third_parties.contains(&self.aud) {
            return Err(ShareError::ConsentMismatch("recipient"));
        }
        Ok(())
    }
}

/// `iss` of a wallet's share: the thumbprint URI of the holder key (RFC 9278), which names nobody.
#[must_use]
pub fn holder_issuer(holder: &PublicKey) -> String {
    format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{}", base64url::encode(&holder.thumbprint()))
}
