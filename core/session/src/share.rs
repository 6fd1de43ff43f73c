//! The share token: what a person agreed to give to one partner, sealed to that partner, for a short time, once.
//!
//! One format, two producers. A **wallet** puts in an SD-JWT VC presentation whose key binding names the partner (`aud`)
//! and the share (`nonce` = `jti`), and a consent receipt signed by the same holder key. An **issuer** puts in its
//! decision, cut to the scope, as a JWS under its document-signer chain, and the consent it recorded.
//!
//! ```text
//! JWE compact: alg ECDH-ES, enc A256GCM, kid = the partner's key in the trusted list, typ warifu-share+jwe
//!   { jti, iss, aud, iat, exp, session_kind, purpose, scope[], user_pid,
//!     consent:      signed receipt (JWS), or the receipt itself when an issuer recorded it,
//!     presentation: SD-JWT VC with key binding        (wallet)
//!     decision:     JWS { share_digest, decision }    (issuer) }
//! ```
//!
//! A JWE to a public key says nothing about its sender, so the inner signature covers the outer claims: the holder's
//! receipt and the issuer's JWS both carry `share_digest`, the SHA-256 of the canonical claims. Changing purpose, scope
//! or life breaks it.
//!
//! Opening is a chain of types: [`Received::open`] → [`Received::addressed_to`] → [`Claimed`] → `authenticate` →
//! [`Authentic`], the only one whose content can be read. What remains for the caller: trust decisions, status of the
//! credential, and once-only import by [`Authentic::import_key`] with compare-and-set.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;
use warifu_keys::json::JsonError;
use warifu_keys::jwe::{AgreementKey, Encryption, JweError, Sealed, encrypt};
use warifu_keys::jws::{Header, Unverified};
use warifu_keys::x509::{Certificate, Purpose, verify_chain};
use warifu_keys::{Entropy, Jwk, PublicKey, Signer, base64url, json as strict};

use crate::consent::{Receipt, SignedReceipt, UserPid};
use crate::decision::{Decision, SessionKind};

mod error;
mod terms;
#[cfg(test)]
mod tests;

pub use error::ShareError;
pub use terms::{CLOCK_SKEW, Life, MAX_LIFE, MAX_SCOPE, MIN_LIFE, NewShare, NotAScope, Scope, Terms, holder_issuer};

/// `typ` of the token.
pub const TYP: &str = "warifu-share+jwe";
/// `typ` of the issuer's JWS inside.
pub const DECISION_TYP: &str = "warifu-share-decision+jwt";
/// Largest token, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The consent inside a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Consent {
    /// Signed by the person's own key.
    Signed(SignedReceipt),
    /// Recorded by the issuer, on whose word it stands.
    Recorded(Box<Receipt>),
}

/// What a producer puts into a share.
#[derive(Debug, Clone)]
pub struct Content {
    consent: Consent,
    payload: Payload,
}

#[derive(Debug, Clone)]
enum Payload {
    Presentation(String),
    Decision(String),
}

impl Content {
    /// A wallet's content. `presentation` is an SD-JWT VC with key binding whose `aud` is the audience of `terms` and
    /// whose `nonce` is its identifier; `receipt` is signed here with the same holder key.
    pub fn from_wallet(
        terms: &Terms,
        receipt: &Receipt,
        presentation: String,
        holder: &dyn Signer,
    ) -> Result<Self, ShareError> {
        if terms.iss != holder_issuer(&holder.public_key()) {
            return Err(ShareError::IssuerMismatch);
        }
        terms.check_consent(receipt, terms.issued_at())?;
        let signed = receipt.sign(Some(&terms.digest()), holder)?;
        Ok(Self { consent: Consent::Signed(signed), payload: Payload::Presentation(presentation) })
    }

    /// An issuer's content: the decision of a decided session, cut to the scope and signed under `chain` (leaf first).
    pub fn from_issuer(
        terms: &Terms,
        receipt: Receipt,
        decision: &Decision,
        chain: &[Certificate],
        signer: &dyn Signer,
    ) -> Result<Self, ShareError> {
        if !decision.status.is_decided() {
            return Err(ShareError::NotDecided(decision.status));
        }
        if decision.session_kind != terms.session_kind {
            return Err(ShareError::Member("session_kind"));
        }
        terms.check_consent(&receipt, terms.issued_at())?;
        let consent = Consent::Recorded(Box::new(receipt));
        let cut = serde_json::to_value(decision.cut(&terms.scope))
            .map_err(|error| JsonError::Malformed(error.to_string()))?;
        let claims = Map::from_iter([
            ("share_digest".to_owned(), Value::from(terms.digest_with(Some(&consent)))),
            ("decision".to_owned(), cut),
        ]);
        let jws = warifu_keys::jws::sign_claims(Header::typ(DECISION_TYP).x5c(chain), &claims, signer)?;
        Ok(Self { consent, payload: Payload::Decision(jws) })
    }
}

/// Seals a share to the partner's key: the one that the trusted list names for the audience of `terms`.
pub fn seal(terms: &Terms, content: Content, to: &Jwk, entropy: &dyn Entropy) -> Result<String, ShareError> {
    let (presentation, decision) = match content.payload {
        Payload::Presentation(text) => (Some(text), None),
        Payload::Decision(text) => (None, Some(text)),
    };
    let body = Body::new(terms, content.consent, presentation, decision);
    let value = serde_json::to_value(&body).map_err(|error| JsonError::Malformed(error.to_string()))?;
    let kid = match &to.kid {
        Some(kid) => kid.clone(),
        None => base64url::encode(&to.thumbprint().map_err(|error| ShareError::Envelope(error.into()))?),
    };
    let to = Jwk { kid: Some(kid), ..to.clone() };
    let header = Map::from_iter([("typ".to_owned(), Value::from(TYP))]);
    let token = encrypt(strict::canonical(&value).as_bytes(), &to, Encryption::A256Gcm, header, entropy)
        .map_err(ShareError::Envelope)?;
    if token.len() > MAX_BYTES {
        return Err(ShareError::TooLarge(token.len()));
    }
    Ok(token)
}

/// The members inside the JWE.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    jti: Uuid,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    session_kind: SessionKind,
    purpose: String,
    scope: Vec<Scope>,
    user_pid: UserPid,
    consent: Consent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    presentation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
}

impl Body {
    fn new(terms: &Terms, consent: Consent, presentation: Option<String>, decision: Option<String>) -> Self {
        let Terms { jti, iss, aud, iat, exp, session_kind, purpose, scope, user_pid } = terms.clone();
        Self { jti, iss, aud, iat, exp, session_kind, purpose, scope, user_pid, consent, presentation, decision }
    }
}

/// A share token that could be opened with the partner's key. Nothing in it may be believed yet.
#[derive(Debug)]
pub struct Received {
    terms: Terms,
    consent: Consent,
    payload: Payload,
}

impl Received {
    /// Opens a token with the partner's key. Demands the type, the algorithms, the key's `kid` and the shape inside.
    pub fn open(token: &str, key: &AgreementKey) -> Result<Self, ShareError> {
        if token.len() > MAX_BYTES {
            return Err(ShareError::TooLarge(token.len()));
        }
        let sealed = Sealed::parse(token).map_err(ShareError::Envelope)?;
        let typ = sealed.header_text("typ").unwrap_or_default();
        if typ != TYP {
            return Err(ShareError::Type(typ.chars().take(40).collect()));
        }
        if sealed.encryption() != Encryption::A256Gcm {
            return Err(ShareError::Encryption(sealed.encryption().name()));
        }
        if sealed.kid() != key.public_jwk().kid.as_deref() {
            return Err(ShareError::OtherKey);
        }
        let opened = sealed.decrypt(key).map_err(|error| match error {
            JweError::Decryption => ShareError::Decryption,
            other => ShareError::Envelope(other),
        })?;
        let body: Body = strict::parse_as(&opened)?;
        let payload = match (body.presentation, body.decision) {
            (Some(text), None) => Payload::Presentation(text),
            (None, Some(text)) => Payload::Decision(text),
            (Some(_), Some(_)) | (None, None) => return Err(ShareError::Member("presentation or decision")),
        };
        let terms = Terms {
            jti: body.jti,
            iss: body.iss,
            aud: body.aud,
            iat: body.iat,
            exp: body.exp,
            session_kind: body.session_kind,
            purpose: body.purpose,
            scope: body.scope,
            user_pid: body.user_pid,
        };
        terms.check()?;
        Ok(Self { terms, consent: body.consent, payload })
    }

    /// Demands that the share is for `audience` and in date, and says who has to be believed for the rest.
    pub fn addressed_to(self, audience: &str, now: Timestamp) -> Result<Claimed, ShareError> {
        self.terms.check_for(audience, now)?;
        match (self.payload, self.consent) {
            (Payload::Presentation(presentation), Consent::Signed(consent)) => {
                Ok(Claimed::Wallet(FromWallet { terms: self.terms, consent, presentation }))
            }
            // A wallet's consent without the person's signature is the word of nobody.
            (Payload::Presentation(_), Consent::Recorded(_)) => Err(ShareError::Member("consent")),
            (Payload::Decision(_), Consent::Signed(_)) => Err(ShareError::Member("consent")),
            (Payload::Decision(jws), Consent::Recorded(receipt)) => {
                let jws = Unverified::parse(&jws)?;
                jws.expect_typ(DECISION_TYP)?;
                let chain = jws.x5c()?;
                Ok(Claimed::Issuer(FromIssuer { terms: self.terms, receipt, jws, chain }))
            }
        }
    }
}

/// A share for the right partner at the right time, by the claims of its producer.
#[derive(Debug)]
pub enum Claimed {
    /// A wallet's.
    Wallet(FromWallet),
    /// An issuer's.
    Issuer(FromIssuer),
}

/// A wallet's share. Verify [`FromWallet::presentation`] first; its holder key opens the rest.
#[derive(Debug)]
pub struct FromWallet {
    terms: Terms,
    consent: SignedReceipt,
    presentation: String,
}

impl FromWallet {
    /// The SD-JWT VC presentation, to be verified with issuer trust, status and key binding.
    #[must_use]
    pub fn presentation(&self) -> &str {
        &self.presentation
    }

    /// The `aud` that its key binding must carry.
    #[must_use]
    pub fn expected_audience(&self) -> &str {
        &self.terms.aud
    }

    /// The `nonce` that its key binding must carry.
    #[must_use]
    pub fn expected_nonce(&self) -> String {
        self.terms.jti.to_string()
    }

    /// `holder` is the `cnf` key of the verified presentation: it must have signed the consent to exactly this share.
    pub fn authenticate(self, holder: &PublicKey, now: Timestamp) -> Result<Authentic, ShareError> {
        if self.terms.iss != holder_issuer(holder) {
            return Err(ShareError::IssuerMismatch);
        }
        let verified = self.consent.verify(holder)?;
        if verified.share_digest.as_deref() != Some(self.terms.digest().as_str()) {
            return Err(ShareError::OtherShare);
        }
        self.terms.check_consent(&verified.receipt, now)?;
        Ok(Authentic { terms: self.terms, receipt: verified.receipt, decision: None })
    }
}

/// An issuer's share. Ask the trust registry whether [`FromIssuer::chain`] may issue, then authenticate.
#[derive(Debug)]
pub struct FromIssuer {
    terms: Terms,
    receipt: Box<Receipt>,
    jws: Unverified,
    chain: Vec<Certificate>,
}

impl FromIssuer {
    /// The issuer's certificates, leaf first. Nothing about them is verified.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Checks chain, signature, that it was made for this share, consent, and that the decision keeps to the scope.
    pub fn authenticate(self, anchors: &[Certificate], now: Timestamp) -> Result<Authentic, ShareError> {
        let leaf = verify_chain(&self.chain, anchors, Purpose::DocumentSigner, now)?.leaf;
        let mut claims = self.jws.verify_claims(&leaf.public_key()?)?;
        let consent = Consent::Recorded(self.receipt.clone());
        let expected = self.terms.digest_with(Some(&consent));
        if claims.get("share_digest").and_then(Value::as_str) != Some(expected.as_str()) {
            return Err(ShareError::OtherShare);
        }
        let decision = claims.remove("decision").ok_or(ShareError::Member("decision"))?;
        let decision: Decision =
            serde_json::from_value(decision).map_err(|error| JsonError::Malformed(error.to_string()))?;
        if !decision.status.is_decided() {
            return Err(ShareError::NotDecided(decision.status));
        }
        if decision.session_kind != self.terms.session_kind {
            return Err(ShareError::Member("session_kind"));
        }
        if decision.cut(&self.terms.scope) != decision {
            return Err(ShareError::BeyondScope);
        }
        self.terms.check_consent(&self.receipt, now)?;
        Ok(Authentic { terms: self.terms, receipt: *self.receipt, decision: Some(decision) })
    }
}

/// A share whose producer, audience, time and consent are proven.
#[derive(Debug, Clone, PartialEq)]
pub struct Authentic {
    terms: Terms,
    receipt: Receipt,
    decision: Option<Decision>,
}

impl Authentic {
    /// The claims of the share.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What the person agreed to.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The decision, cut to the scope; `None` for a wallet's share, whose claims are in the verified presentation.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// What an application may import once: the source session, or the share itself where a wallet made it.
    #[must_use]
    pub fn import_key(&self) -> String {
        match &self.decision {
            Some(decision) => format!("session:{}", decision.session_id),
            None => format!("share:{}", self.terms.jti),
        }
    }
}
